"""One HTTP request, which another thread may end at once."""

import http.client
import socket
import ssl
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rdk_chat.problem import Closed, Problem

LONGEST_ERROR = 1 << 16
"""Bytes that are read of what explains a refusal."""
PIECE = 1 << 16


@dataclass(frozen=True)
class Server:
    """Where Myna is, and how patient one is with it.

    Attributes:
        url: ``http://…`` or ``https://…``, with a path before Myna's own if a proxy has one.
        key: The API key; empty if there is none.
        ca_file: What vouches for the server; empty for what the system trusts.
        connect_s: How long connecting may take.
        silence_s: How long nothing at all may come.
    """

    url: str
    key: str = ""
    ca_file: str = ""
    connect_s: float = 3.0
    silence_s: float = 30.0


class Call:
    """A request. One thread opens it, reads and leaves it; any other may `close` it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._closed = False
        self._socket: socket.socket | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None

    def open(self, method: str, path: str, body: bytes | None = None) -> int:
        """Send it, and wait for the head of the answer; its status.

        Raises:
            Problem: Myna cannot be reached.
            Closed: It was closed meanwhile.
        """
        with self._told():
            connection, base = self._connect()
            headers = {"Accept": "text/event-stream, application/json"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            if self._server.key:
                headers["Authorization"] = f"Bearer {self._server.key}"
            connection.request(method, base + path, body, headers)
            self._response = connection.getresponse()
            return self._response.status

    def read(self) -> bytes:
        """What comes next; nothing at the end.

        Raises:
            Problem: The connection broke, or Myna was silent for too long.
            Closed: It was closed meanwhile.
        """
        data = b""
        with self._told():
            if self._response is not None:
                data = self._response.read1(PIECE)
        with self._lock:
            if self._closed:
                raise Closed
        return data

    def rest(self, most: int = LONGEST_ERROR) -> bytes:
        """All that comes, up to about so many bytes; raises as `read` does."""
        whole = bytearray()
        while len(whole) < most and (data := self.read()):
            whole += data
        return bytes(whole)

    def close(self) -> None:
        """End it, from any thread: whoever reads is told so at once, and the server stops working on it."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                with suppress(OSError):  # it may have ended by itself
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what it holds; in the thread that opened it."""
        with self._lock:
            self._closed = True
            self._socket = None
        if self._response is not None:
            self._response.close()
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        server = self._server
        url = urlsplit(server.url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise Problem("unreachable", f"{server.url!r} is no address of a Myna server. Correct url.")
        if url.scheme == "https":
            context = trusted(server.ca_file)
            self._connection = http.client.HTTPSConnection(
                url.hostname, url.port, timeout=server.connect_s, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(url.hostname, url.port, timeout=server.connect_s)
        self._connection.connect()
        with self._lock:
            if self._closed:
                raise Closed
            self._socket = self._connection.sock
        if self._socket is not None:
            self._socket.settimeout(server.silence_s)
        return self._connection, url.path.rstrip("/")

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        """Faults of the line, as what they mean."""
        try:
            yield
        except (OSError, ValueError, http.client.HTTPException) as fault:
            with self._lock:
                if self._closed:
                    raise Closed from None
            raise self._meaning(fault) from fault

    def _meaning(self, fault: Exception) -> Problem:
        url, connected = self._server.url, self._socket is not None
        if connected and isinstance(fault, TimeoutError):
            return Problem("timed_out", f"Myna at {url} was silent for {self._server.silence_s:g} s.")
        if self._response is not None or (connected and isinstance(fault, ConnectionError)):
            return Problem("cut_off", f"Myna at {url} went away in the middle of its reply. Ask again.")
        if isinstance(fault, http.client.HTTPException):
            return Problem("not_myna", f"Whoever answers at {url} is not Myna. Correct url.")
        if isinstance(fault, ssl.SSLError):
            return Problem("unreachable", f"{url} is not to be trusted ({fault}). Set ca_file to its authority.")
        why = f"{type(fault).__name__}: {fault}"
        return Problem("unreachable", f"Myna cannot be reached at {url} ({why}). Start it, or correct url.")


def trusted(file: str) -> ssl.SSLContext:
    """Which servers are: those of the authority in the file, or without a file of the system's.

    Raises:
        Problem: The file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=str(Path(file).expanduser()) if file else None)
    except (OSError, ssl.SSLError) as fault:
        raise Problem("unreachable", f"The certificate in {file} cannot be read: {fault}. Correct ca_file.") from fault


def key_of(file: str, environ: Mapping[str, str]) -> str:
    """The API key: of the file if one is named, else of the environment.

    Raises:
        Problem: The file cannot be read, or the key cannot be sent.
    """
    try:
        key = (Path(file).expanduser().read_text(encoding="utf-8") if file else environ.get("MYNA_API_KEY", "")).strip()
    except (OSError, UnicodeError) as fault:
        raise Problem("wrong_key", f"The API key in {file} cannot be read: {fault}. Correct api_key_file.") from fault
    if not (key.isascii() and key.isprintable()):
        raise Problem(
            "wrong_key", "The API key holds characters that no key has. Correct api_key_file or MYNA_API_KEY."
        )
    return key
