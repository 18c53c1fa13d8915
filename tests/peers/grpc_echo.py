#!/usr/bin/env python3
"""gRPC by its own implementation (grpcio): a service that answers what it is sent, and a caller.

    grpc_echo.py serve [--age SECONDS]      prints `ready PORT`; plain HTTP/2. A connection that is
                                            so old is sent GOAWAY
    grpc_echo.py call --target localhost:8443 --ca tls.crt --cookie NAME=VALUE PATH...

The caller prints one line of JSON: what came of each call. Messages are bytes; there is no
protobuf.
"""

import argparse
import json
import threading
from concurrent import futures

import grpc

SERVICE = "example.Echo"


def whole(request, context):
    metadata = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-initial", "first"),))
    user = metadata.get("remote-user", "nobody")
    context.set_trailing_metadata((("x-user", user), ("x-connection", context.peer())))
    return request


def stream(request, context):
    context.set_trailing_metadata((("x-sum", "6"),))
    for number in request.split(b","):
        yield number


def chat(requests, context):
    for request in requests:
        yield request.upper()


def fail(request, context):
    context.set_trailing_metadata((("x-hint", "ask Bob"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not on Sundays: 100 % sure")


def endless(request, context):
    """Until the caller has gone, which it says in its output."""
    gone = threading.Event()

    def leave():
        print("the caller has gone", flush=True)
        gone.set()

    # Not behind the `yield`: if the caller goes while its answer is sent, nobody comes back there.
    context.add_callback(leave)
    yield b"begun"
    gone.wait()


class Echo(grpc.GenericRpcHandler):
    def service(self, call):
        match call.method.rpartition("/")[2]:
            case "Whole":
                return grpc.unary_unary_rpc_method_handler(whole)
            case "Stream":
                return grpc.unary_stream_rpc_method_handler(stream)
            case "Chat":
                return grpc.stream_stream_rpc_method_handler(chat)
            case "Fail":
                return grpc.unary_unary_rpc_method_handler(fail)
            case "Endless":
                return grpc.unary_stream_rpc_method_handler(endless)
        return None


def serve(options):
    age = [("grpc.max_connection_age_ms", int(options.age * 1000))] if options.age else []
    server = grpc.server(futures.ThreadPoolExecutor(16), options=age)
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"ready {port}", flush=True)
    server.wait_for_termination()


class Caller:
    def __init__(self, channel, metadata):
        self.channel, self.metadata = channel, metadata

    def whole(self, path, message=b"hello"):
        call = self.channel.unary_unary(f"/{path}")
        answer, ended = call.with_call(message, metadata=self.metadata, timeout=20)
        return {
            "size": len(answer),
            "same": answer == message,
            "initial": dict(ended.initial_metadata()).get("x-initial"),
            "user": dict(ended.trailing_metadata()).get("x-user"),
        }

    def large(self, path):
        return self.whole(path, bytes(range(256)) * 8192)

    def many(self, path):
        """Calls until several connections have carried some; every call has to succeed."""
        seen, count = set(), 0
        while len(seen) < 4 and count < 100_000:
            call = self.channel.unary_unary(f"/{path}")
            _, ended = call.with_call(b"again", metadata=self.metadata, timeout=20)
            seen.add(dict(ended.trailing_metadata())["x-connection"])
            count += 1
        return {"connections": len(seen)}

    def stream(self, path):
        call = self.channel.unary_stream(f"/{path}")
        call = call(b"1,2,3", metadata=self.metadata, timeout=20)
        answers = [answer.decode() for answer in call]
        return {"answers": answers, "sum": dict(call.trailing_metadata()).get("x-sum")}

    def chat(self, path):
        """Each word is said after the answer to the one before it has come."""
        answers, more = [], threading.Semaphore(1)

        def words():
            for word in (b"one", b"two", b"three"):
                more.acquire()
                yield word

        call = self.channel.stream_stream(f"/{path}")
        for answer in call(words(), metadata=self.metadata, timeout=20):
            answers.append(answer.decode())
            more.release()
        return {"answers": answers}

    def leave(self, path):
        """Goes away while the answer is still coming. No deadline would end it otherwise."""
        call = self.channel.unary_stream(f"/{path}")
        call = call(b"", metadata=self.metadata)
        first = next(call).decode()
        call.cancel()
        return {"first": first}

    def make(self, kind, path):
        try:
            return getattr(self, kind)(path)
        except grpc.RpcError as error:
            hint = dict(error.trailing_metadata() or ()).get("x-hint")
            return {"status": error.code().value[0], "message": error.details(), "hint": hint}


def call(options):
    credentials = grpc.ssl_channel_credentials(options.ca.read())
    metadata = (("cookie", options.cookie),) if options.cookie else ()
    with grpc.secure_channel(options.target, credentials) as channel:
        caller = Caller(channel, metadata)
        made = [caller.make(*which.split("=", 1)) for which in options.calls]
    print(json.dumps(made), flush=True)


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve")
    server.add_argument("--age", type=float)
    caller = commands.add_parser("call")
    caller.add_argument("--target", required=True)
    caller.add_argument("--ca", type=argparse.FileType("rb"), required=True)
    caller.add_argument("--cookie")
    caller.add_argument("calls", nargs="+", help="whole|large|many|stream|chat|leave=SERVICE/METHOD")
    options = parser.parse_args()
    serve(options) if options.command == "serve" else call(options)


main()
