"""Takes mails (aiosmtpd) and requests, and writes each into a file before it says that it has it.

Mails by TLS, from users, and for some receivers alone, as the options say.

In a folder: mails.jsonl and requests.jsonl, a line for each.
"""

import argparse
import email
import email.policy
import json
import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


def keep(path, value):
    with open(path, "a") as file:
        file.write(json.dumps(value) + "\n")
        file.flush()
        os.fsync(file.fileno())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--smtp", type=int, required=True)
    parser.add_argument("--http", type=int, required=True)
    # The first so many mails are put off (451), and requests refused (503).
    parser.add_argument("--put-off", type=int, default=0)
    parser.add_argument("--security", choices=["none", "starttls", "tls"], default="none")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    # Nobody else may send: NAME:PASSWORD
    parser.add_argument("--user")
    # There is no such receiver (550), or no room for so many mails to them: ADDRESS:TIMES (452).
    parser.add_argument("--gone", action="append", default=[])
    parser.add_argument("--full", action="append", default=[])
    options = parser.parse_args()
    full = {name: int(times) for name, times in (it.rsplit(":", 1) for it in options.full)}
    left = {"mails": options.put_off, "requests": options.put_off}
    lock = threading.Lock()

    def is_put_off(kind):
        with lock:
            left[kind] -= 1
            return left[kind] >= 0

    class Mails:
        async def handle_RCPT(self, server, session, envelope, address, _):
            if address in options.gone:
                return "550 nobody of this name"
            if full.get(address, 0) > 0:
                full[address] -= 1
                return "452 no room"
            envelope.rcpt_tos.append(address)
            return "250 yes"

        async def handle_DATA(self, server, session, envelope):
            if is_put_off("mails"):
                return "451 come back later"
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            keep(
                os.path.join(options.folder, "mails.jsonl"),
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "user": session.auth_data and session.auth_data.login.decode(),
                    "tls": bool(server.transport.get_extra_info("ssl_object")),
                    "id": mail["message-id"],
                    "subject": mail["subject"],
                    "text": mail.get_content(),
                },
            )
            return "250 taken"

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            if is_put_off("requests"):
                self.send_response(503)
                self.end_headers()
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            keep(
                os.path.join(options.folder, "requests.jsonl"),
                {"path": self.path, "headers": headers, "body": body},
            )
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    def authenticate(server, session, envelope, mechanism, shown):
        said = f"{shown.login.decode()}:{shown.password.decode()}"
        return AuthResult(success=said == options.user, handled=False, auth_data=shown)

    more = {}
    if options.security != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)
        if options.security == "tls":
            more["ssl_context"] = context
        else:
            more.update(tls_context=context, require_starttls=True)
    if options.user:
        more.update(authenticator=authenticate, auth_required=True)
        # It does not know of TLS from the beginning.
        more.update(auth_require_tls=options.security == "starttls")
    Controller(Mails(), hostname="127.0.0.1", port=options.smtp, **more).start()
    server = ThreadingHTTPServer(("127.0.0.1", options.http), Requests)
    print("ready", options.smtp, flush=True)
    server.serve_forever()


main()
