#!/usr/bin/env python3
"""An end of HTTP/2 connections that does what it is told, frame by frame.

In: commands, as lines of JSON on a connection to the port that it prints as `ready PORT`. Out:
lines of JSON about every frame that came. Frames are read and written by hyperframe, headers by
hpack; there is no state machine that would keep us from doing what no client does.

    {"do": "connect", "port": 8443, "ca": "tls.crt"}     TLS with ALPN h2; the answer is "connected"
    {"do": "listen"}                                     plain HTTP/2; the answer is "listening"
    {"do": "headers", "connection": 1, "stream": 1, "headers": [[":method", "GET"], ...], "end": true}
    {"do": "data", "connection": 1, "stream": 1, "text": "hello", "end": true}
    {"do": "goaway", "connection": 1, "last": 1, "code": 0}
    {"do": "reset", "connection": 1, "stream": 1, "code": 8}
    {"do": "ping", "connection": 1}                      the answer is "pong": what came before was read
    {"do": "close", "connection": 1}

Connections are numbered in the order in which they open. SETTINGS and PING are acknowledged, and
what was read is given back to the windows, by itself.
"""

import asyncio
import json
import ssl

from hpack import Decoder, Encoder
from hyperframe import frame as frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# What fits into the smallest frame that everybody has to take.
PIECE = 16384


class Endpoint:
    def __init__(self, control):
        self.control = control
        self.connections = []

    def tell(self, **event):
        self.control.write(json.dumps(event).encode() + b"\n")

    def open(self, reader, writer):
        connection = Connection(self, len(self.connections) + 1, reader, writer)
        self.connections.append(connection)
        return connection

    async def accept(self, reader, writer):
        connection = self.open(reader, writer)
        self.tell(event="accepted", connection=connection.number)
        try:
            await reader.readexactly(len(PREFACE))
            connection.begin()
        except asyncio.IncompleteReadError:
            pass
        await connection.read()

    async def obey(self, command):
        match command.pop("do"):
            case "listen":
                server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
                self.tell(event="listening", port=server.sockets[0].getsockname()[1])
            case "connect":
                context = ssl.create_default_context(cafile=command["ca"])
                context.set_alpn_protocols(["h2"])
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", command["port"], ssl=context, server_hostname="localhost"
                )
                assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
                connection = self.open(reader, writer)
                writer.write(PREFACE)
                connection.begin()
                self.tell(event="connected", connection=connection.number)
                connection.task = asyncio.create_task(connection.read())
            case "close":
                self.connections[command["connection"] - 1].writer.close()
            case what:
                connection = self.connections[command.pop("connection") - 1]
                getattr(connection, what)(**command)


class Connection:
    def __init__(self, endpoint, number, reader, writer):
        self.endpoint, self.number, self.reader, self.writer = endpoint, number, reader, writer
        self.encoder, self.decoder = Encoder(), Decoder()
        self.decoder.max_header_list_size = 1 << 24

    def begin(self):
        self.write(frames.SettingsFrame(0))

    def write(self, frame):
        self.writer.write(frame.serialize())

    def tell(self, event, **more):
        self.endpoint.tell(event=event, connection=self.number, **more)

    def headers(self, stream, headers, end):
        block = self.encoder.encode([tuple(header) for header in headers])
        pieces = [block[at : at + PIECE] for at in range(0, len(block), PIECE)]
        for place, piece in enumerate(pieces):
            kind = frames.HeadersFrame if place == 0 else frames.ContinuationFrame
            frame = kind(stream, piece)
            if place + 1 == len(pieces):
                frame.flags.add("END_HEADERS")
            if place == 0 and end:
                frame.flags.add("END_STREAM")
            self.write(frame)

    def data(self, stream, text, end):
        self.write(frames.DataFrame(stream, text.encode(), flags=["END_STREAM"] if end else []))

    def goaway(self, last, code):
        self.write(frames.GoAwayFrame(0, last_stream_id=last, error_code=code))

    def reset(self, stream, code):
        self.write(frames.RstStreamFrame(stream, error_code=code))

    def ping(self):
        self.write(frames.PingFrame(0, opaque_data=b"samlgate"))

    async def read(self):
        block, first = b"", None
        try:
            while True:
                head = await self.reader.readexactly(9)
                frame, length = frames.Frame.parse_frame_header(memoryview(head))
                frame.parse_body(memoryview(await self.reader.readexactly(length)))
                if isinstance(frame, (frames.HeadersFrame, frames.ContinuationFrame)):
                    if isinstance(frame, frames.HeadersFrame):
                        block, first = b"", frame
                    block += frame.data
                    if "END_HEADERS" in frame.flags:
                        self.tell(
                            "headers",
                            stream=frame.stream_id,
                            headers=self.decoder.decode(block),
                            end="END_STREAM" in first.flags,
                        )
                else:
                    self.take(frame)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        self.tell("closed")
        self.writer.close()

    def take(self, frame):
        stream = frame.stream_id
        match frame:
            case frames.DataFrame():
                if frame.flow_controlled_length > 0:
                    for window in (0, stream):
                        count = frame.flow_controlled_length
                        self.write(frames.WindowUpdateFrame(window, window_increment=count))
                text = frame.data.decode("latin-1")
                self.tell("data", stream=stream, text=text, end="END_STREAM" in frame.flags)
            case frames.SettingsFrame() if "ACK" not in frame.flags:
                self.write(frames.SettingsFrame(0, flags=["ACK"]))
                self.tell("settings", settings=dict(frame.settings))
            case frames.PingFrame() if "ACK" not in frame.flags:
                self.write(frames.PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))
            case frames.PingFrame():
                self.tell("pong")
            case frames.RstStreamFrame():
                self.tell("reset", stream=stream, code=frame.error_code)
            case frames.GoAwayFrame():
                self.tell("goaway", last=frame.last_stream_id, code=frame.error_code)


async def main():
    async def control(reader, writer):
        endpoint = Endpoint(writer)
        try:
            while line := await reader.readline():
                await endpoint.obey(json.loads(line))
        except ConnectionError:
            pass

    server = await asyncio.start_server(control, "127.0.0.1", 0, limit=1 << 24)
    print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
