"""Who is let in, and who that is: by key, by origin and by host. One for requests and WebSockets.

Three strangers are kept out. Somebody on the network has no key. A page of another site, open in the user's own
browser, says where it is from (``Origin``), which no page can change; so it can neither open a socket nor send a
request that does something. A page whose name was made to point at this machine (DNS rebinding) is "from here", and
the name gives it away: without keys, Myna answers to addresses and to the names that it was told only.

The files of Myna's own page need no key: a browser cannot send one with them, they tell nothing, and the page asks for
the key that it then sends with all it does. Origins and hosts count for them as for everything else. So it is with the
certificate of the authority that phones may be told to trust.
"""

import ipaddress
import logging
import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from myna.core.context import working_on
from myna.core.errors import BadConfig
from myna.core.ids import OWNER, UserId
from myna.server.errors import Problem
from myna.server.keys import Key, Keys
from myna.server.refusal import Refusal
from myna.server.tls import AUTHORITY_PATH
from myna.server.web_page import is_page

log = logging.getLogger(__name__)

OPEN = frozenset({"/health", "/ready"})
"""What is answered without a key, for those who watch over servers: it tells states only."""

KEY_PROTOCOL = "openai-insecure-api-key."
"""A WebSocket's subprotocol that carries the key: how OpenAI's SDKs do it in browsers, which can set no headers."""

_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[^:@/\[\]]+))(?::\d+)?")
_READING = ("GET", "HEAD")
_SCHEMES = {"ws": "http", "wss": "https"}

_NO_KEY = Refusal(
    Problem(
        401,
        "invalid_api_key",
        "This needs a valid API key.",
        "Send it as: Authorization: Bearer KEY. A key is made by: myna key create",
    ),
    {"WWW-Authenticate": "Bearer"},
)
_UNREADABLE_KEYS = Refusal(
    Problem(503, "unavailable", "The API keys cannot be read.", "The log of the server says why.")
)
_WRONG_ORIGIN = Refusal(
    Problem(
        403,
        "origin_not_allowed",
        "Pages of this origin may not talk to this server.",
        "If it is yours, name it in the setting server.origins.",
    )
)
_WRONG_HOST = Refusal(
    Problem(
        403,
        "host_not_allowed",
        "This server is not known by the name that the request asks for.",
        "If it should be, name it in the setting server.hosts.",
    )
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Who is let in.

    Attributes:
        keys: The keys that there are. As soon as there is one, every request needs one.
        reachable: Others can reach this server: every request needs a key, even when the last one was revoked.
        hosts: Names under which it may be asked for without a key, besides localhost and addresses.
        origins: Pages that may talk to it, besides its own.
    """

    keys: Keys | None = None
    reachable: bool = False
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()


class Door:
    """ASGI middleware that lets in what ``rules`` allow.

    ``request.state.trusted`` is whether more than `OPEN` and the page is; if so, ``request.state.user_id`` is who asks.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or have the app answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._wrong_origin(scope, headers)
        if refusal is None:
            who = self._who(scope, headers)
            state = scope.setdefault("state", {})
            if isinstance(who, Refusal):
                state["trusted"], refusal = False, who
            else:
                state["trusted"], state["user_id"] = True, who
            if _is_open(scope, refusal):
                refusal = None
        if refusal is None:
            await self._app(_without_key(scope), receive, send)
        else:
            await refusal.send(scope, receive, send)

    def _wrong_origin(self, scope: Scope, headers: Headers) -> Refusal | None:
        origin = headers.get("origin", "").lower()
        scheme = _SCHEMES.get(scope["scheme"], scope["scheme"])
        own = f"{scheme}://{headers.get('host', '')}".lower()
        # What is no browser sends no origin, and a browser cannot leave it out where it matters.
        if not origin or origin == own or origin in self._rules.origins:
            return None
        return _WRONG_ORIGIN

    def _who(self, scope: Scope, headers: Headers) -> UserId | Refusal:
        try:
            keys = self._rules.keys.all() if self._rules.keys else ()
            if keys or self._rules.reachable:
                key = self._with_key(scope, headers)
                return key.user_id if key else _NO_KEY
        except BadConfig as error:
            log.error("%s", error)  # noqa: TRY400 - what is wrong is in its words
            return _UNREADABLE_KEYS
        if _is_address_or_localhost(host := _host(headers)) or host in self._rules.hosts:
            return OWNER
        return _WRONG_HOST

    def _with_key(self, scope: Scope, headers: Headers) -> Key | None:
        secret = _presented(scope, headers)
        key = self._rules.keys.find(secret) if self._rules.keys and secret else None
        if key is not None:
            working_on(key_name=key.name)
        return key


def _is_open(scope: Scope, refusal: Refusal | None) -> bool:
    """Whether the request is answered in spite of ``refusal``."""
    if scope["type"] != "http":
        return False
    path, reads = scope["path"], scope["method"] in _READING
    return path in OPEN or (refusal is _NO_KEY and reads and (is_page(path) or path == AUTHORITY_PATH))


def _presented(scope: Scope, headers: Headers) -> str:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip()
    offered: list[str] = scope.get("subprotocols", [])
    return next((each.removeprefix(KEY_PROTOCOL) for each in offered if each.startswith(KEY_PROTOCOL)), "")


def _without_key(scope: Scope) -> Scope:
    """The scope without a subprotocol that is a key, so that nobody agrees to it by name."""
    if not any(each.startswith(KEY_PROTOCOL) for each in scope.get("subprotocols", ())):
        return scope
    return {**scope, "subprotocols": [each for each in scope["subprotocols"] if not each.startswith(KEY_PROTOCOL)]}


def _host(headers: Headers) -> str:
    """The name or address that the client asked for, in lower case; empty if it is none."""
    found = _HOST.fullmatch(headers.get("host", ""))
    return (found["v6"] or found["name"]).rstrip(".").lower() if found else ""


def _is_address_or_localhost(host: str) -> bool:
    # An address is no name that could be made to point elsewhere; browsers resolve *.localhost themselves.
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
