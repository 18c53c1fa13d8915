#!/usr/bin/env python3
"""Moves from mod_shib, and from mod_auth_mellon, to samlgate, by the steps of docs/moving-over.md.

    scripts/test.sh moving_over
    tests/peers/venv/bin/python tests/peers/moving_over/run.py --samlgate target/release/samlgate

Debian's Apache and shibd stand in front of an application, and two identity providers (pysaml2) have
read their metadata. People sign in and out. Apache is stopped, the gateway started at the same address
with the same name and keys, and the same people do the same again: nothing at the identity providers
is touched, which is the point. Printed is a table of both, and of what the application saw.

It ends with 1 if anything that went through Apache does not go through the gateway. Loopback only;
everything that it starts, it ends.
"""

import argparse
import html.parser
import http.cookiejar
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "benches/compare"))
import shibboleth  # noqa: E402
from programs import free_port, until_it_listens, until_ready  # noqa: E402

ENVIRONMENT = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
# Apache refuses to be root.
AS_NOBODY = {"user": "www-data", "group": "www-data"} if os.getuid() == 0 else {}
SCOPE = (
    '<ns0:Extensions><shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" '
    'regexp="false">example.com</shibmd:Scope></ns0:Extensions>'
)

APACHE = """
ServerRoot "@OUT@/apache"
ServerName https://127.0.0.1:@PORT@
UseCanonicalName On
Listen 127.0.0.1:@PORT@
PidFile "@OUT@/apache/apache.pid"
Mutex file:@OUT@/apache default
DefaultRuntimeDir "@OUT@/apache"
ErrorLog "@OUT@/apache/error.log"
LogLevel warn
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule @MODULE@ /usr/lib/apache2/modules/@FILE@
StartServers 1
SSLEngine on
SSLCertificateFile @OUT@/tls.crt
SSLCertificateKeyFile @OUT@/tls.key
DocumentRoot "@OUT@/apache"
@SITE@
ProxyPass @FOLDER@ !
ProxyPass / http://127.0.0.1:@UPSTREAM@/
"""
SHIB_SITE = """
ShibConfig @OUT@/shib/shibboleth2.xml
<Location />
    AuthType shibboleth
    ShibRequestSetting requireSession 1
    ShibUseHeaders On
    Require shib-session
</Location>
<Location /goodbye>
    ShibRequestSetting requireSession 0
    Require shibboleth
</Location>
<Location /Shibboleth.sso>
    AuthType None
    Require all granted
    SetHandler shib
</Location>
"""
MELLON_SITE = """
<Location />
    AuthType Mellon
    MellonEnable auth
    Require valid-user
    MellonEndpointPath /mellon
    MellonSPentityId @SP@
    MellonSPPrivateKeyFile @OUT@/sp-signing-key.pem
    MellonSPCertFile @OUT@/sp-signing-cert.pem
    @IDPS@
    MellonUser urn:oid:1.3.6.1.4.1.5923.1.1.1.6
    MellonSetEnvNoPrefix MAIL urn:oid:0.9.2342.19200300.100.1.3
    MellonSetEnvNoPrefix SN urn:oid:2.5.4.4
    MellonSetEnvNoPrefix ENTITLEMENT urn:oid:1.3.6.1.4.1.5923.1.1.1.7
    MellonMergeEnvVars On
    RequestHeader set Remote-User "expr=%{REMOTE_USER}"
    RequestHeader set X-Mail "expr=%{reqenv:MAIL}"
    RequestHeader set X-Sn "expr=%{reqenv:SN}"
    RequestHeader set X-Entitlement "expr=%{reqenv:ENTITLEMENT}"
</Location>
<Location /goodbye>
    MellonEnable off
    Require all granted
</Location>
"""
# What docs/moving-over.md says, with paths and addresses of this run.
SAMLGATE = """
[server]
listen = "127.0.0.1:@PORT@"
public_url = "@BASE@"
tls = { certificate = "@OUT@/tls.crt", key = "@OUT@/tls.key" }

[admin]
listen = "127.0.0.1:@ADMIN@"

[saml]
entity_id = "@SP@"
legacy_paths = ["@FAMILY@"]
keys = "certs"

[[idp]]
name = "first"
metadata = "@OUT@/first.xml"
default = true

[[idp]]
name = "second"
metadata = "@OUT@/second.xml"

[attributes]
user_name = ["urn:oid:1.3.6.1.4.1.5923.1.1.1.6"]

[users]
database = "sqlite://@OUT@/samlgate.db"

[[route]]
path = "/"
upstream = ["http://127.0.0.1:@UPSTREAM@"]
public_paths = ["/goodbye"]
@HEADERS@
"""
SHIB_HEADERS = 'headers = ["shibboleth"]'
MELLON_HEADERS = """headers = ["remote", "custom"]
custom_headers = { "X-Mail" = "email", "X-Sn" = "urn:oid:2.5.4.4", "X-Entitlement" = "urn:oid:1.3.6.1.4.1.5923.1.1.1.7" }"""


class Family:
    """What a move begins with."""

    def __init__(self, word):
        self.word = word
        self.shib = word == "shibboleth"
        self.folder = "/Shibboleth.sso" if self.shib else "/mellon"
        self.metadata = f"{self.folder}/{'Metadata' if self.shib else 'metadata'}"
        # Those that their metadata names.
        self.logouts = ["redirect", "post", "soap"] if self.shib else ["redirect", "soap"]

    def name(self, base):
        return f"{base}/shibboleth" if self.shib else f"{base}/mellon/metadata"

    def login(self, page, idp, more=""):
        quoted = urllib.parse.quote
        if self.shib:
            return f"{self.folder}/Login?target={quoted(page)}&entityID={quoted(idp)}{more}"
        return f"{self.folder}/login?ReturnTo={quoted(page)}&IdP={quoted(idp)}{more}"

    def logout(self, page):
        name, to = ("Logout", "return") if self.shib else ("logout", "ReturnTo")
        return f"{self.folder}/{name}?{to}={urllib.parse.quote(page)}"


class Run:
    """One move."""

    def __init__(self, family, options):
        self.family, self.options = family, options
        self.out = pathlib.Path(tempfile.mkdtemp(prefix=f"moving-over-{family.word}-"))
        self.out.chmod(0o755)
        self.port, self.admin = options.ports or (free_port(), free_port())
        self.base = f"https://127.0.0.1:{self.port}"
        self.sp = family.name(self.base)
        self.app = Application()
        self.idps = {}

    def whole(self):
        """[(step, by Apache, by samlgate)], and the same of headers."""
        self.keys()
        processes = [self.identity_provider("first", "--encrypt", "aes256-gcm", "--want-authn-requests-signed")]
        processes.append(self.identity_provider("second", "--only-post", "--sign", "response"))
        try:
            servers = self.apache()
            try:
                until_it_listens(self.port, servers, self.out)
                metadata = Browser().get(self.base + self.family.metadata).text
                (self.out / "sp.xml").write_text(metadata)
                before, seen_before = self.steps()
            finally:
                stop(servers)
            server = self.samlgate()
            try:
                until_it_listens(self.port, [server], self.out)
                until_ready(f"http://127.0.0.1:{self.admin}/readyz")
                after, seen_after = self.steps()
            finally:
                stop([server])
        finally:
            stop(processes)
            self.app.stop()
        return before, after, seen_before, seen_after

    def keys(self):
        for name in ["tls", "sp-signing", "sp-encrypt"]:
            key, certificate = (
                ("tls.key", "tls.crt") if name == "tls" else (f"{name}-key.pem", f"{name}-cert.pem")
            )
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj",
                 "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.out / key,
                 "-out", self.out / certificate],
                check=True, capture_output=True,
            )

    def identity_provider(self, name, *options):
        log = open(self.out / f"{name}.log", "ab")
        process = subprocess.Popen(
            [sys.executable, HERE.parent / "pysaml2_idp.py", "--sp-metadata", self.out / "sp.xml",
             "--users", HERE / "users.json", *options, "--logout", "redirect", "post", "soap"],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )
        base = process.stdout.readline().removeprefix("ready ").strip()
        metadata = Browser().get(f"{base}/metadata").text
        # Without it mod_shib believes no name that ends on @example.com.
        scoped = re.sub(r"(<ns0:IDPSSODescriptor [^>]*>)", rf"\1{SCOPE}", metadata, count=1)
        assert scoped != metadata, metadata
        (self.out / f"{name}.xml").write_text(scoped)
        self.idps[name] = (base, f"{base}/metadata")
        return process

    def apache(self):
        (self.out / "apache").mkdir()
        commands = []
        if self.family.shib:
            (self.out / "shib").mkdir()
            module, site = ("mod_shib", "mod_shib.so"), SHIB_SITE
            for name in ["sp.key", "sp.crt"]:
                (self.out / name).touch()
            (self.out / "idp.xml").touch()
            first = self.idps["first"][1]
            commands.append(shibboleth.command(self.out, self.sp, first, tls=True))
            config = self.out / "shib/shibboleth2.xml"
            text = config.read_text()
            providers = "".join(
                f'<MetadataProvider type="XML" path="{self.out}/{name}.xml"/>' for name in self.idps
            )
            text = text.replace(f'<MetadataProvider type="XML" path="{self.out}/idp.xml"/>', providers)
            for use, element in [("signing", "signing"), ("encryption", "encrypt")]:
                text = text.replace(
                    f'use="{use}"\n            key="{self.out}/sp.key" certificate="{self.out}/sp.crt"',
                    f'use="{use}"\n            key="{self.out}/sp-{element}-key.pem" '
                    f'certificate="{self.out}/sp-{element}-cert.pem"',
                )
            assert "sp-encrypt-key.pem" in text, text
            config.write_text(text)
            # What Debian has there in a comment, as every site takes it out.
            attributes = self.out / "shib/attribute-map.xml"
            commented = re.compile(r"<!--\s*\n(\s*<Attribute .*?)-->", re.S)
            attributes.write_text(commented.sub(r"\1", attributes.read_text()))
        else:
            module, site = ("auth_mellon_module", "mod_auth_mellon.so"), MELLON_SITE
        idps = "\n    ".join(f"MellonIdPMetadataFile {self.out}/{name}.xml" for name in self.idps)
        text = APACHE.replace("@SITE@", site).replace("@MODULE@", module[0]).replace("@FILE@", module[1])
        config = self.out / "apache/apache.conf"
        config.write_text(self.filled(text.replace("@IDPS@", idps)))
        commands.append(["apache2", "-f", str(config), "-DFOREGROUND"])
        if AS_NOBODY:
            subprocess.run(["chown", "-R", "www-data:www-data", self.out], check=True)
        return [self.start(command, **AS_NOBODY) for command in commands]

    def samlgate(self):
        if AS_NOBODY:
            subprocess.run(["chown", "-R", "root:root", self.out], check=True)
        certs = self.out / "certs"
        certs.mkdir(mode=0o700)
        second = "encrypt" if self.family.shib else "signing"
        for source, name, mode in [
            ("sp-signing-key.pem", "sp-signing.key", 0o600),
            ("sp-signing-cert.pem", "sp-signing.crt", 0o644),
            (f"sp-{second}-key.pem", "sp-encryption.key", 0o600),
            (f"sp-{second}-cert.pem", "sp-encryption.crt", 0o644),
        ]:
            shutil.copy(self.out / source, certs / name)
            (certs / name).chmod(mode)
        config = self.out / "samlgate.toml"
        headers = SHIB_HEADERS if self.family.shib else MELLON_HEADERS
        config.write_text(self.filled(SAMLGATE.replace("@HEADERS@", headers)))
        command = [self.options.samlgate, "serve", "--config", str(config)]
        check = [self.options.samlgate, "config", "check", "--config", str(config)]
        subprocess.run(check, check=True, cwd=self.out, capture_output=True)
        return self.start(command)

    def start(self, command, **more):
        log = open(self.out / f"{pathlib.Path(command[0]).name}.log", "ab")
        return subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT, cwd=self.out, **more)

    def filled(self, text):
        words = {
            "OUT": self.out, "PORT": self.port, "ADMIN": self.admin, "BASE": self.base, "SP": self.sp,
            "FAMILY": self.family.word, "FOLDER": self.family.folder, "UPSTREAM": self.app.port,
        }
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        return text

    def steps(self):
        """What people do: {step: whether it went}, and the headers that the application saw."""
        done, seen = {}, {}
        first, second = self.idps["first"], self.idps["second"]
        page = f"{self.base}/reports?of=today"

        def step(name, what):
            try:
                done[name] = what() or "yes"
            except Exception as error:  # Whatever it was is the result.
                done[name] = f"no: {type(error).__name__}: {error}"[:300]

        def lands(browser, url=None):
            if url is None:
                # Without a page to choose on, mod_auth_mellon takes any of several.
                url = page if self.family.shib else self.base + self.family.login(page, first[1])
            answer = browser.through(url)
            assert answer.url == page, f"{answer.status} at {answer.url}: {answer.text[:200]}"
            return json.loads(answer.text)

        def is_out(browser):
            answer = browser.get(page)
            assert answer.status in (302, 303, 307, 200) and answer.location, answer.status

        def deep_link():
            browser = Browser()
            seen.update(lands(browser))
            signed = [url for url in browser.visited if "Signature=" in url and "/sso/redirect" in url]
            assert signed, "the request is not signed"

        def login_link():
            # Whom the first one calls alice, the second one may not.
            browser = Browser("bob")
            lands(browser, self.base + self.family.login(page, second[1]))
            assert any("/sso/post" in url for url in browser.visited), browser.visited

        def forced():
            browser = Browser()
            lands(browser)
            link = self.base + self.family.login(page, first[1], "&forceAuthn=1")
            lands(browser, link)
            assert browser.asked_who, "the person was not asked again"

        def passive():
            browser = Browser()
            lands(browser)
            link = self.base + self.family.login(page, first[1], "&isPassive=1&IsPassive=true")
            browser.forget()
            lands(browser, link)
            assert not browser.asked_who

        def idp_logs_out(binding):
            browser = Browser()
            lands(browser)
            answer = browser.through(f"{first[0]}/slo/begin?user=alice&binding={binding}")
            assert "Success" in answer.text, f"{answer.status} at {answer.url}: {answer.text[:200]}"
            is_out(browser)

        def sp_logs_out():
            browser = Browser()
            lands(browser)
            answer = browser.through(self.base + self.family.logout(f"{self.base}/goodbye"))
            assert any(url.startswith(f"{first[0]}/slo/") for url in browser.visited), browser.visited
            is_out(browser)
            return f"yes, to {urllib.parse.urlsplit(answer.url).path}"

        def goes_elsewhere():
            browser = Browser()
            elsewhere = "https://evil.example/"
            answer = browser.through(self.base + self.family.login(elsewhere, first[1]))
            where = answer.location or answer.url
            return "leads there" if where.startswith(elsewhere) else "stays here"

        way = "deep link" if self.family.shib else "login link"
        step(f"{way}: Redirect, signed request, encrypted assertion", deep_link)
        step("login link: POST, signed response", login_link)
        if self.family.shib:
            step("login link with `forceAuthn`", forced)
        step("login link with `isPassive`", passive)
        for binding in self.family.logouts:
            step(f"logout at the identity provider, by {binding}", lambda: idp_logs_out(binding))
        step("logout link", sp_logs_out)
        step("login link to another site", goes_elsewhere)
        return done, seen


class Application:
    """It says which headers came."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                headers = {}
                for name, value in self.headers.items():
                    headers[name.lower()] = value
                body = json.dumps(headers).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


class Answer:
    def __init__(self, url, status, headers, text):
        self.url, self.status, self.text = url, status, text
        location = headers.get("Location")
        self.location = urllib.parse.urljoin(url, location) if location else None


class Browser:
    """Cookies, redirects, and the forms that submit themselves, of somebody."""

    def __init__(self, user="alice"):
        self.user = user
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.jar = http.cookiejar.CookieJar()

        class Stays(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(self.jar),
            Stays(),
        )
        self.visited, self.asked_who = [], False

    def forget(self):
        """All cookies but those of the identity providers."""
        for cookie in list(self.jar):
            if not cookie.name.startswith("idp_session_"):
                self.jar.clear(cookie.domain, cookie.path, cookie.name)

    def get(self, url, fields=None):
        """One request."""
        self.visited.append(url)
        body = urllib.parse.urlencode(fields).encode() if fields is not None else None
        request = urllib.request.Request(url, body, {"Accept": "text/html"})
        try:
            answer = self.opener.open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        return Answer(url, answer.status, answer.headers, answer.read().decode(errors="replace"))

    def through(self, url):
        """As far as it goes by itself, and by signing in."""
        self.visited, self.asked_who = [], False
        answer = self.get(url)
        for _ in range(20):
            if answer.location and answer.status in (302, 303, 307):
                if not re.match(r"https?://127\.0\.0\.1:", answer.location):
                    return answer
                answer = self.get(answer.location)
                continue
            form = Form.of(answer.text)
            if form is None:
                return answer
            fields = form.fields
            if "ticket" in fields:
                self.asked_who = True
                fields |= {"user": self.user, "action": "sign-in"}
            elif not {"SAMLRequest", "SAMLResponse"} & fields.keys() and "sign_out" not in form.action:
                return answer
            answer = self.get(urllib.parse.urljoin(answer.url, form.action), fields)
        raise AssertionError(f"it goes round in circles: {self.visited[-3:]}")


class Form(html.parser.HTMLParser):
    """The first form of a page."""

    def __init__(self):
        super().__init__()
        self.action, self.fields = None, {}

    @classmethod
    def of(cls, text):
        form = cls()
        form.feed(text)
        return form if form.action is not None else None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None and attributes.get("method", "").lower() == "post":
            self.action = attributes.get("action", "")
        if tag == "input" and self.action is not None and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value", "")


def stop(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_free(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            time.sleep(0.1)
        except OSError:
            return


def table(title, rows, columns):
    print(f"\n{title}\n")
    for row in [columns, ["---"] * len(columns), *rows]:
        print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")


UNINTERESTING = {"host", "accept", "accept-encoding", "user-agent", "connection", "cookie", "via"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samlgate", default=str(ROOT / "target/release/samlgate"))
    parser.add_argument("--family", nargs="*", default=["shibboleth", "mellon"])
    parser.add_argument("--ports", nargs=2, type=int, help="for the gateway, and for its admin listener")
    parser.add_argument("--keep", action="store_true", help="leave logs and configurations there")
    options = parser.parse_args()
    options.samlgate = str(pathlib.Path(options.samlgate).resolve())
    lost = []
    for word in options.family:
        run = Run(Family(word), options)
        begun = time.monotonic()
        before, after, seen_before, seen_after = run.whole()
        seconds = time.monotonic() - begun
        rows = [(name, before[name], after[name]) for name in before]
        module = {"shibboleth": "mod_shib", "mellon": "mod_auth_mellon"}[word]
        table(f"{module} → samlgate ({seconds:.0f} s)", rows, ["step", module, "samlgate"])
        names = sorted((seen_before.keys() | seen_after.keys()) - UNINTERESTING)
        rows = [(f"`{n}`", seen_before.get(n, "—"), seen_after.get(n, "—")) for n in names]
        table("What the application saw", rows, ["header", module, "samlgate"])
        lost += [name for name, went in before.items() if went.startswith("yes") and not after[name].startswith("yes")]
        if options.keep or lost:
            print(f"\nlogs: {run.out}")
        else:
            shutil.rmtree(run.out)
    if lost:
        sys.exit(f"what went through Apache does not go through samlgate: {lost}")


if __name__ == "__main__":
    main()
