"""Clients of the sockets of a real server."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypedDict, Unpack

import anyio
import numpy as np
from tests.server.serving import Clients, choice, serving_engines
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from myna.config.settings import Settings
from myna.core.audio import HEARING_RATE
from myna.engines.base import ASR, LLM, TTS, VAD
from myna.engines.opening import Choice
from myna.engines.plugins import Kind
from myna.server.door import Rules
from myna.server.sizes import Limits
from myna.server.tls import TLS
from myna.testing.asr import ScriptedASR
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD
from myna.tools.base import ToolSource
from myna.weights.locate import Weights

PATIENCE_S = 20.0
"""A machine that others keep busy is no failure."""

HALF_A_SECOND = HEARING_RATE // 2


def speech(seconds: float = 1.0, rate: int = HEARING_RATE) -> bytes:
    """What a `ScriptedVAD` takes for speech."""
    at = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * 300 * at) * 8000).astype("<i2").tobytes()


def silence(seconds: float = 1.0, rate: int = HEARING_RATE) -> bytes:
    return bytes(2 * int(rate * seconds))


class Talker:
    """A client on a socket that reads JSON."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line

    async def send(self, message: dict[str, Any] | bytes) -> None:
        with anyio.fail_after(PATIENCE_S):
            await self.line.send(message if isinstance(message, bytes) else json.dumps(message))

    async def next(self) -> dict[str, Any]:
        with anyio.fail_after(PATIENCE_S):
            return json.loads(await self.line.recv())

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of this type; those before it are passed over."""
        while (message := await self.next())["type"] != kind:
            pass
        return message

    async def rest(self) -> list[dict[str, Any]]:
        """All messages until the server closes."""
        messages: list[dict[str, Any]] = []
        with anyio.fail_after(PATIENCE_S), suppress(ConnectionClosed):
            while True:
                messages.append(json.loads(await self.line.recv()))
        return messages

    async def closed(self) -> tuple[int | None, str | None]:
        """The close code and its reason; what still comes before is passed over."""
        with anyio.fail_after(PATIENCE_S):
            await self.line.wait_closed()
        return self.line.close_code, self.line.close_reason


@asynccontextmanager
async def talker(
    clients: Clients,
    path: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: dict[str, str] | None = None,
    receive_buffer: int | None = None,
) -> AsyncGenerator[Talker]:
    """A client on the socket at ``path``; ``receive_buffer`` is how many bytes its system takes before it reads."""
    address = clients.http.base_url
    offered = [Subprotocol(each) for each in subprotocols] or None
    with socket.socket() as end:
        if receive_buffer is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        end.setblocking(False)
        await asyncio.get_running_loop().sock_connect(end, (address.host, address.port))
        async with connect(
            f"ws://{address.host}:{address.port}{path}",
            sock=end,
            subprotocols=offered,
            additional_headers=headers,
            compression=None,
            proxy=None,
        ) as line:
            yield Talker(line)


class Engines(TypedDict, total=False):
    """Those that a test has a word in."""

    llm: LLM
    asr: ASR
    tts: TTS
    vad: VAD


@asynccontextmanager
async def talking(
    weights: Weights,
    *,
    settings: Settings | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    tools: Sequence[ToolSource] = (),
    tls: TLS | None = None,
    **engines: Unpack[Engines],
) -> AsyncGenerator[Clients]:
    """A server that can hear, think and speak."""
    choices: dict[Kind, Choice] = {
        "llm": choice(engines.get("llm", ScriptedLLM("[平静] 你好。"))),
        "asr": choice(engines.get("asr", ScriptedASR("你好"))),
        "tts": choice(engines.get("tts", ScriptedTTS())),
        "vad": choice(engines.get("vad", ScriptedVAD())),
    }
    async with serving_engines(weights, choices, settings, rules, limits, tools=tools, tls=tls) as clients:
        yield clients
