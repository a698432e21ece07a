"""``myna serve``."""

import gc
import logging
import sys
import time
from functools import partial
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.text import Text

import myna
from myna.cli.arrival import follow, logged
from myna.cli.offer import offer_larger_set
from myna.cli.phone import on_a_phone
from myna.cli.progress import shown
from myna.cli.terminal import Setting, check, complain, notes, overrides
from myna.config.load import load_settings
from myna.engines.opening import Engines
from myna.engines.plugins import KINDS
from myna.server import logs
from myna.server.app import create_app
from myna.server.configured import limits_of, rules_of, url_of
from myna.server.keys import FILE_NAME, Keys
from myna.server.run import bind, check_reach
from myna.server.run import serve as run_server
from myna.server.service import Service
from myna.server.tls import tls_of

log = logging.getLogger(__name__)

LOOP = {"use_uvloop": sys.platform != "win32"}
"""With asyncio's own loop 60 talkers of 200 waited twice as long."""

YOUNG = 10_000
"""The garbage collector looks at what is new when it is so many objects; by itself it would 14 times as often."""


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; 0 takes a free one.")] = None,
    https: Annotated[
        bool | None,
        typer.Option("--https/--http", help="Speak HTTPS, so that a phone may use its microphone; it is told how."),
    ] = None,
    settings: Setting = None,
) -> None:
    """Start the server; what is missing of the weights is fetched meanwhile, the LLM's first. Ctrl-C stops it."""
    began = time.monotonic()
    flags = overrides(settings)
    given = {"host": host, "port": port, "https": https}
    flags.setdefault("server", {}).update({k: v for k, v in given.items() if v is not None})
    loaded = load_settings(flags)
    keys = Keys(loaded.folders.data / FILE_NAME)
    check_reach(loaded.settings.server.host, guarded=bool(keys.all()))  # before anything is fetched
    tls = tls_of(loaded.settings.server, loaded.folders.data)
    if chosen := offer_larger_set(flags):
        flags.setdefault("weights", {})["set"] = chosen
    prepared = check(flags, KINDS)
    loaded = prepared.loaded
    where = loaded.settings.server
    logs.configure(loaded.settings.log, loaded.secrets())
    listener = bind(where.host, where.port, guarded=bool(keys.all()))
    url = url_of(listener, secure=tls is not None)
    authority = tls.authority if tls else None
    opening = partial(prepared.open, keeps=True, fetches=True)
    app = create_app(opening, rules_of(where, keys, listener), limits_of(where), authority)

    async def announce() -> None:
        notes.print(f"Myna {myna.__version__} at [bold]{url}[/bold]")
        for line in on_a_phone(listener, tls.authority) if tls else ():
            notes.print(Text(f"  {line}"))
        await _show_arrival(app.state.service, url)
        engines = app.state.service.engines
        with notes.status("Loading the engines …"):
            await engines.settled(may_fail=KINDS)
        if not engines.ready:
            _complain_of(engines)
            await engines.until(lambda: engines.ready)
        _set_aside()
        for kind, model in (("LLM", engines.llm.info), ("ASR", engines.asr.info), ("TTS", engines.tts.info)):
            notes.print(f"  {kind}  {model.model}")
        took = f"Ready after {time.monotonic() - began:.1f} s."
        notes.print(f"{took} Open {url} in a browser, or try: myna chat. Ctrl-C stops Myna.")

    async def announce_to_programs() -> None:
        log.info("listening", extra={"url": url, "version": myna.__version__})
        service: Service = app.state.service
        if service.pulls is not None:
            await follow(service.pulls, logged(log))
        await service.engines.until(lambda: service.engines.ready)
        _set_aside()
        log.info("ready", extra={"after_s": round(time.monotonic() - began, 1)})

    people = logs.is_pretty(loaded.settings.log)
    try:
        run = partial(run_server, app, listener, announce if people else announce_to_programs, tls=tls)
        anyio.run(run, backend_options=LOOP)
    except* KeyboardInterrupt:  # the way to stop it, so no failure; in a group when it comes twice
        pass


def _set_aside() -> None:
    """Have the garbage collector pass over all that has come up, of which hardly any will ever go.

    To look through it takes some 0.1 s, now and then, in which nobody is heard. Of what comes later, little is garbage
    as well: nearly all goes without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


async def _show_arrival(service: Service, url: str) -> None:
    """Show how the weights come that were missing, until all have, or have failed."""
    pulls, engines = service.pulls, service.engines
    if pulls is None or pulls.last.state != "running":
        return
    console = Console(stderr=True, highlight=False)

    async def tell_when_one_can_type() -> None:
        await engines.until(lambda: engines.is_up("llm"))
        console.print(f"The LLM is up: open [bold]{url}[/bold] and type, while the rest comes.", soft_wrap=True)

    try:
        with shown(console) as progress:
            async with anyio.create_task_group() as beside:
                beside.start_soon(tell_when_one_can_type)
                await follow(pulls, progress)
                beside.cancel_scope.cancel()
    finally:
        if pulls.last.state in ("running", "cancelled"):
            console.print("What has come is kept: the next pull goes on from there.")


def _complain_of(engines: Engines) -> None:
    """Tell why engines are not up, each cause once."""
    told: set[str] = set()
    for state in engines.states.values():
        if state.problem is not None and str(state.problem) not in told:
            told.add(str(state.problem))
            complain(state.problem)
    notes.print("What does not need it works. Ctrl-C stops Myna.")
    if any(state.missing for state in engines.states.values()):
        notes.print("As soon as the weights are here, the rest does too: press Try again in the web app.")
