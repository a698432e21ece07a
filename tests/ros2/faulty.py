"""A server that is at fault, byte by byte: it stands where Myna would be."""

import re
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
PERSONAS = b'{"default":"polly","personas":[{"id":"polly","language":"en"}]}'
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


def piece(text: str) -> bytes:
    """An event with a piece of a reply."""
    return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode()


Fault = Callable[[socket.socket, threading.Event], None]
"""What is done with a connection, once its request has come; the event is set when all has to end."""


def sends(*parts: bytes, then_hangs: bool = False) -> Fault:
    """Send these, and close; or send no more."""

    def fault(line: socket.socket, over: threading.Event) -> None:
        for part in parts:
            line.sendall(part)
        if then_hangs:
            over.wait(60)

    return fault


def babbles(part: bytes) -> Fault:
    """Send the same until nobody reads it any more."""

    def fault(line: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            line.sendall(part)

    return fault


def _request(line: socket.socket) -> bytes:
    request = line.recv(1 << 16)
    head, _, _ = request.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head.lower())
    length = len(head) + 4 + int(found[1]) if found else len(request)
    while len(request) < length and (more := line.recv(1 << 16)):
        request += more
    return request


@contextmanager
def faulty(chat: Fault, seen: list[bytes] | None = None) -> Generator[str]:
    """Such a server, which knows one persona and answers chats so; its URL. ``seen`` gets the requests of chats."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(line: socket.socket) -> None:
        with line, suppress(OSError):
            line.settimeout(30)
            request = _request(line)
            if request.startswith(b"GET /api/personas"):
                line.sendall(JSON % (len(PERSONAS), PERSONAS))
            else:
                if seen is not None and request.startswith(b"POST"):
                    seen.append(request)
                chat(line, over)

    def accept() -> None:
        with suppress(OSError):
            while True:
                line, _ = listening.accept()
                threading.Thread(target=serve, args=(line,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.close()
