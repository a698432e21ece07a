"""What the tests pull from: real servers on loopback, with real archives."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
import time
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What a path answers.

    Attributes:
        body: The bytes.
        status: Of a whole answer.
        knows_ranges: Whether a range is given when one is asked for.
        breaks_after: The connection is cut after so many bytes of each answer.
        stalls_after: Nothing comes after so many bytes, until the site closes.
        chunk_delay_s: Between two chunks of 4 KiB.
    """

    body: bytes
    status: int = 200
    knows_ranges: bool = True
    breaks_after: int | None = None
    stalls_after: int | None = None
    chunk_delay_s: float = 0.0


@dataclass
class Site:
    """A server on loopback.

    Attributes:
        asked: Path and range of every GET, in order.
        left: Set when a client went away in the middle of an answer.
    """

    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    left: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def ranges(self, path: str) -> list[str | None]:
        """What was asked of one path."""
        return [asked_range for asked, asked_range in self.asked if asked == path]

    def serve_wheel(self, name: str, version: str, members: Mapping[str, bytes], **how: int | float) -> str:
        """Publish a wheel in this site's package index, for pip. Gives the path where it lies."""
        file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        wheel = make_wheel(name, version, members)
        digest = hashlib.sha256(wheel).hexdigest()
        self.answers[f"/simple/{name}/"] = Answer(f'<a href="/files/{file}#sha256={digest}">{file}</a>'.encode())
        self.answers[f"/files/{file}"] = Answer(wheel, **how)  # pyright: ignore[reportArgumentType] - by name
        return f"/files/{file}"

    def serve_tarball(self, name: str, version: str, members: Mapping[str, bytes]) -> None:
        """Publish a tarball in this site's package index, for npm."""
        package = json.dumps({"name": name, "version": version}).encode()
        tarball = make_tarball({"package/package.json": package, **members})
        dist = {
            "tarball": f"{self.url}/{name}/-/{name}-{version}.tgz",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode(),
        }
        manifest = {"name": name, "version": version, "dist": dist}
        packument = {"name": name, "dist-tags": {"latest": version}, "versions": {version: manifest}}
        self.answers[f"/{name}"] = Answer(json.dumps(packument).encode())
        self.answers[f"/{name}/-/{name}-{version}.tgz"] = Answer(tarball)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = Site(url=f"http://127.0.0.1:{self.server_address[1]}")


class _Handler(BaseHTTPRequestHandler):
    @property
    def site(self) -> Site:
        assert isinstance(self.server, _Server)
        return self.server.site

    def do_HEAD(self) -> None:
        answer = self.site.answers.get(self.path, Answer(b"", 200 if self.path == "/" else 404))
        if answer.stalls_after == 0:
            self.site.closing.wait(60)
        self.send_response(answer.status)
        self.end_headers()

    def do_GET(self) -> None:
        asked_range = self.headers["Range"]
        self.site.asked.append((self.path, asked_range))
        answer = self.site.answers.get(self.path, Answer(b"no such thing", 404))
        begin = 0
        if asked_range and answer.knows_ranges:
            begin = int(asked_range.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(answer.body) - 1}/{len(answer.body)}")
        else:
            self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body) - begin))
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple/") else "application/json")
        self.end_headers()
        try:
            self._send(answer, answer.body[begin:])
        except OSError:
            self.site.left.set()

    def _send(self, answer: Answer, body: bytes) -> None:
        stops = [n for n in (answer.breaks_after, answer.stalls_after, len(body)) if n is not None]
        stop = min(stops)
        for begin in range(0, stop, 4096):
            self.wfile.write(body[begin : min(begin + 4096, stop)])
            time.sleep(answer.chunk_delay_s)
        if stop < len(body):
            self.close_connection = True
            if answer.stalls_after is not None:
                self.site.closing.wait(60)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def site() -> Generator[Site]:
    """A site that is up while entered."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.site
        finally:
            server.site.closing.set()
            server.shutdown()
            thread.join()


def make_wheel(name: str, version: str, members: Mapping[str, bytes], *, compressed: bool = True) -> bytes:
    """A wheel that pip takes."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for member, content in (*members.items(), *metadata.items()):
            archive.writestr(member, content)
    return wheel.getvalue()


def make_tarball(members: Mapping[str, bytes]) -> bytes:
    """A tarball as npm has it."""
    tarball = io.BytesIO()
    with tarfile.open(fileobj=tarball, mode="w") as archive:
        for member, content in members.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(tarball.getvalue())
