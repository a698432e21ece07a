"""The mode ``script``: a program of the user's, run on the machine once for each question."""

import json
import re
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, cast

import anyio

from myna.core.errors import Busy, EngineError, PromptTooLong
from myna.engines.base import Finished, LLMDelta, LLMInfo, LLMMessage, LLMRequest, Loading, TextDelta
from myna.engines.llm.llamafactory import commands, faults
from myna.engines.llm.llamafactory.commands import Commands
from myna.engines.llm.llamafactory.connection import Connection, Ran, collect
from myna.engines.llm.llamafactory.conversation import Limits, conversation
from myna.engines.llm.llamafactory.kept import Kept
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.remote.text import ESCAPE, UNWANTED
from myna.engines.llm.llamafactory.wrapper import end_left_behind, end_run
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.task_group import open_task_group

LONGEST_ARGUMENT = 120_000
"""Linux takes no argument of more than 128 KiB."""
LOOK_S = 1.0


class ScriptLLM:
    """Runs a program there for each question, one at a time. Made by `open_llamafactory`.

    Its argument is the wrapper's, and so is what it prints; lines that are no such JSON are passed over. It loads the
    model each time, so all that it does counts as loading, within ``timeout_s``.
    """

    def __init__(self, options: LlamaFactoryOptions, connection: Connection) -> None:
        self._options = options
        self._connection = connection
        self._kept = Kept[Connection](options)
        self._place = anyio.Semaphore(1)
        self.info = LLMInfo(options.model, options.context_tokens, native_tools=False, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """The answer, in one piece.

        Raises:
            PromptTooLong: The conversation does not fit on a command line.
            Busy: Others were answered for longer than ``timeout_s``.
            EngineUnavailable: The machine is out of reach.
            EngineTimeout: The program took longer than ``timeout_s``.
            EngineRefused: It failed, or printed no reply.
        """
        argument = self._options.argument() | conversation(request.messages).as_json()
        line = json.dumps(argument).encode()
        if len(line) > LONGEST_ARGUMENT:  # ASCII is understood in any locale; this is shorter
            line = json.dumps(argument, ensure_ascii=False).encode("utf-8", "replace")
        if len(line) > LONGEST_ARGUMENT:
            raise PromptTooLong(f"The conversation is too long for the argument of {self._options.script_path}.")
        yield Loading(f"{self._options.model} on {self._options.place}", each_time=True)
        await self._kept.get()
        limits = Limits(request.sampling)
        if text := limits.feed(self._reply(await self._in_turn(line))) + limits.rest():
            yield TextDelta(text)
        yield Finished(limits.reached or "stop")

    async def _in_turn(self, line: bytes) -> Ran:
        try:
            with anyio.fail_after(self._options.timeout_s):
                await self._place.acquire()
        except TimeoutError as error:
            raise Busy(f"{self._options.script_path} on {self._options.place} still answers somebody else.") from error
        try:
            with anyio.fail_after(self._options.timeout_s):
                return await self._run(line)
        except TimeoutError as error:
            raise faults.fault("timeout", self._options) from error
        finally:
            self._place.release()

    async def _run(self, line: bytes) -> Ran:
        run = secrets.token_hex(8)
        out, errors = bytearray(), bytearray()
        ended = False
        await end_left_behind(self._connection)
        async with self._connection.process(Commands(self._options).script(run)) as process:
            try:
                with suppress(BrokenPipeError):  # it may have ended already
                    process.stdin.write(line + b"\n")
                    process.stdin.write_eof()
                async with open_task_group() as tasks:
                    tasks.start_soon(collect, process.stderr, errors)
                    await collect(process.stdout, out)
                await process.wait_closed()
                ended = process.returncode is not None
            finally:
                found = commands.PID.search(errors.decode(errors="replace"))
                if found and not ended:
                    with anyio.CancelScope(shield=True):  # bounded there
                        await end_run(self._connection, int(found[1]), run)
        if not ended:
            raise faults.lost(self._options.place)
        return Ran(process.returncode or 0, out.decode(errors="replace"), errors.decode(errors="replace"))

    def _reply(self, ran: Ran) -> str:
        if found := commands.FAULT.search(ran.errors):
            raise faults.fault(found[1], self._options)
        for line in reversed(ran.out.splitlines()):
            told = _object(ESCAPE.sub("", line))
            if isinstance(told.get("content"), str):
                return ESCAPE.sub("", told["content"]).translate(UNWANTED).strip()
            if isinstance(told.get("error"), dict):
                error = cast("dict[str, object]", told["error"])
                raise faults.fault(str(error.get("code")), self._options, str(error.get("message") or ""))
        said = ESCAPE.sub("", f"{ran.errors}\n{ran.out}")
        if re.search(r"llamafactory-cli: (?:command )?not found", said):
            raise faults.fault("cli_not_found", self._options)
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith("myna-")]
        raise faults.fault(
            "no_reply", self._options, f"It ended with status {ran.status}: {'; '.join(lines[-3:])[-300:]}"
        )

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """An estimate."""
        return estimate_tokens(messages)

    async def is_alive(self, within_s: float) -> bool:
        """Whether the machine answers."""
        if self._connection.is_up:
            with anyio.move_on_after(within_s), suppress(EngineError):
                return (await self._connection.run("exit 0", limit_s=within_s)).status == 0
        return False

    async def keep_running(self) -> None:
        """Keep the connection, until cancelled."""
        await self._kept.keep(self._stay)

    async def _stay(self) -> None:
        await self._connection.connect()
        self._kept.is_up(self._connection)
        while self._connection.is_up:  # noqa: ASYNC110 - asyncssh tells it nobody
            await anyio.sleep(LOOK_S)
        raise faults.lost(self._options.place)


def _object(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}
