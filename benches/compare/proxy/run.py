#!/usr/bin/env python3
"""What does a request cost through each proxy, on one machine, in the same minutes?

    make bench
    ROUNDS=5 SECONDS_EACH=3 tests/peers/venv/bin/python benches/compare/proxy/run.py
    ONLY=nginx,samlgate VIEWS=base ROUNDS=1 ... a first look
    VIEWS=asking,asking-tls ... forward-auth alone
    VIEWS=sessions COUNTS=1,1000,100000 ... whether many sessions cost more than one

Loopback only. Everything that it starts, it ends.
"""

import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys

import peers
import sessions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from peers import HERE, OUT, messages

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "3"))
ONLY = os.environ.get("ONLY", "nginx,nginx-asking,haproxy,mellon,shib,samlgate").split(",")
COUNTS = [int(count) for count in os.environ.get("COUNTS", "1,1000,100000").split(",")]
MAKERS = {
    "nginx": peers.nginx_alone,
    "nginx-asking": peers.nginx_asking,
    "haproxy": peers.haproxy,
    "mellon": peers.mellon,
    "shib": peers.shib,
    "samlgate": peers.samlgate,
}
SIZES = {"1k": 1024, "100k": 100 * 1024}
PROXIED = ["nginx", "haproxy", "mellon", "shib", "samlgate"]
# nginx that asks samlgate, beside nginx that asks nobody and those who do it without being asked.
ASKING = ["nginx", "nginx-asking", "mellon", "samlgate"]
# Who, connections, file, TLS: one thing differs from the first.
VIEWS = {
    "base": ("64 connections, 1 KB", PROXIED, 64, "1k", False),
    "c16": ("16 connections", PROXIED, 16, "1k", False),
    "c256": ("256 connections", PROXIED, 256, "1k", False),
    "100k": ("answers of 100 KB", PROXIED, 64, "100k", False),
    "tls": ("TLS", PROXIED, 64, "1k", True),
    "asking": ("forward-auth: 64 connections, 1 KB", ASKING, 64, "1k", False),
    "asking-c16": ("forward-auth: 16 connections", ASKING, 16, "1k", False),
    "asking-c256": ("forward-auth: 256 connections", ASKING, 256, "1k", False),
    "asking-100k": ("forward-auth: answers of 100 KB", ASKING, 64, "100k", False),
    "asking-tls": ("forward-auth: TLS", ASKING, 64, "1k", True),
}
# `asking-sessions` takes as long as `sessions` again, and is left to whoever wants it.
WANTED = os.environ.get("VIEWS", ",".join([*VIEWS, "sessions"])).split(",")
# Sessions of each where it has some: what mod_auth_mellon has room for.
USUAL = 1000


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    OUT.chmod(0o755)
    idp = messages.Idp()
    (OUT / "idp.xml").write_text(idp.metadata())
    keys()
    application = peers.application(SIZES).start()
    running = [application]
    print(
        f"{ROUNDS} rounds of {SECONDS} s; wrk and the application on processor {peers.LOAD_CORE}, "
        f"the proxy on {peers.PROXY_CORE}; {USUAL} sessions\n",
        flush=True,
    )
    try:
        for tls in (False, True):
            views = [view for name, view in VIEWS.items() if name in WANTED and view[-1] == tls]
            needed = {name for _, who, *_ in views for name in who}
            through = {}
            for name in [name for name in ONLY if name in needed]:
                through[name] = MAKERS[name](application.port, tls)
                running.append(through[name])
                through[name].start()
            if not through:
                continue
            idle = {name: peer.memory() for name, peer in through.items()}
            cookies = {name: sign_in(idp, peer, USUAL) for name, peer in through.items()}
            if not tls:
                print_memory(through, idle)
            for title, who, connections, file, _ in views:
                those = {name: peer for name, peer in through.items() if name in who}
                compare(title, those, cookies, connections, file, tls)
            for peer in through.values():
                peer.stop()
                running.remove(peer)
        if "sessions" in WANTED:
            many_sessions(application, running, "samlgate")
        if "asking-sessions" in WANTED:
            many_sessions(application, running, "nginx-asking")
    finally:
        for peer in running:
            peer.stop()


def sign_in(idp, peer, number):
    """A file of `Cookie` headers; those who know no sessions get one that looks like ours."""
    path = OUT / f"{peer.name}.cookies"
    if peer.acs is None:
        path.write_text("\n".join(f"samlgate={place:043}" for place in range(number)) + "\n")
    else:
        path.write_text("\n".join(sessions.open_sessions(idp, peer, number)) + "\n")
    return path


def compare(title, through, cookies, connections, file, tls):
    """Everyone in turn, round by round, so that a slow minute is slow for all of them."""
    results = {name: [] for name in through}
    for _ in range(ROUNDS):
        for name, peer in through.items():
            results[name].append(measure(peer, cookies[name], connections, file, tls))
    print_table(title, results)


def measure(peer, cookies, connections, file, tls, seconds=SECONDS):
    peer.forget_logs()
    before = peer.cpu()
    report = subprocess.run(
        ["taskset", "-c", peers.LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "--timeout", "20s", "-s", str(HERE / "cookies.lua"),
         f"{peers.scheme(tls)}://127.0.0.1:{peer.port}/{file}"],
        env={**peers.ENVIRONMENT, "COOKIES": str(cookies)},
        capture_output=True, text=True, check=False,
    )
    spent = peer.cpu() - before
    line = next((l for l in report.stdout.splitlines() if l.startswith("RESULT ")), None)
    if line is None:
        sys.exit(f"wrk: {report.stdout}{report.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    # A redirect to a sign-in page is short.
    short = result["bytes"] < result["requests"] * SIZES[file]
    # What breaks is counted and shown.
    if result["refused"] or short or not result["requests"]:
        sys.exit(f"{peer.name} did not answer every request: {line}; see {OUT / peer.name}")
    result["rate"] = result["requests"] / result["seconds"]
    result["cpu"] = 1e6 * spent / result["requests"]
    return result


def many_sessions(application, running, kind):
    """The same gateway with more and more sessions, of which every one is used."""
    # RSA would take longer to sign them than the gateway takes to open them.
    idp = messages.Idp(ec.generate_private_key(ec.SECP256R1()))
    (OUT / "idp.xml").write_text(idp.metadata())
    results, memory = {}, {}
    gateways = {}
    for number in COUNTS:
        name = f"{kind}-{number}"
        gateway = MAKERS[kind](application.port, False, name)
        running.append(gateway)
        gateway.start()
        empty = gateway.memory()
        gateways[name] = (gateway, sign_in(idp, gateway, number))
        # What is made once for each session is made now.
        measure(gateway, gateways[name][1], 64, "1k", False, seconds=1 + number // 5000)
        memory[name] = (empty, gateway.memory(), number)
        results[name] = []
    for _ in range(ROUNDS):
        for name, (gateway, cookies) in gateways.items():
            results[name].append(measure(gateway, cookies, 64, "1k", False))
    print_table(f"sessions ({kind})", results, first=f"{kind}-{COUNTS[0]}")
    for name, (empty, full, number) in memory.items():
        print(f"{name}: {empty / 1e6:.1f} MB without sessions, {full / 1e6:.1f} MB with {number}: "
              f"{(full - empty) / number / 1000:.2f} KB each")
    print()
    for gateway, _ in gateways.values():
        gateway.stop()
        running.remove(gateway)


def print_table(title, results, first="nginx"):
    first = first if first in results else next(iter(results))
    print(f"**{title}**\n")
    print(f"| through | requests/s | × {first} | p50 ms | p99 ms | × {first} "
          f"| CPU µs a request | × {first} | broken off |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, rounds in results.items():
        middle = {key: statistics.median(one[key] for one in rounds)
                  for key in ("rate", "p50", "p99", "cpu")}
        ratio = {key: statistics.median(one[key] / other[key]
                                        for one, other in zip(rounds, results[first]))
                 for key in ("rate", "p99", "cpu")}
        print(f"| {name} | {middle['rate']:,.0f} | {ratio['rate']:.2f} | {middle['p50']:.2f} "
              f"| {middle['p99']:.2f} | {ratio['p99']:.2f} | {middle['cpu']:.1f} "
              f"| {ratio['cpu']:.2f} | {broken(rounds)} |", flush=True)
    print()


def broken(rounds):
    """Connections that were broken off or timed out, of all requests."""
    count, requests = (sum(one[key] for one in rounds) for key in ("broken", "requests"))
    return f"{count:,} of {requests:,}" if count else "0"


def print_memory(through, idle):
    print("| in memory | idle, MB | with the sessions, MB |\n|---|---:|---:|")
    for name, peer in through.items():
        print(f"| {name} | {idle[name] / 1e6:.1f} | {peer.memory() / 1e6:.1f} |")
    print()


def keys():
    sp = messages.Idp()
    (OUT / "sp.key").write_bytes(sp.pem())
    pem = sp.certificate.public_bytes(serialization.Encoding.PEM)
    (OUT / "sp.crt").write_bytes(pem)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    chain = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    (OUT / "tls.crt").write_bytes(chain)
    (OUT / "tls.key").write_bytes(private)
    (OUT / "tls.pem").write_bytes(chain + private)


if __name__ == "__main__":
    main()
