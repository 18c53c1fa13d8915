#!/usr/bin/env python3
"""How fast does each SCIM server take people and groups, on one core?

    make bench-scim
    ROUNDS=1 SECONDS_EACH=2 LARGE=0 ONLY=samlgate tests/peers/venv/bin/python benches/compare/scim/run.py
    DATABASE=postgres://… ... samlgate on PostgreSQL (an empty database; not beside the others)

The load is bound to one core, all processes of the server to another (CORES=0,1). Loopback only.
Everything that it starts, it ends.
"""

import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "logins")]
import client  # noqa: E402
import messages  # noqa: E402
from programs import free_port, seconds, until_it_listens, until_ready  # noqa: E402

OUT = HERE.parent / "out-scim"
PEERS = ROOT / "target/compare-scim"
SAMLGATE = os.environ.get("SAMLGATE", str(ROOT / "target/release/samlgate"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = int(os.environ.get("SECONDS_EACH", "5"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "16"))
# People and groups of the first sync, the members of the group, the people of the large store.
PEOPLE = int(os.environ.get("PEOPLE", "10000"))
GROUPS = int(os.environ.get("GROUP_COUNT", "100"))
LARGE = int(os.environ.get("LARGE", "1000000"))
LARGE_GROUP = int(os.environ.get("LARGE_GROUP", "100000"))
ONLY = os.environ.get("ONLY", "scim2-server,scimmy,samlgate").split(",")
LOAD_CORE, OWN_CORE = (os.environ.get("CORES", "0,1").split(",") + [""])[:2]
DATABASE = os.environ.get("DATABASE", f"sqlite://{OUT}/samlgate/data/samlgate.db")
TOKEN = "compare"
# The first sync comes by so many connections. What is one after the other for one of them waits for the
# disk each time.
WORKERS = int(os.environ.get("WORKERS", "16"))
BULK_WORKERS = 4
KINDS = ("create", "filter", "get", "list", "member")


class Server:
    """A server that runs, and the processes of it."""

    def __init__(self, name):
        self.name, self.port, self.token = name, free_port(), TOKEN
        self.folder = OUT / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.process = None
        getattr(self, name.replace("-", "_"))()

    def scim2_server(self):
        python = str(PEERS / "venv/bin/python")
        self.run([python, str(HERE / "scim2_peer.py"), str(self.port), TOKEN])

    def scimmy(self):
        # A page of people of some size is more than its heap is made for.
        script = str(PEERS / "node/server.js")
        self.run(["node", "--max-old-space-size=4096", script, str(self.port), TOKEN])

    def samlgate(self):
        admin = free_port()
        config = self.folder / "samlgate.toml"
        text = (HERE / "samlgate.toml").read_text()
        for key, value in {"PORT": self.port, "ADMIN": admin, "OUT": OUT, "DATABASE": DATABASE}.items():
            text = text.replace(f"@{key}@", str(value))
        (self.folder / "data").mkdir()
        config.write_text(text)
        (OUT / "idp.xml").write_text(messages.Idp().metadata())
        self.run([SAMLGATE, "serve", "--config", str(config)])
        until_ready(f"http://127.0.0.1:{admin}/readyz")
        name = f"compare-{os.getpid()}-{self.port}"
        create = [SAMLGATE, "scim", "token", "create", name, "--config", str(config)]
        self.token = subprocess.run(create, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, command):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(bound(OWN_CORE, command), stdout=log, stderr=log, cwd=self.folder)
        until_it_listens(self.port, [self.process], self.folder)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def memory(self):
        """What it has had at most, in MB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


    def processor(self):
        """Seconds of processor time that it has had: also on a busy machine what it had to do."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bound(core, command):
    """A command that stays on a core, if there is one for it."""
    return ["taskset", "-c", core, *command] if core else command


def main():
    if sys.argv[1:]:
        print(__doc__)
        return
    OUT.mkdir(exist_ok=True)
    if set(ONLY) - {"samlgate"}:
        subprocess.run([str(HERE / "install.sh")], check=True)
    print(
        f"{ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections, {PEOPLE} people and {GROUPS} groups, "
        f"a group of {PEOPLE}; the load on core {LOAD_CORE}, the server on core {OWN_CORE or 'any'}",
        flush=True,
    )
    results = {name: {} for name in ONLY}
    for round_number in range(1, ROUNDS + 1):
        for name in ONLY:
            server = Server(name)
            try:
                for what, value in small(server).items():
                    results[name].setdefault(what, []).append(value)
                    print(f"{round_number:<3} {name:<13} {what:<28} {value:>12,.1f}", flush=True)
            finally:
                server.stop()
    table(results)
    if LARGE and "samlgate" in ONLY:
        server = Server("samlgate")
        try:
            large(server)
        finally:
            server.stop()


def small(server):
    """A first sync, then each kind of request on what it left."""
    took, busy, ids = first_sync(server)
    found = {"first sync, s": took, "first sync cpu, s": busy}
    group = group_of(server, ids, "Everybody")
    # Those who come and go are members too; what is removed is one of many.
    for kind in KINDS:
        rate, p99, cost = measure(server, kind, PEOPLE, ids, group)
        found |= {f"{kind}/s": rate, f"{kind} p99, ms": p99, f"{kind} cpu, us": cost}
    found["memory, MB"] = server.memory()
    return found


def first_sync(server):
    """Seconds, those of the processor, and the ids of the people."""
    began, busy = time.monotonic(), server.processor()
    numbers = list(range(PEOPLE))
    jobs = [(server.port, server.token, "user", part) for part in client.parts(numbers, WORKERS)]
    ids = [id for part in client.spread(client.sync_people, jobs, LOAD_CORE) for id in part]
    size = max(1, PEOPLE // GROUPS)
    groups = [(f"group-{number}", ids[number * size :][:size]) for number in range(GROUPS)]
    jobs = [(server.port, server.token, part) for part in client.parts(groups, WORKERS)]
    client.spread(client.sync_groups, jobs, LOAD_CORE)
    return time.monotonic() - began, server.processor() - busy, ids


def group_of(server, ids, name):
    connection = client.Connection(server.port, server.token)
    body = {"schemas": [client.SCHEMA + "Group"], "displayName": name}
    group = connection.ask("POST", "/Groups", body)["id"]
    # In large pieces: those who load the whole group load it less often.
    client.fill(connection, group, ids, 1000)
    return group


def measure(server, kind, people, ids, group):
    """Requests in a second, the 99th percentile in ms, and the processor time of one in µs."""
    busy = server.processor()
    file = server.folder / "ids"
    file.write_text("\n".join(ids) + "\n")
    environment = {
        **os.environ, "KIND": kind, "PEOPLE": str(people), "BASE": "/scim/v2", "TOKEN": server.token,
        "RUN": f"r{time.monotonic_ns()}", "IDS": str(file), "GROUP": group,
    }
    wrk = [
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "60s", "--latency",
        "-s", str(HERE / "load.lua"), f"http://127.0.0.1:{server.port}",
    ]
    report = subprocess.run(
        bound(LOAD_CORE, wrk), env=environment, capture_output=True, text=True, check=False
    )
    line = next((line for line in report.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        sys.exit(f"wrk: {report.stdout}{report.stderr}")
    _, fine, wrong, duration, _, p99, *last = line.split(" ")
    # The others lose a member now and then when many change a group; we may not.
    if int(wrong) and (server.name == "samlgate" or kind != "member"):
        sys.exit(f"{server.name}, {kind}: {wrong} wrong answers, the last {' '.join(last)}")
    if not int(fine) and kind == "member":
        return slow_member(server, ids, group)
    busy = server.processor() - busy
    return int(fine) / float(duration), float(p99), 1e6 * busy / max(1, int(fine))


def slow_member(server, ids, group):
    """Where a single change takes longer than a round: that one change, alone."""
    connection = client.Connection(server.port, server.token)
    began, busy = time.monotonic(), server.processor()
    client.fill(connection, group, ids[:1], 1)
    took, busy = time.monotonic() - began, server.processor() - busy
    return 1 / took, 1000 * took, 1e6 * busy


def large(server):
    """Look-ups and member changes where there are a thousand, and where there are a million."""
    sizes = [(1000, 1000), (LARGE, LARGE_GROUP)]
    print(f"\nsamlgate with {LARGE:,} people and a group of {LARGE_GROUP:,}")
    print(f"{'people':>10} {'what':<16} {'/s':>10} {'p99, ms':>10} {'cpu, us':>10}")
    ids, rates = [], {}
    for people, members in sizes:
        began = time.monotonic()
        numbers = list(range(len(ids), people))
        jobs = [(server.port, server.token, "user", part) for part in client.parts(numbers, BULK_WORKERS)]
        ids += [id for part in client.spread(client.bulk_people, jobs, LOAD_CORE) for id in part]
        took = time.monotonic() - began
        group = group_of(server, ids[:members], f"Group of {members}")
        print(f"{people:>10,} {'loaded by Bulk':<16} {len(numbers) / took:>10,.0f}", flush=True)
        for kind in KINDS:
            rate, p99, cost = measure(server, kind, people, ids, group)
            rates.setdefault(kind, []).append((rate, cost))
            print(f"{people:>10,} {kind:<16} {rate:>10,.0f} {p99:>10.1f} {cost:>10.1f}", flush=True)
    for kind, ((few, cheap), (many, dear)) in rates.items():
        print(f"{kind}: {few / many:.2f} times as long with {LARGE:,} as with a thousand, {dear / cheap:.2f} by cpu")
    print(f"memory: {server.memory():.0f} MB at most")


def table(results):
    """Medians, and how many times the best of the others."""
    others = [name for name in results if name != "samlgate"]
    print(f"\n{'median of the rounds':<28}" + "".join(f"{name:>15}" for name in results) + f"{'ratio':>9}")
    medians = {name: {what: statistics.median(of) for what, of in found.items()} for name, found in results.items()}
    for what in next(iter(medians.values())):
        line = "".join(f"{medians[name][what]:>15,.1f}" for name in results)
        ratio = ""
        if others and "samlgate" in medians and "p99" not in what and "memory" not in what:
            ours = medians["samlgate"][what]
            theirs = [medians[name][what] for name in others]
            less = what.endswith((", s", ", us"))
            # Where none of them answered once, there is nothing to compare.
            best = min(theirs) / ours if less else ours / (max(theirs) or math.nan)
            ratio = f"{best:>8.1f}x"
        print(f"{what:<28}{line}{ratio}")
    (OUT / "results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
