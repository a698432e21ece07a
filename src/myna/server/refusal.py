"""The answer to who is not let in, before any route has seen the request."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from myna.server.errors import Problem, answer

POLICY_VIOLATION = 1008
"""How a socket is closed that was not let in (RFC 6455, section 7.4.1)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why, in words that tell nothing but what the client sent itself."""

    problem: Problem
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer ``scope``: a request, or a WebSocket that is not open yet."""
        if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await WebSocketClose(POLICY_VIOLATION, self.problem.message)(scope, receive, send)
        else:
            await answer(scope["path"], self.problem, self.headers)(scope, receive, send)
