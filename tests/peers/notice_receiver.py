"""Takes mails (aiosmtpd) and requests, and writes each into a file before it says that it has it.

In a folder: mails.jsonl and requests.jsonl, a line for each.
"""

import argparse
import email
import email.policy
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller


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
    options = parser.parse_args()
    left = {"mails": options.put_off, "requests": options.put_off}
    lock = threading.Lock()

    def is_put_off(kind):
        with lock:
            left[kind] -= 1
            return left[kind] >= 0

    class Mails:
        async def handle_DATA(self, server, session, envelope):
            if is_put_off("mails"):
                return "451 come back later"
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            keep(
                os.path.join(options.folder, "mails.jsonl"),
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
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

    Controller(Mails(), hostname="127.0.0.1", port=options.smtp).start()
    server = ThreadingHTTPServer(("127.0.0.1", options.http), Requests)
    print("ready", options.smtp, flush=True)
    server.serve_forever()


main()
