"""The WebSocket itself, with any `websockets` from 9.1 (Ubuntu 22.04) on; each kept its promises in another way."""

import asyncio
import inspect
import json
import os
import ssl
from contextlib import suppress
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import websockets
from websockets import exceptions

OPEN_S = 10.0
CLOSE_S = 0.3
SEND_S = 10.0
"""A server that takes nothing for so long is gone."""

PING_S = 10.0
"""How often a silent connection is tried, and how long an answer may take."""

LONGEST_MESSAGE = 1 << 24
LONGEST_KEY = 1_000
KEY_VARIABLE = "MYNA_API_KEY"

GOING_ON_ELSEWHERE = 4409
_BUSY = 1013
_STOPS = 1012
_ABNORMAL = 1006
_BOM = "\ufeff"


class NoConnection(Exception):
    """There is none, or none any more: why, in a sentence.

    Attributes:
        patient: It will not help to try again soon.
    """

    def __init__(self, why: str, *, patient: bool = False) -> None:
        super().__init__(why)
        self.patient = patient


class Connection:
    """Messages to and from a server. Made by `connect`."""

    def __init__(self, socket: Any, url: str) -> None:
        self._socket = socket
        self._url = url

    async def send(self, message: dict[str, Any]) -> None:
        """Send it.

        Raises:
            NoConnection: There is none any more.
        """
        try:
            await asyncio.wait_for(self._socket.send(json.dumps(message)), SEND_S)
        except asyncio.TimeoutError:
            raise NoConnection(f"The server at {self._url} takes nothing any more.") from None
        except exceptions.ConnectionClosed as error:
            raise self._gone(error) from None

    async def receive(self) -> dict[str, Any]:
        """The next message.

        Raises:
            NoConnection: There is none any more, or what came is no message.
        """
        try:
            message: Any = json.loads(await self._socket.recv())
        except exceptions.ConnectionClosed as error:
            raise self._gone(error) from None
        except (ValueError, RecursionError):
            raise self._no_myna("what answers there speaks another protocol") from None
        if not isinstance(message, dict):
            raise self._no_myna("what answers there speaks another protocol")
        return message  # pyright: ignore[reportUnknownVariableType]

    async def close(self) -> None:
        """End it, within a second."""
        with suppress(asyncio.TimeoutError, OSError, exceptions.WebSocketException):
            await asyncio.wait_for(self._socket.close(), 2 * CLOSE_S)

    def _gone(self, error: Exception) -> NoConnection:
        code, reason = _code_of(error)
        if code == GOING_ON_ELSEWHERE:
            return NoConnection("Another connection goes on with the conversation.", patient=True)
        if code == _BUSY:
            return NoConnection(f"The server at {self._url} is full, or still starts. {reason}".strip())
        if code == _STOPS:
            return NoConnection(f"The server at {self._url} stops.")
        return NoConnection(f"The connection to {self._url} was lost. {reason or ''}".strip())

    def _no_myna(self, why: str) -> NoConnection:
        return NoConnection(f"There is no Myna at {self._url}: {why}.", patient=True)


async def connect(endpoint: str, url: str, api_key_file: str = "", ca_file: str = "") -> Connection:
    """Connect to an address of `myna_ros.settings.address`; ``url`` is what it is called in messages.

    Raises:
        NoConnection: Nobody answers, or does not let us in.
    """
    _mend_old_websockets()
    key = read_key(api_key_file)
    accepted = inspect.signature(websockets.connect).parameters
    options: dict[str, Any] = {"proxy": None} if "proxy" in accepted else {}
    headers = "additional_headers" if "additional_headers" in accepted else "extra_headers"
    if key:
        options[headers] = {"Authorization": f"Bearer {key}"}
    if endpoint.startswith("wss:"):
        options["ssl"] = trusted(ca_file)
    opening: Any = websockets.connect(
        endpoint,
        compression=None,
        max_size=LONGEST_MESSAGE,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        close_timeout=CLOSE_S,
        **options,
    )
    try:
        return Connection(await asyncio.wait_for(_opened(opening), OPEN_S), url)
    except asyncio.TimeoutError:
        raise NoConnection(f"There is no Myna at {url}: it did not answer within {OPEN_S:g} s.") from None
    except ssl.SSLCertVerificationError as error:
        why = f"The certificate of the server at {url} is not trusted: {error.verify_message}. See `ca_file`."
        raise NoConnection(why, patient=True) from None
    except (OSError, exceptions.WebSocketException) as error:
        raise _refusal(error, url) from None


async def _opened(opening: Any) -> Any:
    return await opening


def read_key(api_key_file: str) -> str:
    """The key in the file, or without a file that of the environment; "" if there is none.

    Raises:
        NoConnection: The file cannot be read, or holds no key.
    """
    if not api_key_file:
        return os.environ.get(KEY_VARIABLE, "")
    try:
        with Path(api_key_file).expanduser().open(encoding="utf-8") as file:
            key = file.read(LONGEST_KEY + 1).strip().lstrip(_BOM)
    except (OSError, UnicodeDecodeError) as error:
        raise NoConnection(f"The key in {api_key_file} cannot be read: {error}.", patient=True) from None
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise NoConnection(f"The file {api_key_file} holds no key.", patient=True)
    return key


def trusted(ca_file: str) -> ssl.SSLContext:
    """Which servers are: those of the authority in the file, or without a file of the system's.

    Raises:
        NoConnection: The file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=str(Path(ca_file).expanduser()) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise NoConnection(f"The certificate in {ca_file} cannot be read: {error}.", patient=True) from None


def _refusal(error: Exception, url: str) -> NoConnection:
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    if status == HTTPStatus.UNAUTHORIZED:
        return NoConnection(f"The server at {url} wants another key. See `api_key_file`.", patient=True)
    if status is not None:
        busy = status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
        return NoConnection(f"There is no Myna at {url}: it answered {status}.", patient=not busy)
    return NoConnection(f"There is no Myna at {url}: {error or type(error).__name__}.")


def _code_of(error: Exception) -> tuple[int, str]:
    if hasattr(error, "rcvd"):  # from 10.1 on
        frame: Any = getattr(error, "rcvd")  # noqa: B009 - not of all exceptions
        return (frame.code, frame.reason) if frame is not None else (_ABNORMAL, "")
    return getattr(error, "code", _ABNORMAL), getattr(error, "reason", "")


def _mend_old_websockets() -> None:
    """Let websockets 9.1 run on Python 3.10, as Ubuntu 22.04 has both: it gives ``loop=None`` to what takes no loop."""
    version: Any = getattr(websockets, "__version__", None) or getattr(websockets, "version", None)
    if not str(getattr(version, "version", version)).startswith("9."):
        return
    protocol: Any = import_module("websockets.legacy.protocol")
    if isinstance(protocol.asyncio, SimpleNamespace):
        return

    def loopless(function: Any) -> Any:
        def call(*arguments: Any, loop: None = None, **named: Any) -> Any:
            return function(*arguments, **named)

        return call

    old = {name: loopless(getattr(asyncio, name)) for name in ("Lock", "sleep", "wait", "wait_for")}
    protocol.asyncio = SimpleNamespace(**{**vars(asyncio), **old})
