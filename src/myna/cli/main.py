"""The ``myna`` program: its commands, and how it ends."""

import logging
import os
import sys
import threading

import typer

import myna
from myna.cli import (
    chat,
    config,
    doctor,
    history,
    key,
    llamafactory,
    llm,
    mcp,
    memory,
    models,
    persona,
    prompt,
    recommend,
    say,
    serve,
    talk,
    tools,
    transcribe,
    turn,
)
from myna.cli.terminal import complain
from myna.core.errors import BadInput, MynaError

app = typer.Typer(
    help="A self-hosted server that turns a language model into somebody you can talk to.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(turn.turn)
app.command()(chat.chat)
app.command()(talk.talk)
app.command()(say.say)
app.command()(transcribe.transcribe)
app.command()(mcp.mcp)
app.command()(doctor.doctor)
models.app.command("recommend")(recommend.recommend_models)
models.app.command()(recommend.use)
app.add_typer(models.app, name="models")
app.add_typer(llm.app, name="llm")
app.add_typer(llamafactory.app, name="llamafactory")
app.add_typer(config.app, name="config")
app.add_typer(prompt.app, name="prompt")
app.add_typer(tools.app, name="tools")
app.add_typer(key.app, name="key")
app.add_typer(persona.app, name="persona")
app.add_typer(history.app, name="history")
app.add_typer(memory.app, name="memory")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"myna {myna.__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what happens, to standard error."),
) -> None:
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def main() -> None:
    """Run the program; errors are told in a sentence, and the exit status is 2 for what the user can correct."""
    status: int | str | None = 0
    try:
        app()
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        status = 130
    except MynaError as error:
        complain(error)
        status = 2 if isinstance(error, BadInput) else 1
    _leave(status)


def _leave(status: int | str | None) -> None:
    """End the process, also where a native call still runs in a thread: nobody waits for what it gives."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))
    sys.exit(status)
