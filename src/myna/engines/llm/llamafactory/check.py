"""The way to the first answer, step by step: which step fails, and how to mend it."""

import json
import shlex
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from myna.core.errors import EngineError, EngineRefused, MynaError
from myna.engines.base import Finished, LLMMessage, LLMRequest, Sampling, TextDelta
from myna.engines.llm.llamafactory import commands, faults
from myna.engines.llm.llamafactory.commands import Commands, quoted
from myna.engines.llm.llamafactory.connection import Connection, open_connection
from myna.engines.llm.llamafactory.deploy import digest_command
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.plugin import open_llamafactory
from myna.engines.llm.llamafactory.wrapper import digest

OLDEST_PYTHON = (3, 8)
QUESTION = "Say hello in one short sentence."


@dataclass(frozen=True, slots=True)
class Step:
    """One step: whether it went well, what was found, and what to do if not.

    Attributes:
        ok: None: it may go well; ``found`` says what is doubtful.
    """

    name: str
    ok: bool | None
    found: str
    hint: str = ""


class Doubtful(Exception):
    """Something that may be wrong and may be right."""

    def __init__(self, found: str, hint: str) -> None:
        super().__init__(found)
        self.found = found
        self.hint = hint


async def check(options: LlamaFactoryOptions, *, load: bool = True) -> AsyncGenerator[Step]:
    """Walk the steps until one fails; ``load`` is the last: the model is loaded and asked something."""
    async with open_connection(options) as connection:
        looking = _Looking(options, connection)
        for name, look in looking.steps().items():
            step = await _walked(name, look)
            yield step
            if step.ok is False:
                return
    if load:
        yield await _walked("reply", lambda: _ask(options))


async def _walked(name: str, look: Callable[[], Awaitable[str]]) -> Step:
    try:
        return Step(name, ok=True, found=await look())
    except Doubtful as doubt:
        return Step(name, ok=None, found=doubt.found, hint=doubt.hint)
    except MynaError as error:
        return Step(name, ok=False, found=error.message, hint=error.hint)


@dataclass(frozen=True, slots=True)
class _Looking:
    """The steps; each says what it found, or raises."""

    options: LlamaFactoryOptions
    connection: Connection

    def steps(self) -> dict[str, Callable[[], Awaitable[str]]]:
        options = self.options
        steps: dict[str, Callable[[], Awaitable[str]]] = {"connection": self._connect}
        if options.work_dir:
            steps["work folder"] = self._work_dir
        if options.conda_env:
            steps["conda environment"] = self._conda
        steps["Python"] = self._python
        if options.mode == "cli":
            steps["pexpect"] = self._pexpect
        if options.mode == "script":
            return steps | {"script": self._script}
        steps |= {"wrapper": self._wrapper, "llamafactory-cli": self._cli, "base model": self._base}
        return steps | {"adapter": self._adapter} if options.adapter_path else steps

    async def _run(self, line: str) -> str:
        ran = await self.connection.run(line)
        if found := commands.FAULT.search(ran.errors):
            raise faults.fault(found[1], self.options)
        if ran.status:
            raise EngineError(f"It ended with status {ran.status}: {ran.errors.strip()[-300:] or 'no word'}.")
        return ran.out.strip()

    async def _inside(self, *statements: str) -> str:
        return await self._run(Commands(self.options).inside(*statements))

    async def _connect(self) -> str:
        await self.connection.connect()
        return f"logged in to {self.options.place}"

    async def _work_dir(self) -> str:
        lines = Commands(self.options)
        return await self._run(lines.outside(*lines.work_dir(), "pwd"))

    async def _conda(self) -> str:
        lines = Commands(self.options)
        return await self._run(lines.outside(*lines.work_dir(), *lines.conda(), 'echo "$CONDA_PREFIX"'))

    async def _python(self) -> str:
        program = "import sys; print(*sys.version_info[:3]); print(sys.executable); print(sys.prefix)"
        said = await self._inside(f'"$P" -c {shlex.quote(program)}', 'echo "$CONDA_PREFIX"')
        version, executable, prefix, *rest = [*said.splitlines(), "", "", ""]
        numbers = tuple(int(number) for number in version.split() if number.isdecimal())
        dotted = ".".join(map(str, numbers))
        if numbers < OLDEST_PYTHON:
            raise EngineRefused(
                f"The Python of {self.options.place} is another than expected: {executable} is {dotted or said}.",
                hint="Python 3.8 or newer is needed: set llamafactory.python or conda_env (CONDA_ENV).",
            )
        if self.options.conda_env and rest[0] and rest[0] != prefix:
            raise EngineRefused(
                f"The Python of {self.options.place} is another than expected: {executable} is not of {rest[0]}.",
                hint="Leave out llamafactory.python, or install Python in the environment: `conda install python`.",
            )
        return f"{executable} ({dotted})"

    async def _pexpect(self) -> str:
        program = "import pexpect; print(pexpect.__version__)"
        return await self._inside(f'"$P" -c {shlex.quote(program)} 2>/dev/null || fault pexpect_missing')

    async def _script(self) -> str:
        path = quoted(self.options.script_path)
        await self._inside(f"[ -f {path} ] || fault script")
        return self.options.script_path

    async def _wrapper(self) -> str:
        if await self._run(digest_command(self.options)) != digest():
            raise EngineRefused(
                f"{self.options.script_path} on {self.options.place} is not the wrapper of this version of Myna.",
                hint="`myna llamafactory deploy` copies it there.",
            )
        return self.options.script_path

    async def _cli(self) -> str:
        return await self._inside(f"command -v {quoted(self.options.cli_path)} || fault cli_not_found")

    async def _base(self) -> str:
        path = self.options.base_model_path or ""
        if await self._is_there(path):
            return path
        if path.startswith(("/", "~", ".")) or path.count("/") != 1:
            raise EngineRefused(
                f"There is no folder {path} on {self.options.place}.", hint="Correct llamafactory.base_model_path."
            )
        raise Doubtful(
            f"{path} is no folder on {self.options.place}.",
            "LLaMA-Factory will look for it on the hub, and download it when it is first loaded.",
        )

    async def _is_there(self, path: str) -> bool:
        return await self._inside(f"[ -e {quoted(path)} ] && echo yes || echo no") == "yes"

    async def _adapter(self) -> str:
        path = self.options.adapter_path or ""
        told = await self._inside(f"cat {quoted(path)}/adapter_config.json 2>/dev/null || echo none")
        if told == "none":
            raise EngineRefused(
                f"There is no adapter in {path} on {self.options.place}: no file adapter_config.json.",
                hint="llamafactory.adapter_path is the folder that training has written (output_dir).",
            )
        trained = _base_of(told)
        if trained and _last(trained) != _last(self.options.base_model_path or ""):
            raise Doubtful(
                f"The adapter {path} was trained for {trained}, and not for {self.options.base_model_path}.",
                "If that is not the same model, set llamafactory.base_model_path to it.",
            )
        return path


def _base_of(config: str) -> str:
    try:
        told: Any = json.loads(config)
    except ValueError:
        return ""
    base = cast("dict[str, object]", told).get("base_model_name_or_path") if isinstance(told, dict) else None
    return base if isinstance(base, str) else ""


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].lower()


async def _ask(options: LlamaFactoryOptions) -> str:
    request = LLMRequest((LLMMessage("user", QUESTION),), Sampling(max_tokens=32))
    began, text, first_s = time.monotonic(), "", 0.0
    async with open_llamafactory(options) as llm, aclosing(llm.generate(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                first_s = first_s or time.monotonic() - began
                text += delta.text
            if isinstance(delta, Finished):
                break
    if not text.strip():
        raise faults.fault("no_reply", options, "It was empty.")
    return f"“{text.strip()}” (first words after {first_s:.1f} s, loading included)"
