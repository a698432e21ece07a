"""``myna serve``."""

import time
from contextlib import suppress
from typing import Annotated

import anyio
import typer

import myna
from myna.cli.terminal import Setting, complain, notes, overrides, prepare
from myna.core.errors import MynaError
from myna.engines.opening import Kind
from myna.server.app import create_app
from myna.server.run import bind
from myna.server.run import serve as run_server

KINDS: tuple[Kind, ...] = ("llm", "asr", "tts")


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; 0 takes a free one.")] = None,
    settings: Setting = None,
) -> None:
    """Start the server; what is missing of the weights is fetched first. Ctrl-C stops it."""
    began = time.monotonic()
    flags = overrides(settings)
    flags.setdefault("server", {}).update({k: v for k, v in (("host", host), ("port", port)) if v is not None})
    prepared = prepare(flags, KINDS)
    where = prepared.loaded.settings.server
    listener = bind(where.host, where.port)
    address, bound_port = listener.getsockname()[:2]
    url = f"http://{f'[{address}]' if ':' in address else address}:{bound_port}"
    app = create_app(prepared.open)

    async def announce() -> None:
        notes.print(f"Myna {myna.__version__} at [bold]{url}[/bold]")
        engines = app.state.service.engines
        try:
            with notes.status("Loading the engines …"):
                await engines.settled()
        except MynaError as error:
            complain(error)
            notes.print("What does not need it works. Ctrl-C stops Myna.")
            return
        for kind, model in (("LLM", engines.llm.info), ("ASR", engines.asr.info), ("TTS", engines.tts.info)):
            notes.print(f"  {kind}  {model.model}")
        notes.print(f"Ready after {time.monotonic() - began:.1f} s. Try: myna chat, or {url}/docs. Ctrl-C stops Myna.")

    with suppress(KeyboardInterrupt):  # the way to stop it, so no failure
        anyio.run(run_server, app, listener, announce)
