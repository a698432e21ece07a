"""`serve`: the whole server, with an agent or a model of the program's own."""

import atexit
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Any

import anyio

from myna.config.load import Loaded
from myna.core.errors import BadInput, Closed
from myna.engines import base
from myna.engines.held import Choice
from myna.engines.plugins import KINDS, Kind
from myna.library.agent import Agent, exits_told
from myna.library.home import home
from myna.library.llm import LLM
from myna.library.model_choice import settings_of
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.server.app import create_app
from myna.server.configured import limits_of, rules_of, url_of
from myna.server.guest import Guest
from myna.server.keys import FILE_NAME, Keys
from myna.server.run import bind
from myna.server.run import serve as run_server
from myna.server.service import Service, open_service
from myna.server.tls import TLS, tls_of
from myna.tools.base import ToolSource
from myna.tools.load import load_tools
from myna.tools.toolbox import Tools
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

STOP_S = 5.0
"""How long stopping waits for what still runs."""


class Server:
    """A server that runs in this process. Made by `serve`.

    Attributes:
        url: Where it is, such as ``http://127.0.0.1:8765``.
    """

    def __init__(self, url: str, running: Future[None], stop: anyio.Event, stopped: threading.Event) -> None:
        self.url = url
        self._loop = home().loop
        self._running = running
        self._stop = stop
        self._stopped = stopped
        atexit.register(self._end)  # before the loop is closed, as it was registered after that

    def __repr__(self) -> str:
        return f"<Server {self.url}{' stopped' if self._stopped.is_set() else ''}>"

    def wait(self) -> None:
        """Until it stops. Ctrl-C stops it, and this returns.

        Raises:
            MynaError: It failed.
            BadInput: Asked in an async tool, which would block the server.
        """
        home().loop.check_outside()
        try:
            self._stopped.wait()
        except KeyboardInterrupt:  # the way to stop it, so no failure
            self.stop()
            return
        with suppress(CancelledError):  # it took too long to stop
            self._running.result()

    def stop(self) -> None:
        """Stop it; returns when it has let go of its port and its models, or that takes too long.

        More than once does nothing.
        In an async tool, which runs where the server does, it returns at once.
        """
        atexit.unregister(self._end)
        if not self._stops_in(STOP_S):
            self._running.cancel()

    def _end(self) -> None:
        until = time.monotonic() + STOP_S
        while (left_s := until - time.monotonic()) > 0:
            with suppress(KeyboardInterrupt, SystemExit):  # a signal's: it is stopping already
                self._stops_in(left_s)
                return

    def _stops_in(self, longest_s: float) -> bool:
        """Tell it to stop; whether it has by then, unless it is not to be waited for here."""
        self._loop.tell(self._stop.set)
        return self._loop.is_here or self._loop.is_left_behind or self._stopped.wait(longest_s)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(
    agent: Agent | LLM | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    block: bool = True,
    voice: bool = True,
    settings: Mapping[str, Any] | None = None,
) -> Server:
    """Serve an agent, a model, or what is configured, as ``myna serve`` does: HTTP, WebSockets, text and voice.

    An agent answers where no persona is named, and as the model ``myna``; it speaks as its persona, or as the
    configured one with the agent's instructions. Its language model is loaded when this returns; what hears and speaks
    is loaded in the background, and ``/ready`` tells when it is there. What is missing of the weights is fetched in the
    background as well, the language model's first, which is then loaded later; ``/health`` tells how much has come.

    Args:
        agent: Who is served.
        host: The address to listen on; as configured, which is this machine alone, if left out.
        port: 0 takes a free one; as configured (8765) if left out.
        block: Return when it has stopped; else as soon as it listens.
        voice: Whether it hears and speaks as well; without, it loads faster and takes less memory.
        settings: In the place of the configured ones, nested as in ``myna.toml``; without an agent.

    Raises:
        BadConfig: The port is taken, others could reach a server that has no API key, or its certificate is no good.
        MynaError: The model does not load.
    """
    if agent is not None and settings is not None:
        raise BadInput("The settings are the agent's already.", hint="Give them to its LLM: myna.LLM(settings=…).")
    home().loop.check_outside()
    llm = agent.llm if isinstance(agent, Agent) else agent or LLM(settings=settings)
    loaded = llm.loaded if settings is None else settings_of(settings)
    place = loaded.settings.server
    keys = Keys(loaded.folders.data / FILE_NAME)
    tls = tls_of(place, loaded.folders.data)
    listener = bind(
        place.host if host is None else host, place.port if port is None else port, guarded=bool(keys.all())
    )
    try:
        parts = _Parts(loaded, agent if isinstance(agent, Agent) else None, KINDS if voice else ("llm", "embed"))
        server = _start(parts, llm, listener, keys, tls)
    except BaseException:
        listener.close()
        raise
    if block:
        sys.stderr.write(f"Myna at {server.url}   Ctrl-C stops it.\n")
        server.wait()
    return server


def _start(parts: "_Parts", llm: LLM, listener: socket.socket, keys: Keys, tls: TLS | None) -> Server:
    loop = home().loop
    later = llm.when_here()
    engine = loop.run(llm.open) if later is None else None
    up: Future[None] = Future()
    stopped = threading.Event()
    stop = loop.run(_new_event)
    place = llm.loaded.settings.server

    async def announce() -> None:
        up.set_result(None)

    async def run() -> None:
        try:
            authority = tls.authority if tls else None
            app = create_app(
                lambda: parts.open(engine, later), rules_of(place, keys, listener), limits_of(place), authority
            )
            await run_server(app, listener, announce, stop, tls)
        except BaseException as error:
            if not up.done():
                up.set_exception(error)
            raise
        finally:
            stopped.set()
            if not up.done():
                up.set_exception(Closed("The server did not start.", hint="The log has the details."))

    running = loop.start(run)
    try:
        up.result()
    except BaseException:
        running.cancel()
        raise
    return Server(url_of(listener, secure=tls is not None), running, stop, stopped)


async def _new_event() -> anyio.Event:
    return anyio.Event()  # one of the loop that it is made in


class _Parts:
    """What the service of a server is opened with; files are read now, so that what is wrong is told at once."""

    def __init__(self, loaded: Loaded, agent: Agent | None, kinds: tuple[Kind, ...]) -> None:
        self._loaded = loaded
        self._kinds = kinds
        self._personas = Personas(loaded.folders.config / "personas")
        configured = self._personas.find(loaded.settings.session.persona)
        self._weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
        self._tools: Sequence[ToolSource] = load_tools(loaded.tools_folder) if loaded.tools_folder is not None else ()
        self._guest = Guest()
        if agent is not None:
            self._tools = (Tools(agent.tools), *self._tools)
            self._guest = Guest(None, speaker(agent, configured), exits_told(agent.strategy), agent.max_rounds)

    def open(self, llm: base.LLM | None, later: Choice | None) -> AbstractAsyncContextManager[Service]:
        """Open the service, with a model that is loaded, or one that will be."""
        return open_service(
            self._loaded,
            self._kinds,
            self._weights,
            self._personas,
            tools=self._tools,
            guest=replace(self._guest, llm=llm, later=later),
            keeps=True,
            fetches=True,
        )


def speaker(agent: Agent, configured: Persona) -> Persona:
    """Who speaks for an agent: its persona or the configured one, with its instructions and its tools."""
    tools = tuple(dict.fromkeys((*(tool.spec.name for tool in agent.tools), *agent.tool_names)))
    persona = (agent.persona or configured).model_copy(update={"tools": tools})
    if agent.instructions:  # the examples show another's way of talking
        own = {"system_prompt": agent.instructions, "examples": (), "greeting": "", "greetings": ()}
        return persona.model_copy(update=own)
    return persona
