#!/usr/bin/env python3
"""What do ten thousand identity providers cost, and who that signs in notices?

    make bench-federation
    COUNT=1000 SECONDS_EACH=2 tests/peers/venv/bin/python benches/compare/federation/run.py

Loopback only. Everything that it starts, it ends.
"""

import http.client
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "logins")]
import aggregate  # noqa: E402
from programs import free_port, seconds  # noqa: E402

OUT = HERE.parent / "out-federation"
SAMLGATE = os.environ.get("SAMLGATE", str(ROOT / "target/release/samlgate"))
COUNT = int(os.environ.get("COUNT", "10000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "3"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "4"))
# For how long sign-ins are looked at while the gateway reads everything.
LONG = int(os.environ.get("LONG", "20"))
FOUND = {}


def main():
    if sys.argv[1:]:
        print(__doc__)
        return
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    federation = aggregate.Federation(COUNT)
    (OUT / "federation.crt").write_bytes(federation.pem())
    url = publish(federation, aggregate.host())
    say("aggregate, MB", len(aggregate.Host.document) / 1e6)
    one, many = Gateway("one"), Gateway("many")
    only = OUT / "all.xml"
    only.write_bytes(aggregate.Host.document)
    one.command("import one", "idp", "import", str(only), *SIGNED, "--entity-id", aggregate.entity_id(0))
    only.unlink()
    many.command("import all", "idp", "import", url, *SIGNED, "--all")
    try:
        compare(one, many)
        change(federation, many)
        many.stop()
        # All of the document is asked for and written, since it is due, while people sign in.
        due = sqlite3.connect(many.folder / "data/samlgate.db")
        due.execute("UPDATE idp_refresh SET next_at = 0")
        due.commit()
        due.close()
        many.start("again")
        begins(many, COUNT, "begins, while all are refreshed", LONG)
        many.until_quiet()
        say("many: resident after that, MB", many.memory("VmRSS"))
        say("many: most resident after that, MB", many.memory("VmHWM"))
        many.stop()
        # It says until when it is good, which is other now for everybody; then nothing is.
        many.command("import all again", "idp", "import", url, *SIGNED, "--all")
        many.command("import the same again", "idp", "import", url, *SIGNED, "--all")
        many.command("list", "idp", "list")
        many.command("certs", "certs")
    finally:
        one.stop()
        many.stop()
    (OUT / "results.json").write_text(json.dumps(FOUND, indent=1))


SIGNED = ("--metadata-signing-certificate", str(OUT / "federation.crt"))


def compare(one, many):
    one.start()
    many.start()
    many.until_quiet()
    for gateway in (one, many):
        say(f"{gateway.name}: resident, MB", gateway.memory("VmRSS"))
        say(f"{gateway.name}: most resident, MB", gateway.memory("VmHWM"))
    rates = {gateway: [] for gateway in (one, many)}
    for _ in range(ROUNDS):
        for gateway, count in ((one, 1), (many, COUNT)):
            rates[gateway].append(begins(gateway, count))
    middle = {gateway: list(map(statistics.median, zip(*rounds))) for gateway, rounds in rates.items()}
    for gateway, (rate, p50, p99, most, cpu) in middle.items():
        say(f"{gateway.name}: begins/s", rate)
        say(f"{gateway.name}: begins p50, ms", p50)
        say(f"{gateway.name}: begins p99, ms", p99)
        say(f"{gateway.name}: begins cpu, us", cpu)
    for what, number in (("p50", 1), ("p99", 2), ("cpu", 4)):
        ratios = [b[number] / a[number] for a, b in zip(rates[one], rates[many])]
        say(f"begins {what}: many / one", statistics.median(ratios))
    took, size = many.page("/.samlgate/sign_in")
    say("chooser, ms", took)
    say("chooser, MB", size / 1e6)
    took, size = many.page("/.samlgate/sign_in?q=university+47")
    say("chooser, searched, ms", took)
    say("chooser, searched, MB", size / 1e6)
    took, size = many.page("/metrics", many.admin)
    say("metrics, ms", took)
    say("metrics, MB", size / 1e6)
    busy = seconds(many.process.pid)
    time.sleep(3 * LONG)
    say("cpu of many at rest, % of a core", 100 * (seconds(many.process.pid) - busy) / LONG / 3)


def change(federation, many):
    """One of them has other addresses: somebody asks for it, and the gateway takes it."""
    federation.moved.add(5 % COUNT)
    publish(federation, None)
    load = wrk(many, COUNT, LONG)
    began = time.monotonic()
    many.command("refresh one", "idp", "refresh", f"university-{5 % COUNT}")
    while "/moved/" not in many.location(f"university-{5 % COUNT}"):
        time.sleep(0.05)
        if time.monotonic() - began > 120:
            sys.exit("the change is never used")
    say("refresh one: used after, s", time.monotonic() - began)
    report("begins, while one is refreshed", load.communicate()[0])
    many.until_quiet()
    say("many: most resident, MB", many.memory("VmHWM"))


def publish(federation, url):
    aggregate.Host.document = federation.document()
    aggregate.Host.etag = f'"{time.monotonic_ns()}"'
    return url


class Gateway:
    """A gateway with a database of its own."""

    def __init__(self, name):
        self.name, self.port, self.admin, self.process = name, free_port(), free_port(), None
        self.folder = OUT / name
        (self.folder / "data").mkdir(parents=True)
        text = (HERE / "samlgate.toml").read_text()
        for key, value in {"PORT": self.port, "ADMIN": self.admin, "OUT": self.folder}.items():
            text = text.replace(f"@{key}@", str(value))
        self.config = self.folder / "samlgate.toml"
        self.config.write_text(text)

    def command(self, what, *arguments):
        """Runs one: seconds, those on a processor, and the most that it had in memory."""
        began = time.monotonic()
        log = open(self.folder / "command.log", "ab")
        words = [SAMLGATE, *arguments, "--config", str(self.config)]
        process = subprocess.Popen(words, stdout=log, stderr=log)
        # What the system accounts for a child begins with what its parent had.
        most, ended = 0, 0
        while not ended:
            most = peak(process.pid) or most
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{words} failed: see {self.folder}/command.log")
        say(f"{what}, s", time.monotonic() - began)
        say(f"{what}, cpu s", usage.ru_utime + usage.ru_stime)
        say(f"{what}, most MB", most)

    def start(self, again=""):
        log = open(self.folder / "log", "ab")
        began = time.monotonic()
        command = [SAMLGATE, "serve", "--config", str(self.config)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while not self.is_ready():
            time.sleep(0.05)
            if self.process.poll() is not None or time.monotonic() - began > 120:
                sys.exit(f"it is not ready: see {self.folder}/log")
        say(f"{self.name}: ready {again}, s".replace(" ,", ","), time.monotonic() - began)
        say(f"{self.name}: ready {again}, cpu s".replace(" ,", ","), seconds(self.process.pid))
        say(f"{self.name}: most resident when ready, MB", self.memory("VmHWM"))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def memory(self, which):
        return peak(self.process.pid, which)

    def is_ready(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=60)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def until_quiet(self):
        """Until it has done nearly nothing for two seconds; what it does every few seconds may stay."""
        for _ in range(60):
            busy = seconds(self.process.pid)
            time.sleep(2)
            if seconds(self.process.pid) - busy < 0.1:
                return

    def page(self, path, port=None):
        """Milliseconds (the median) and bytes."""
        times = []
        for _ in range(5):
            connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
            began = time.monotonic()
            connection.request("GET", path)
            answer = connection.getresponse()
            size = len(answer.read())
            times.append(1000 * (time.monotonic() - began))
            if answer.status != 200:
                sys.exit(f"{path}: {answer.status}")
            connection.close()
        return statistics.median(times), size

    def location(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/.samlgate/start?idp={name}")
        return connection.getresponse().headers.get("Location", "")


def peak(pid, which="VmHWM"):
    """Megabytes; none of a process that has ended."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    line = next((line for line in lines if line.startswith(which)), "none 0")
    return int(line.split()[1]) * 1024 / 1e6


def begins(gateway, count, what=None, duration=SECONDS):
    """Sign-ins that begin: how many in a second, p50, p99 and the longest in ms, processor µs for one."""
    busy = seconds(gateway.process.pid)
    output = wrk(gateway, count, duration).communicate()[0]
    fine, rate, p50, p99, most = result(output)
    if what:
        report(what, output)
    return rate, p50, p99, most, 1e6 * (seconds(gateway.process.pid) - busy) / fine


def wrk(gateway, count, duration):
    command = [
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{duration}s", "--timeout", "60s",
        "-s", str(HERE / "start.lua"), f"http://127.0.0.1:{gateway.port}",
    ]
    environment = {**os.environ, "COUNT": str(count)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def result(output):
    line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        sys.exit(f"wrk: {output}")
    fine, wrong, duration, p50, p99, most = map(float, line.split()[1:])
    if wrong:
        sys.exit(f"{wrong:.0f} wrong answers of {fine:.0f}")
    return fine, fine / duration, p50, p99, most


def report(what, output):
    _, rate, p50, p99, most = result(output)
    for name, value in (("per s", rate), ("p50, ms", p50), ("p99, ms", p99), ("longest, ms", most)):
        say(f"{what}: {name}", value)


def say(what, value):
    FOUND[what] = value
    print(f"{what:<44} {value:>12,.2f}", flush=True)


if __name__ == "__main__":
    main()
