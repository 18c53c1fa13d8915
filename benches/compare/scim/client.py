"""A client that is not the bottleneck: raw sockets that stay open, several processes."""

import json
import multiprocessing
import os
import re
import socket

SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:"
MESSAGE = "urn:ietf:params:scim:api:messages:2.0:"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")
ID = re.compile(rb'"id": ?"([^"]+)"')


class Connection:
    """One connection, one request at a time."""

    def __init__(self, port, token):
        self.port = port
        self.head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nAccept: application/scim+json\r\n"
        self.socket, self.rest = None, b""

    def ask(self, method, path, body=None):
        """The answer as JSON; anything but success ends the run."""
        content = self.send(method, path, b"" if body is None else json.dumps(body).encode())
        return json.loads(content) if content else None

    def send(self, method, path, data=b""):
        """The body of the answer, as it came."""
        kind = "Content-Type: application/scim+json\r\n" if data else ""
        head = f"{method} /scim/v2{path} HTTP/1.1\r\n{self.head}{kind}Content-Length: {len(data)}\r\n\r\n"
        if self.socket is None:
            self.socket, self.rest = socket.create_connection(("127.0.0.1", self.port), 600), b""
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(head.encode() + data)
        while (end := self.rest.find(b"\r\n\r\n")) < 0:
            self.more()
        answer, self.rest = self.rest[: end + 2].lower(), self.rest[end + 4 :]
        status = int(answer[9:12])
        content = self.body(status, answer)
        if b"\r\nconnection: close\r\n" in answer:
            self.socket.close()
            self.socket = None
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {content[:300]!r}")
        return content

    def body(self, status, answer):
        if status == 204:
            return b""
        if b"\r\ntransfer-encoding: chunked\r\n" in answer:
            whole = b""
            while True:
                while b"\r\n" not in self.rest:
                    self.more()
                size, self.rest = self.rest.split(b"\r\n", 1)
                size = int(size, 16)
                while len(self.rest) < size + 2:
                    self.more()
                whole, self.rest = whole + self.rest[:size], self.rest[size + 2 :]
                if not size:
                    return whole
        size = LENGTH.search(answer)
        size = int(size[1]) if size else 0
        while len(self.rest) < size:
            self.more()
        content, self.rest = self.rest[:size], self.rest[size:]
        return content

    def more(self):
        found = self.socket.recv(1 << 20)
        if not found:
            raise RuntimeError("it closed the connection in the middle of an answer")
        self.rest += found


def user(name):
    return {
        "schemas": [SCHEMA + "User"],
        "userName": f"{name}@example.com",
        "externalId": name,
        "active": True,
        "displayName": f"Person {name}",
        "name": {"givenName": "Person", "familyName": name},
        "emails": [{"type": "work", "primary": True, "value": f"{name}@example.com"}],
    }


def add(ids):
    operation = {"op": "add", "path": "members", "value": [{"value": id} for id in ids]}
    return {"schemas": [MESSAGE + "PatchOp"], "Operations": [operation]}


def sync_people(job):
    """As identity providers do it: look for each, find nobody, create; the ids."""
    port, token, prefix, numbers = job
    connection, ids = Connection(port, token), []
    for number in numbers:
        name = f"{prefix}-{number}"
        connection.send("GET", f"/Users?filter=userName%20eq%20%22{name}%40example.com%22")
        answer = connection.send("POST", "/Users", json.dumps(user(name)).encode())
        ids.append(ID.search(answer)[1].decode())
    return ids


def sync_groups(job):
    """Each group looked for, created empty, and filled by a hundred members at a time."""
    port, token, groups = job
    connection = Connection(port, token)
    for name, ids in groups:
        connection.ask("GET", f"/Groups?excludedAttributes=members&filter=displayName%20eq%20%22{name}%22")
        id = connection.ask("POST", "/Groups", {"schemas": [SCHEMA + "Group"], "displayName": name})["id"]
        fill(connection, id, ids, 100)


def fill(connection, group, ids, at_once):
    for first in range(0, len(ids), at_once):
        path = f"/Groups/{group}?excludedAttributes=members"
        connection.send("PATCH", path, json.dumps(add(ids[first : first + at_once])).encode())


def bulk_people(job):
    """Many, by Bulk, a thousand at a time; the ids."""
    port, token, prefix, numbers = job
    connection, ids = Connection(port, token), []
    for first in range(0, len(numbers), 1000):
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": str(number), "data": user(f"{prefix}-{number}")}
            for number in numbers[first : first + 1000]
        ]
        body = {"schemas": [MESSAGE + "BulkRequest"], "Operations": operations}
        for operation in connection.ask("POST", "/Bulk", body)["Operations"]:
            if str(operation["status"]) != "201":
                raise RuntimeError(f"Bulk: {operation}")
            ids.append(operation["location"].rsplit("/", 1)[1])
    return ids


def spread(work, jobs, core):
    """Each job in a process of its own, all on one core; their results, in order."""
    def bind():
        if core:
            os.sched_setaffinity(0, {int(core)})

    with multiprocessing.get_context("fork").Pool(len(jobs), bind) as pool:
        return pool.map(work, jobs, 1)


def parts(things, count):
    """A list in so many pieces."""
    return [things[piece::count] for piece in range(count)]
