"""The proxies that are compared: how each is set up, started, stopped and watched.

In: an upstream's port and what is asked for (TLS or not). Out: a `Peer` on a port of its own. All of
them listen on loopback, are bound to one processor, write an access log, and keep connections.
"""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUT = HERE.parent / "out-proxy"
SAMLGATE = os.environ.get("SAMLGATE", str(ROOT / "target/release/samlgate"))
ENVIRONMENT = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
# The load and the application on one processor, the proxy on the other.
LOAD_CORE, PROXY_CORE = os.environ.get("CORES", "0,1").split(",")

sys.path[:0] = [str(HERE.parent), str(HERE.parent / "logins")]
import messages  # noqa: E402
import shibboleth  # noqa: E402
from programs import MELLON_METADATA, children, free_port, seconds, until_it_listens, until_ready  # noqa: E402


class Peer:
    """Processes on one core, and the port of what they offer."""

    def __init__(self, name, port, commands, core=PROXY_CORE, acs=None, sp=None, ready=None,
                 environment=None):
        self.name, self.port, self.commands, self.core = name, port, commands, core
        self.acs, self.sp, self.ready = acs, sp, ready
        self.environment = {**ENVIRONMENT, **(environment or {})}
        self.processes = []

    def start(self):
        if self.drops_root():
            subprocess.run(["chown", "-R", "www-data:www-data", OUT / self.name], check=True)
        for command in self.commands:
            log = open(OUT / self.name / f"{pathlib.Path(command[0]).name}.log", "ab")
            user = {"user": "www-data", "group": "www-data"} if self.drops_root() else {}
            self.processes.append(subprocess.Popen(
                ["taskset", "-c", self.core, *command],
                stdout=log, stderr=log, env=self.environment, cwd=OUT, **user,
            ))
        until_it_listens(self.port, self.processes, OUT)
        if self.ready:
            until_ready(self.ready)
        return self

    def drops_root(self):
        """Apache refuses to be root."""
        return os.getuid() == 0 and any("apache2" in command for command in self.commands[-1])

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

    def memory(self):
        """Bytes in use: what processes share is counted once (`Pss`)."""
        return sum(resident(process.pid) for process in self.processes)

    def forget_logs(self):
        for log in (OUT / self.name).glob("*.log"):
            os.truncate(log, 0)


def resident(pid):
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except FileNotFoundError:
        return 0
    own = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return own + sum(resident(child) for child in children(pid))


# --- each of them ---------------------------------------------------------------------------------


def application(sizes):
    """nginx with files of some sizes: `/1k`, `/100k`."""
    folder("application")
    for name, size in sizes.items():
        (OUT / "application" / name).write_bytes(b"x" * size)
    port = free_port()
    return Peer("application", port, [nginx("application", port, APPLICATION)], core=LOAD_CORE)


def nginx_alone(upstream, tls):
    folder("nginx")
    port = free_port()
    return Peer("nginx", port, [nginx("nginx", port, PROXY, tls, UPSTREAM=upstream)])


def nginx_asking(upstream, tls, name="nginx-asking"):
    """Forward-auth: nginx asks the gateway about each request (`auth_request`, docs/forward-auth.md).
    What the two of them take is added up."""
    folder(name)
    port, gateway, admin = free_port(), free_port(), free_port()
    base = f"{scheme(tls)}://127.0.0.1:{port}"
    config = OUT / name / "samlgate.toml"
    text = (HERE / "samlgate.toml").read_text()
    config.write_text(fill(text, NAME=name, BASE=base, PORT=gateway, ADMIN=admin, UPSTREAM=upstream,
                           TLS=""))
    asked, passed_on = [], []
    for header in IDENTITY:
        variable = header.lower().replace("-", "_")
        asked.append(f"auth_request_set $said_{variable} $upstream_http_{variable};")
        passed_on.append(f"proxy_set_header {header} $said_{variable};")
    site = ASKING.replace("@IDENTITY@", "\n            ".join(asked + passed_on))
    front = nginx(name, port, site, tls, UPSTREAM=upstream, GATEWAY=gateway)
    return Peer(name, port, [[SAMLGATE, "serve", "--config", str(config)], front],
                acs=f"{base}/saml/acs", sp=f"{base}/saml/metadata",
                ready=f"http://127.0.0.1:{admin}/readyz")


def haproxy(upstream, tls):
    folder("haproxy")
    port = free_port()
    config = OUT / "haproxy/haproxy.cfg"
    bind = f"ssl crt {OUT}/tls.pem alpn http/1.1" if tls else ""
    config.write_text(fill(HAPROXY, PORT=port, UPSTREAM=upstream, BIND=bind))
    return Peer("haproxy", port, [["haproxy", "-db", "-f", str(config)]])


def mellon(upstream, tls):
    folder("mellon")
    port = free_port()
    base = f"{scheme(tls)}://127.0.0.1:{port}"
    sp, acs = f"{base}/saml/metadata", f"{base}/saml/postResponse"
    pem = (OUT / "sp.crt").read_text()
    bare = "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)
    (OUT / "mellon/sp.xml").write_text(fill(MELLON_METADATA, SP=sp, ACS=acs, CERTIFICATE=bare))
    command = apache("mellon", port, tls, "auth_mellon_module", "mod_auth_mellon.so", MELLON_SITE,
                     upstream)
    # With the system's certificate authorities in reach, lasso and xmlsec read all of them for each
    # login. They play no part in SAML, and it is spared them.
    spared = {"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/dev/null"}
    return Peer("mellon", port, [command], acs=acs, sp=sp, environment=spared)


def shib(upstream, tls):
    """Debian's own configuration with our names and paths."""
    folder("shib")
    port = free_port()
    base = f"{scheme(tls)}://127.0.0.1:{port}"
    sp, acs = f"{base}/shibboleth", f"{base}/Shibboleth.sso/SAML2/POST"
    shibd = shibboleth.command(OUT, sp, messages.IDP, tls)
    command = apache("shib", port, tls, "mod_shib", "mod_shib.so", SHIB_SITE, upstream)
    return Peer("shib", port, [shibd, command], acs=acs, sp=sp)


def samlgate(upstream, tls, name="samlgate"):
    folder(name)
    port, admin = free_port(), free_port()
    base = f"{scheme(tls)}://127.0.0.1:{port}"
    config = OUT / name / "samlgate.toml"
    own = f'tls = {{ certificate = "{OUT}/tls.crt", key = "{OUT}/tls.key" }}' if tls else ""
    text = (HERE / "samlgate.toml").read_text()
    config.write_text(fill(text, NAME=name, BASE=base, PORT=port, ADMIN=admin, UPSTREAM=upstream,
                           TLS=own))
    return Peer(name, port, [[SAMLGATE, "serve", "--config", str(config)]],
                acs=f"{base}/saml/acs", sp=f"{base}/saml/metadata",
                ready=f"http://127.0.0.1:{admin}/readyz")


# --- what they share ------------------------------------------------------------------------------


def scheme(tls):
    return "https" if tls else "http"


def folder(name):
    shutil.rmtree(OUT / name, ignore_errors=True)
    (OUT / name / "tmp").mkdir(parents=True)


def fill(text, **values):
    for key, value in {"OUT": OUT, **values}.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def nginx(name, port, site, tls=False, **values):
    listen = f"127.0.0.1:{port}" + (" ssl" if tls else "")
    certificate = f"ssl_certificate {OUT}/tls.crt; ssl_certificate_key {OUT}/tls.key;"
    text = fill(NGINX.replace("@SITE@", site), NAME=name, LISTEN=listen,
                TLS=certificate if tls else "", **values)
    config = OUT / name / "nginx.conf"
    config.write_text(text)
    return ["nginx", "-p", str(OUT / name), "-c", str(config)]


def apache(name, port, tls, module, file, site, upstream):
    listener = (
        f"LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\nSSLEngine on\n"
        f"SSLCertificateFile {OUT}/tls.crt\nSSLCertificateKeyFile {OUT}/tls.key\n" if tls else ""
    )
    text = (HERE / "apache.conf").read_text().replace("@SITE@", site + listener)
    config = OUT / name / "apache.conf"
    config.write_text(fill(text, NAME=name, PORT=port, MODULE=module, FILE=file,
                           UPSTREAM=upstream))
    return ["apache2", "-D", "FOREGROUND", "-f", str(config)]


NGINX = """
worker_processes 1;
daemon off;
pid @OUT@/@NAME@/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
    access_log @OUT@/@NAME@/access.log;
    client_body_temp_path @OUT@/@NAME@/tmp;
    proxy_temp_path @OUT@/@NAME@/tmp;
    fastcgi_temp_path @OUT@/@NAME@/tmp;
    uwsgi_temp_path @OUT@/@NAME@/tmp;
    scgi_temp_path @OUT@/@NAME@/tmp;
    keepalive_requests 100000000;
@SITE@
}
"""
APPLICATION = """
    access_log off;
    open_file_cache max=10;
    server {
        listen @LISTEN@;
        root @OUT@/application;
    }
"""
POOL = """
    upstream application {
        server 127.0.0.1:@UPSTREAM@;
        keepalive 512;
        keepalive_requests 100000000;
    }
"""
PROXY = POOL + """
    server {
        listen @LISTEN@;
        @TLS@
        location / {
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }
    }
"""
ASKING = POOL + """
    upstream gateway {
        server 127.0.0.1:@GATEWAY@;
        keepalive 512;
        keepalive_requests 100000000;
    }
    server {
        listen @LISTEN@;
        @TLS@
        location / {
            auth_request /may-it-pass;
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            @IDENTITY@
        }
        location = /may-it-pass {
            internal;
            proxy_pass http://gateway/.samlgate/authz/auth-request;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
            proxy_set_header X-Original-URI "";
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Forwarded-For $remote_addr;
            # Every profile in one answer is more than the 4 KB that nginx has room for.
            proxy_buffer_size 16k;
            proxy_buffers 4 16k;
        }
        location /saml/ {
            proxy_pass http://gateway;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            client_body_buffer_size 64k;
        }
    }
"""
# What the profiles of samlgate.toml say, where there is something to say.
IDENTITY = [
    "X-Samlgate-Jwt-Assertion",
    *(f"Remote-{what}" for what in ("User", "Email", "Name", "Groups")),
    *(f"{profile}-{what}" for profile in ("X-Forwarded", "X-Auth-Request")
      for what in ("User", "Email", "Preferred-Username", "Groups")),
    *(f"Shib-{what}" for what in (
        "Application-Id", "Session-Id", "Identity-Provider", "Authentication-Instant",
        "Authentication-Method", "AuthnContext-Class", "Session-Index")),
    "eppn", "affiliation", "unscoped-affiliation", "primary-affiliation", "entitlement", "assurance",
    "member", "subject-id", "pairwise-id", "persistent-id", "cn", "sn", "givenName", "displayName",
    "mail", "uid", "title", "ou", "o", "employeeNumber",
]
HAPROXY = """
global
    nbthread 1
    maxconn 4096
    log stdout format raw local0 info
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 75s
    timeout server 60s
    http-reuse always
frontend entrance
    bind 127.0.0.1:@PORT@ @BIND@
    option forwardfor
    default_backend application
backend application
    server one 127.0.0.1:@UPSTREAM@
"""
MELLON_SITE = """
MellonCacheSize 1100
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
ProxyPass /saml !
"""
SHIB_SITE = """
ShibConfig @OUT@/shib/shibboleth2.xml
<Location />
    AuthType shibboleth
    ShibRequestSetting requireSession 1
    ShibUseHeaders On
    Require shib-session
</Location>
<Location /Shibboleth.sso>
    AuthType None
    Require all granted
    SetHandler shib
</Location>
ProxyPass /Shibboleth.sso !
"""
