#!/usr/bin/env python3
"""How many logins does each service provider take in a second on one core, and what does one cost?

    make bench-logins
    ROUNDS=1 SECONDS_EACH=5 ONLY=samlgate tests/peers/venv/bin/python benches/compare/logins/run.py
    CORES= ... the load and the service provider share all cores

wrk is bound to one core, all processes of the service provider to another (CORES=0,1: the load, then
the service provider). Loopback only. Everything that it starts, it ends.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import messages

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import shibboleth  # noqa: E402
from programs import MELLON_METADATA, free_port, seconds, until_it_listens, until_ready  # noqa: E402
from cryptography.hazmat.primitives import serialization

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUT = HERE.parent / "out-logins"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = int(os.environ.get("SECONDS_EACH", "10"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "64"))
SIGNED = os.environ.get("SIGNED", "assertion")
SAMLGATE = os.environ.get("SAMLGATE", str(ROOT / "target/release/samlgate"))
ONLY = os.environ.get("ONLY", "mellon,shib,samlgate").split(",")
# The load on one core, the service provider on the other; empty: all of them on all cores.
LOAD_CORE, OWN_CORE = (os.environ.get("CORES", "0,1").split(",") + [""])[:2]
# More logins in a second than any of them takes.
ENOUGH = {"mellon": 1000, "shib": 1500, "samlgate": int(os.environ.get("ENOUGH", "5000"))}
ENVIRONMENT = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}

MELLON_SITE = """
<Location />
    AuthType Mellon
    MellonEnable auth
    Require valid-user
    MellonEndpointPath /saml
    MellonSecureCookie Off
    MellonSPMetadataFile @OUT@/mellon/sp.xml
    MellonSPPrivateKeyFile @OUT@/sp.key
    MellonSPCertFile @OUT@/sp.crt
    MellonIdPMetadataFile @OUT@/idp.xml
</Location>
"""
SHIB_SITE = """
ShibConfig @OUT@/shib/shibboleth2.xml
<Location />
    AuthType shibboleth
    ShibRequestSetting requireSession 1
    Require shib-session
</Location>
<Location /Shibboleth.sso>
    AuthType None
    Require all granted
    SetHandler shib
</Location>
"""


class Peer:
    """A service provider that runs, and the processes of it."""

    def __init__(self, name, port, acs, sp, commands, **environment):
        self.name, self.port, self.acs, self.sp = name, port, acs, sp
        self.commands, self.processes = commands, []
        self.environment = {**ENVIRONMENT, **environment}

    def start(self):
        if not_as_root(self.name):
            subprocess.run(["chown", "-R", "www-data:www-data", OUT / self.name], check=True)
        for command in self.commands:
            log = open(OUT / self.name / f"{pathlib.Path(command[0]).name}.log", "ab")
            user = {"user": "www-data", "group": "www-data"} if not_as_root(self.name) else {}
            self.processes.append(
                subprocess.Popen(
                    bound(OWN_CORE, command), stdout=log, stderr=log, env=self.environment, cwd=OUT, **user
                )
            )
        until_it_listens(self.port, self.processes, OUT)

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def cpu(self):
        """Seconds of CPU of all its processes so far."""
        return sum(seconds(process.pid) for process in self.processes)


def bound(core, command):
    """A command that stays on a core, if there is one for it."""
    return ["taskset", "-c", core, *command] if core else command


def not_as_root(name):
    """Apache refuses to be root."""
    return os.getuid() == 0 and name != "samlgate"


def main():
    if sys.argv[1:]:
        print(__doc__)
        return
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "www").mkdir(parents=True)
    OUT.chmod(0o755)
    (OUT / "www/index.html").write_text("Welcome.\n")
    idp = messages.Idp()
    (OUT / "idp.xml").write_text(idp.metadata())
    keys()
    makers = {"mellon": mellon, "shib": shib, "samlgate": samlgate}
    results = {name: [] for name in ONLY}
    where = f"wrk on core {LOAD_CORE}, the service provider on core {OWN_CORE}"
    print(
        f"{ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections, {SIGNED} signed, "
        + (where if OWN_CORE else f"all on {os.cpu_count()} cores"),
        flush=True,
    )
    print(f"{'round':<6} {'through':<10} {'logins/s':>9} {'CPU ms':>8} {'p50 ms':>8} {'p99 ms':>8}")
    for round_number in range(1, ROUNDS + 1):
        for name in ONLY:
            peer = makers[name]()
            forms = OUT / f"{name}.forms"
            messages.write(forms, idp, peer.sp, peer.acs, SIGNED, ENOUGH[name] * SECONDS)
            size = forms.stat().st_size // (ENOUGH[name] * SECONDS)
            peer.start()
            try:
                result = measure(peer, forms)
            finally:
                peer.stop()
                forms.unlink()
            results[name].append(result)
            print(
                f"{round_number:<6} {name:<10} {result['rate']:>9.0f} {result['cpu']:>8.3f} "
                f"{result['p50']:>8.1f} {result['p99']:>8.1f}   ({size} bytes a form)",
                flush=True,
            )
    for name, rounds in results.items():
        rate = statistics.median(result["rate"] for result in rounds)
        cpu = statistics.median(result["cpu"] for result in rounds)
        print(f"{name}: {rate:.0f} logins/s, {cpu:.3f} ms CPU each (median)")
    if {"shib", "samlgate"} <= results.keys():
        ratios = [
            ours["rate"] / theirs["rate"]
            for ours, theirs in zip(results["samlgate"], results["shib"])
        ]
        print(f"samlgate takes {statistics.median(ratios):.1f} times the logins of mod_shib")


def measure(peer, forms):
    before = peer.cpu()
    wrk = [
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "30s",
        "-s", str(HERE / "post.lua"), peer.acs,
    ]
    report = subprocess.run(
        bound(LOAD_CORE, wrk),
        env={**ENVIRONMENT, "FORMS": str(forms)},
        capture_output=True,
        text=True,
        check=False,
    )
    spent = peer.cpu() - before
    line = next((l for l in report.stdout.splitlines() if l.startswith("RESULT ")), None)
    if line is None:
        sys.exit(f"wrk: {report.stdout}{report.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    # Apache closes a connection now and then, on which nothing was posted.
    broken = result["errors"] > result["accepted"] / 100
    if result["refused"] or broken or result["ran_out"] or not result["accepted"]:
        sys.exit(f"{peer.name} did not take every message: {line}; see {OUT / peer.name}")
    result["rate"] = result["accepted"] / result["seconds"]
    result["cpu"] = 1000 * spent / result["accepted"]
    return result


def keys():
    sp = messages.Idp()
    (OUT / "sp.key").write_bytes(sp.pem())
    pem = sp.certificate.public_bytes(serialization.Encoding.PEM)
    (OUT / "sp.crt").write_bytes(pem)


def folder(name):
    shutil.rmtree(OUT / name, ignore_errors=True)
    (OUT / name).mkdir()


def fill(text, **values):
    for key, value in {"OUT": OUT, **values}.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def apache(name, port, module, file, site):
    text = (HERE / "apache.conf").read_text().replace("@SITE@", site)
    config = OUT / name / "apache.conf"
    config.write_text(fill(text, NAME=name, PORT=port, MODULE=module, FILE=file))
    return ["apache2", "-D", "FOREGROUND", "-f", str(config)]


def mellon():
    folder("mellon")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    sp, acs = f"{base}/saml/metadata", f"{base}/saml/postResponse"
    pem = (OUT / "sp.crt").read_text()
    bare = "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)
    (OUT / "mellon/sp.xml").write_text(fill(MELLON_METADATA, SP=sp, ACS=acs, CERTIFICATE=bare))
    command = apache("mellon", port, "auth_mellon_module", "mod_auth_mellon.so", MELLON_SITE)
    # With the system's certificate authorities in reach, this version of lasso and xmlsec reads all
    # of them for each message: 100 ms of CPU. They play no part in SAML, and it is spared them.
    spared = {"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/dev/null"}
    return Peer("mellon", port, acs, sp, [command], **spared)


def shib():
    """Debian's own configuration with our names, paths, and http in place of https."""
    folder("shib")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    sp, acs = f"{base}/shibboleth", f"{base}/Shibboleth.sso/SAML2/POST"
    shibd = shibboleth.command(OUT, sp, messages.IDP, tls=False)
    command = apache("shib", port, "mod_shib", "mod_shib.so", SHIB_SITE)
    return Peer("shib", port, acs, sp, [shibd, command])


def samlgate():
    folder("samlgate")
    port, admin = free_port(), free_port()
    base = f"http://127.0.0.1:{port}"
    config = OUT / "samlgate/samlgate.toml"
    text = (HERE / "samlgate.toml").read_text()
    config.write_text(fill(text, PORT=port, ADMIN=admin))
    command = [SAMLGATE, "serve", "--config", str(config)]
    peer = Peer("samlgate", port, f"{base}/saml/acs", f"{base}/saml/metadata", [command])
    plain = peer.start

    def start():
        plain()
        until_ready(f"http://127.0.0.1:{admin}/readyz")

    peer.start = start
    return peer


if __name__ == "__main__":
    main()
