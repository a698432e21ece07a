"""``GET /``: the web app, as it was built of ``web/``. All of it comes from here, and its headers keep it at that."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

BUILT = Path(__file__).parent / "web_app"
"""What ``make web`` makes, and a wheel brings along."""

_ALLOWED: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",  # the audio worklets too
    "style-src": "'self'",
    "img-src": "'self' blob:",  # where there are keys, the page fetches pictures with its key and shows the blobs
    "connect-src": "'self'",  # WebSockets too: in Chrome since 70, in Safari since 16
    "font-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",  # no text becomes HTML or code, whatever a reply says
    "trusted-types": "'none'",
}
POLICY = "; ".join(f"{what} {allowed}" for what, allowed in _ALLOWED.items())
"""What the page may load and do. A media element that plays a stream loads nothing, so none needs ``media-src``."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",  # pages elsewhere cannot even find out that Myna runs here
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(self), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

ASK_AGAIN = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
"""For files whose names change with what is in them."""

_MEDIA_TYPES: Mapping[str, str] = {  # what the system has for an ending differs, and .js is not always JavaScript
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}

_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Myna</title>
<p>Myna runs, but its web app has not been built. In the folder of its source: <code>make web</code>
<p>Everything else works as always: <a href="docs">docs</a> lists what there is.</html>"""

_MANIFEST = "/manifest.webmanifest"
_FOLDERS = ("assets", "icons")


def is_page(path: str) -> bool:
    """Whether this is a path of the page's own files, which are the same for everyone and tell nothing."""
    return path in ("/", _MANIFEST) or path.startswith(tuple(f"/{folder}/" for folder in _FOLDERS))


def router_of(built: Path = BUILT) -> APIRouter:
    """The routes of the page whose files are in ``built``. A build is served as soon as it is there."""
    router = APIRouter(include_in_schema=False)
    methods = ["GET", "HEAD"]

    @router.api_route("/", methods=methods)
    def page(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        index = _file(built, "index.html")
        if index is None:
            return HTMLResponse(_NOT_BUILT, 503, {**HEADERS, "Cache-Control": "no-store"})
        return _answer(request, index, ASK_AGAIN)

    @router.api_route(_MANIFEST, methods=methods)
    def manifest(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return _answer(request, _file(built, _MANIFEST[1:]), ASK_AGAIN)

    @router.api_route("/assets/{name}", methods=methods)
    def asset(request: Request, name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        return _answer(request, _file(built / "assets", name), FOR_EVER)

    @router.api_route("/icons/{name}", methods=methods)
    def icon(request: Request, name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        return _answer(request, _file(built / "icons", name), ASK_AGAIN)

    return router


def _file(folder: Path, name: str) -> Path | None:
    """The file of this name that really is in ``folder``; so no name leads out of it."""
    there = folder.iterdir() if folder.is_dir() else ()
    return next((path for path in there if path.name == name and path.is_file()), None)


def _answer(request: Request, path: Path | None, keep: str) -> Response:
    if path is None:
        raise HTTPException(404)
    content = _read(path, path.stat().st_mtime_ns)
    headers = {**HEADERS, "Cache-Control": keep, "ETag": content.tag, "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "").split(",")
    if content.tag in (tag.strip() for tag in known):
        return Response(status_code=304, headers=headers)
    media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    if content.gzipped and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(content.gzipped, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(content.plain, media_type=media_type, headers=headers)


@dataclass(frozen=True, slots=True)
class _Content:
    """What is in a file.

    Attributes:
        gzipped: The same in gzip, for a phone in a slow network; None if that is no smaller.
        tag: Weak, since both are meant.
    """

    plain: bytes
    gzipped: bytes | None
    tag: str


@lru_cache(maxsize=64)  # for as long as the file has not changed
def _read(path: Path, changed_ns: int) -> _Content:
    plain = path.read_bytes()
    gzipped = gzip.compress(plain, mtime=0)
    smaller = gzipped if len(gzipped) < 0.9 * len(plain) else None
    return _Content(plain, smaller, f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"')
