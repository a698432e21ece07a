"""``myna llamafactory``: the machine with LLaMA-Factory, looked at and prepared."""

import json
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, cast

import anyio
import typer
from rich.text import Text

from myna.cli.terminal import Setting, notes, overrides
from myna.config.load import load_settings
from myna.core.errors import BadConfig
from myna.engines.llm.llamafactory.check import Step, check
from myna.engines.llm.llamafactory.deploy import deploy
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions

app = typer.Typer(help="LLaMA-Factory on a machine that is reached by SSH.", no_args_is_help=True)

_SIGNS = {True: ("✓", "green"), None: ("!", "yellow"), False: ("✗", "bold red")}


@app.command("check")
def check_(
    settings: Setting = None,
    load: Annotated[bool, typer.Option(help="Also load the model and ask it something.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list of objects.")] = False,
) -> None:
    """Walk from the connection to the first answer; say which step fails, and how to mend it."""
    options = _options(settings)
    steps: list[Step] = []

    async def walk() -> None:
        async with aclosing(check(options, load=load)) as walked:
            with notes.status("Looking …"):
                async for step in walked:
                    steps.append(step)
                    if not as_json:
                        _show(step)

    anyio.run(walk)
    if as_json:
        typer.echo(json.dumps([asdict(step) for step in steps], ensure_ascii=False, indent=2))
    if any(step.ok is False for step in steps):
        raise typer.Exit(1)


@app.command("deploy")
def deploy_(
    settings: Setting = None,
    force: Annotated[bool, typer.Option("--force", help="Also over a file that is no wrapper of Myna's.")] = False,
) -> None:
    """Copy the wrapper to the machine; do so again after each update of Myna."""
    options = _options(settings)

    async def copy() -> str:
        return await deploy(options, force=force)

    notes.print(Text(f"The wrapper is at {anyio.run(copy)}. The next step: myna llamafactory check"))


def _show(step: Step) -> None:
    sign, style = _SIGNS[step.ok]
    notes.print(Text.assemble((sign, style), f" {step.name}: {step.found}"))
    if step.hint:
        notes.print(Text(f"  {step.hint}"))


def _options(settings: list[str] | None) -> LlamaFactoryOptions:
    options = load_settings(overrides(settings)).options.get("llamafactory")
    if options is None:
        raise BadConfig("The section [llamafactory] is not complete.", hint="`myna config show` tells what is set.")
    return cast(LlamaFactoryOptions, options)
