"""A small HTTP server that misbehaves as it is told, on a real socket."""

import json
import math
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

from myna.engines.task_group import open_task_group

Answer: TypeAlias = Sequence[bytes | float]
"""What is sent, in pieces, with pauses in seconds; at an infinite one the server waits until the client has left. Then
the connection is closed."""

CHAT = "/v1/chat/completions"


def head(status: int = 200, content_type: str = "text/event-stream", **more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class InTurn(dict[str, Answer]):
    """Answers that follow each other; the last one stays."""

    def __init__(self, path: str, *answers: Answer) -> None:
        super().__init__({path: answers[0]})
        self.path = path
        self.coming = list(answers)

    def get(self, path: str, default: Answer) -> Answer:  # pyright: ignore[reportIncompatibleMethodOverride]
        if path != self.path:
            return super().get(path, default)
        return self.coming.pop(0) if len(self.coming) > 1 else self.coming[0]


def event(data: object) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()) + b"\n\n"


def piece(finish_reason: str | None = None, **delta: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def error(status: int, body: object) -> Answer:
    return [head(status, "application/json"), json.dumps(body).encode()]


DONE = event(b"[DONE]")
HELLO: Answer = [head(), piece(content="hello"), piece("stop"), DONE]


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Loopback:
    """The server: what it was asked, and whether a client has left in the middle of an answer."""

    port: int
    answers: Mapping[str, Answer]
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list[Request])
    left: anyio.Event = field(default_factory=anyio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def asked(self, path: str = CHAT) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def serve(self, stream: ByteStream) -> None:
        async with stream:
            reader = BufferedByteReceiveStream(stream)
            first, *lines = (await reader.receive_until(b"\r\n\r\n", 65536)).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.receive_exactly(int(headers.get("content-length", 0)))
            path = first.split()[1]
            self.requests.append(Request(path, headers, json.loads(body) if body else None))
            try:
                for step in self.answers.get(path, error(404, {"error": "no such page"})):
                    if isinstance(step, bytes):
                        await stream.send(step)
                    elif step == math.inf:
                        await reader.receive()
                    else:
                        await anyio.sleep(step)
            except (anyio.BrokenResourceError, anyio.EndOfStream):
                self.left.set()


@asynccontextmanager
async def serving(
    answers: Mapping[str, Answer], port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Loopback]:
    plain = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    server = Loopback(plain.extra(SocketAttribute.local_port), answers, "https" if tls else "http")
    listener = TLSListener(plain, tls, standard_compatible=False) if tls else plain
    async with listener, open_task_group() as tasks:
        tasks.start_soon(listener.serve, server.serve)
        yield server
        tasks.cancel_scope.cancel()
