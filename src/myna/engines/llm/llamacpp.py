"""The embedded LLM: llama.cpp in a child process, spoken to as to any OpenAI-compatible server.

A child process, because an abort in llama.cpp ends the process that it happens in. When the child ends, or hangs, it is
started again; requests wait a little for it to be back.
"""

import json
import logging
import math
import secrets
import subprocess
import sys
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import anyio
import psutil
from anyio.abc import ByteReceiveStream, ByteSendStream, Process, TaskStatus
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, SecretStr

from myna.core.errors import BadConfig, EngineError, EngineTimeout, EngineUnavailable, WeightsDamaged
from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, Resources, ToolSpec
from myna.engines.llm.llamacpp_child import READY
from myna.engines.llm.openai import OpenAILLM, open_openai
from myna.engines.llm.openai_options import OpenAIOptions
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.scheduler import Scheduler
from myna.engines.task_group import open_task_group
from myna.weights.machine import count_cores

log = logging.getLogger(__name__)

IDLE_S = 120.0
"""How long the child may be silent in an answer. It reports every batch of a prompt, so this is about its queue."""
KILL_S = 2.0
RESTART_FIRST_S = 0.5
RESTART_LONGEST_S = 30.0
RESTART_WAIT_S = 10.0
"""How long a request waits for a child that is being started again; a small model takes a second or two."""
NOTICE_S = 0.2
"""By then it has been noticed that a child has ended."""
WATCH_EVERY_S = 5.0
WATCH_S = 10.0
"""A child that twice does not even say that it is alive within this time hangs. It may be paused for seconds."""
KILLED = -9
"""The exit status of a process that the kernel ended for want of memory."""
LOG_LINES = 40
LOG_LINE_CHARACTERS = 500


class LlamaCppOptions(BaseModel):
    """The embedded llama.cpp."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="qwen2.5-coder-0.5b-instruct", description="A name in the catalog, or the path of a GGUF file."
    )
    context_tokens: int = Field(default=8192, ge=512, le=1 << 20, description="The longest prompt and answer together.")
    slots: int = Field(default=2, ge=1, le=64, description="How many replies are generated at a time; others wait.")
    gpu_layers: NonNegativeInt | Literal["auto"] = Field(default="auto", description="Layers of the model on the GPU.")
    threads: PositiveInt | None = Field(
        default=None,
        description="CPU threads. Left out, all cores read the prompt and half of them write, so that speech has some.",
    )
    temperature: float = Field(default=0.7, ge=0, le=2, description="Where a request gives none.")
    repeat_penalty: float = Field(default=1.1, ge=0.5, le=2, description="Above 1 keeps small models from repeating.")
    prompt_cache_mib: NonNegativeInt = Field(
        default=256, description="RAM for the prompts of conversations that are not in a slot now."
    )
    load_timeout_s: float = Field(default=300.0, gt=0, description="How long loading the model may take.")


class LlamaCppLLM:
    """Keeps llama.cpp running and passes requests on to it. Made by `open_llamacpp`.

    ``cache_key`` gets no slot of its own: the server takes the slot with the longest common prefix, and puts what it
    held into RAM if more than half of that would be lost. With a slot named in the request it does neither.
    """

    def __init__(self, settings: dict[str, object], options: LlamaCppOptions, scheduler: Scheduler) -> None:
        self._settings = settings
        self._options = options
        self._scheduler = scheduler
        self._llm: OpenAILLM | None = None
        self._endpoint: OpenAIOptions | None = None
        self._up = anyio.Event()
        self._loaded = False
        self.device = "cpu"
        self._info = LLMInfo(str(settings["model"]), options.context_tokens, native_tools=True, output_schema=True)

    @property
    def info(self) -> LLMInfo:
        """The model that is loaded; the same after a restart."""
        return self._info

    @property
    def endpoint(self) -> OpenAIOptions | None:
        """How to reach the child process itself; None while it is not there. For measuring."""
        return self._endpoint if self._llm else None

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer; see `OpenAILLM.generate`.

        Raises:
            EngineUnavailable: llama.cpp ended while it answered, or is not back within `RESTART_WAIT_S`.
        """
        for last_try in (False, True):
            llm = await self._running()
            begun = False
            try:
                async with aclosing(llm.generate(request)) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
            except EngineUnavailable as error:
                if begun or last_try:
                    raise EngineUnavailable(
                        "The embedded LLM ended while it answered; it is being started again.",
                        hint="Try again in a few seconds.",
                    ) from error
                await anyio.sleep(NOTICE_S)
            except EngineTimeout as error:
                raise EngineTimeout(
                    f"The embedded LLM wrote nothing for {IDLE_S:g} s.",
                    hint="Fewer sessions, a smaller model or more slots in [llamacpp] help.",
                ) from error
            else:
                return

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """Read a prompt while no request is being answered; see `ReadAhead`. Never fails.

        ``everywhere`` takes all slots from whoever used them last, so it is for when nobody has yet: it ends for good
        with the first request.
        """
        if self._llm is not None:
            slots = range(self._options.slots) if everywhere else (None,)
            await self._llm.read_into(slots, messages, tools, resume=not everywhere)

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """By the model's tokenizer; while llama.cpp is being started again, an estimate."""
        return estimate_tokens(messages) if self._llm is None else await self._llm.count_tokens(messages)

    async def _running(self) -> OpenAILLM:
        with anyio.move_on_after(RESTART_WAIT_S):
            while self._llm is None:  # it may have ended again by the time that we run
                await self._up.wait()
        if self._llm is None:
            raise EngineUnavailable(
                "The embedded LLM has ended and is being started again.", hint="Try again in a few seconds."
            )
        return self._llm

    async def keep_running(self, *, task_status: TaskStatus[None]) -> None:
        """Start llama.cpp, and start it again whenever it ends, until cancelled.

        Raises:
            EngineError: It did not start the first time.
        """
        delay_s = RESTART_FIRST_S
        while True:
            began = anyio.current_time()
            try:
                await self._run_once(task_status)
            except EngineError as error:
                if not self._loaded:
                    raise
                if anyio.current_time() - began > RESTART_LONGEST_S:
                    delay_s = RESTART_FIRST_S
                log.warning("%s Starting it again in %g s.", error, delay_s)
            await anyio.sleep(delay_s)
            delay_s = min(2 * delay_s, RESTART_LONGEST_S)

    async def _run_once(self, task_status: TaskStatus[None]) -> None:
        key = secrets.token_urlsafe(32)
        lines = deque[str](maxlen=LOG_LINES)
        async with AsyncExitStack() as stack:
            process = await stack.enter_async_context(_child({**self._settings, "api_key": key}))
            pausing = _Pausing(psutil.Process(process.pid))
            watching = await stack.enter_async_context(open_task_group())
            with anyio.move_on_after(self._options.load_timeout_s) as loading:
                async for line in _lines(cast(ByteReceiveStream, process.stdout)):
                    if not line.startswith(READY):
                        log.debug("%s", line)
                        lines.append(line)
                        continue
                    loading.deadline = math.inf
                    self.device, _, url = line.removeprefix(READY).partition(" ")
                    self._endpoint = OpenAIOptions(
                        base_url=url, api_key=SecretStr(key), timeout_s=IDLE_S, retries=0, load_timeout_s=0
                    )
                    self._llm = await stack.enter_async_context(open_openai(self._endpoint, name="The embedded LLM"))
                    stack.callback(watching.cancel_scope.cancel)
                    if self.device == "cpu":
                        stack.enter_context(self._scheduler.beside(pausing))
                    stack.callback(self._forget)  # first of all, so that no request meets a closed client
                    if self._llm.info.context_tokens is not None:  # else it was too busy to tell
                        self._info = self._llm.info
                    self._up.set()
                    watching.start_soon(self._watch, process)
                    if not self._loaded:
                        self._loaded = True
                        task_status.started()
            if loading.cancelled_caught:
                raise EngineTimeout(
                    f"llama.cpp did not load {self._settings['path']} within {self._options.load_timeout_s:g} s.",
                    hint="Set a longer load_timeout_s in [llamacpp], or take a smaller model.",
                )
            status = None
            with anyio.move_on_after(KILL_S):
                status = await process.wait()
            raise self._ended(status, lines)

    async def _watch(self, process: Process) -> None:
        """End a child that hangs, so that it is started again."""
        missed = 0
        while missed < 2:
            await anyio.sleep(WATCH_EVERY_S)
            if (llm := self._llm) is None:
                return
            missed = 0 if await llm.is_alive(WATCH_S) else missed + 1
        log.warning("llama.cpp does not answer any more.")
        with suppress(ProcessLookupError):
            process.kill()

    def _forget(self) -> None:
        self._llm = None
        self._up = anyio.Event()

    def _ended(self, status: int | None, lines: Sequence[str]) -> EngineUnavailable:
        # llama.cpp's lines read "0.00.021.077 E source: text"; the first error is the cause, what follows it the result
        errors = [text for line in lines if (text := line.partition(" E ")[2])]
        said = "; ".join(errors[:2] or list(lines)[-2:]) or "it said nothing"
        if self._llm is not None:
            return EngineUnavailable(f"llama.cpp ended with status {status}: {said}.")
        name = self._settings["path"]
        if status == KILLED or "memory" in said or "allocate" in said:
            return EngineUnavailable(
                f"There is too little memory to load {name}: {said}.",
                hint="Set fewer context_tokens or slots in [llamacpp], or take a smaller model.",
            )
        return EngineUnavailable(
            f"llama.cpp could not load {name} (status {status}): {said}.",
            hint="Is it a whole text model in the GGUF format? `myna models verify` checks those of the catalog.",
        )


@dataclass(frozen=True, slots=True)
class _Pausing:
    """The child process as a neighbour of what the scheduler runs."""

    process: psutil.Process

    def pause(self) -> None:
        with suppress(psutil.Error):
            self.process.suspend()

    def resume(self) -> None:
        with suppress(psutil.Error):
            self.process.resume()


@asynccontextmanager
async def open_llamacpp(options: LlamaCppOptions, resources: Resources) -> AsyncGenerator[LlamaCppLLM]:
    """Load the model and keep it served; raises as `Plugin.open` does."""
    path = _gguf(resources.weights.locate(options.model))
    auto = 0 if resources.device == "cpu" else -1
    settings: dict[str, object] = {
        **options.model_dump(),
        "model": Path(options.model).name.removesuffix(".gguf"),
        "path": str(path),
        "cores": count_cores(),
        "gpu_layers": auto if options.gpu_layers == "auto" else options.gpu_layers,
    }
    llm = LlamaCppLLM(settings, options, resources.scheduler)
    async with open_task_group() as tasks:
        await tasks.start(llm.keep_running)
        try:
            yield llm
        finally:
            tasks.cancel_scope.cancel()


def _gguf(path: Path) -> Path:
    if path.is_dir():
        raise BadConfig(f"{path} is a folder, and llama.cpp loads one GGUF file.", hint="Name the .gguf file in it.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.") from error
    if magic != b"GGUF":
        raise WeightsDamaged(
            f"{path} is not a GGUF file.", hint="Name a .gguf file, or fetch it again: `myna models verify` says which."
        )
    return path


@asynccontextmanager
async def _child(settings: dict[str, object]) -> AsyncGenerator[Process]:
    """The child process, told its settings. Leaving kills it: it holds nothing worth saving."""
    process = await anyio.open_process(
        [sys.executable, "-P", "-m", "myna.engines.llm.llamacpp_child"],
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in the terminal is for us
    )
    try:
        with suppress(anyio.BrokenResourceError):
            await cast(ByteSendStream, process.stdin).send(f"{json.dumps(settings)}\n".encode())
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        with anyio.move_on_after(KILL_S, shield=True):
            await process.aclose()


async def _lines(stream: ByteReceiveStream) -> AsyncGenerator[str]:
    rest = b""
    async for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")[:LOG_LINE_CHARACTERS]
        rest = rest[:LOG_LINE_CHARACTERS]


@dataclass(frozen=True, slots=True)
class LlamaCppPlugin:
    """The entry point ``llamacpp`` of ``myna.llm``."""

    options_model: type[LlamaCppOptions] = LlamaCppOptions

    def weights(self, options: LlamaCppOptions) -> Sequence[str]:
        """The one GGUF file."""
        return (options.model,)

    def open(self, options: LlamaCppOptions, resources: Resources) -> AbstractAsyncContextManager[LlamaCppLLM]:
        """See `open_llamacpp`."""
        return open_llamacpp(options, resources)


plugin = LlamaCppPlugin()
