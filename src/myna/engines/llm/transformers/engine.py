"""The LLM engine around a model that is loaded: requests take turns on the one device, a few tokens each."""

import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import anyio

from myna.core.errors import EngineUnavailable, MynaError, PromptTooLong, RequestRefused
from myna.core.tools import ToolSpec
from myna.engines.abandoned import run_abandonable
from myna.engines.base import Finished, GPUMemory, LLMDelta, LLMInfo, LLMMessage, LLMRequest, Sampling, TextDelta, Usage
from myna.engines.llm.chat_completions import Reason
from myna.engines.llm.read_ahead import ReadAhead
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.llm.transformers.model import Drawing, Loaded, told
from myna.engines.llm.transformers.places import Places
from myna.engines.llm.transformers.prefixes import Prefixes
from myna.engines.llm.transformers.writing import Order, Slice, Writing
from myna.engines.scheduler import Scheduler, Urgency

T = TypeVar("T")

log = logging.getLogger(__name__)

DEVICE = "gpu"
"""The one place of the engine's own scheduler."""


class TransformersLLM:
    """A `myna.engines.base.LLM`. Made by `plugin`.

    Replies are written by turns, a few tokens each, so a second user need not wait for the end of the first one's.
    Everything that touches the model or its caches is a job of one worker.

    Args:
        loaded: The model.
        scheduler: With the one slot `DEVICE`.
        slots: How many replies take turns.
    """

    def __init__(self, loaded: Loaded, scheduler: Scheduler, slots: int) -> None:
        self._loaded = loaded
        self._scheduler = scheduler
        self._places = Places(slots, loaded.context_tokens)
        self._prefixes = Prefixes(loaded.model, loaded.context_tokens)
        self._ahead = ReadAhead()
        self._left = deque[Writing]()
        self._info = LLMInfo(
            model=loaded.name,
            context_tokens=loaded.context_tokens,
            native_tools=loaded.chat.takes_tools,
            output_schema=False,
            parameters=loaded.parameters,
        )

    @property
    def info(self) -> LLMInfo:
        """The model that was loaded. No output is bound to a schema: that takes another library."""
        return self._info

    @property
    def device(self) -> str:
        """See `myna.engines.base.TellsDevice`."""
        return self._loaded.device

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer.

        Raises:
            PromptTooLong: The prompt leaves no room for an answer.
            RequestRefused: The model's chat template does not take such messages.
            Busy: Too many requests wait.
            EngineUnavailable: The GPU has too little memory, also after its caches were freed, or failed.
        """
        prompt = await self._prompt(request.messages, request.tools, thinking=request.reasoning)
        most = self._longest_answer(len(prompt), request.sampling.max_tokens)
        order = Order(
            prompt,
            most,
            self._drawing(request.sampling),
            request.sampling.stop,
            request.cache_key,
            # Beside cached tokens the logits are slightly others, and a seed is to give the same text.
            reuse=request.sampling.seed is None,
        )
        async with self._ahead.way_for(request), self._places.taken(len(prompt) + most):
            writing = Writing(order, self._loaded.model, self._loaded.chat, self._prefixes)
            try:
                reason: Reason | None = None
                while reason is None:
                    step = await self._step(writing, Urgency.HEARING)
                    if step.text:
                        yield TextDelta(step.text)
                    reason = step.reason
            finally:
                self._leave(writing)
        yield Finished(reason, Usage(len(prompt), writing.written, writing.cached_tokens))

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """The tokens of a prompt, by the model's template and tokenizer.

        Some templates refuse a conversation without a user message, or one whose roles do not alternate. Parts of a
        prompt are counted too, and those may be such: they are estimated.
        """
        try:
            return len(await self._prompt(messages, ()))
        except RequestRefused:
            return estimate_tokens(messages)

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """Read a prompt into the KV cache while no request is being answered; see `ReadAhead`. Never fails."""
        await self._ahead.read(
            messages, tools, [partial(self._read_prompt, messages, tools, everywhere)], resume=not everywhere
        )

    async def is_alive(self, within_s: float) -> bool:
        """Whether the worker takes jobs; a step that computes holds it up for as long as that takes."""
        with anyio.move_on_after(within_s):
            try:
                await self._run(int, Urgency.HEARING)
            except MynaError:
                return False
            return True
        return False

    async def memory(self) -> tuple[GPUMemory, ...]:
        """The memory of each GPU; empty on a CPU."""
        return await self._run(self._loaded.model.memory, Urgency.HEARING)

    async def _read_prompt(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec], everywhere: bool) -> None:
        prompt = await self._prompt(messages, tools)
        if len(prompt) >= self._loaded.context_tokens:
            return
        order = Order(prompt, most=0, shared=everywhere)
        async with self._places.taken(len(prompt)):
            writing = Writing(order, self._loaded.model, self._loaded.chat, self._prefixes)
            try:
                while (await self._step(writing, Urgency.BACKGROUND)).reason is None:
                    pass
            finally:
                self._leave(writing)

    async def _prompt(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec], *, thinking: bool = True
    ) -> list[int]:
        """The tokens of a prompt; a long one takes some 20 ms, so in a thread."""
        return await run_abandonable(partial(self._loaded.chat.tokens, messages, tools, thinking=thinking))

    def _longest_answer(self, prompt_tokens: int, wanted: int | None) -> int:
        room = self._loaded.context_tokens - prompt_tokens
        if room < 1:
            raise PromptTooLong(
                f"The prompt has {prompt_tokens} tokens, and the context of {self._loaded.name} "
                f"{self._loaded.context_tokens}.",
                hint="Shorten the input, or set more context_tokens in [transformers].",
            )
        return room if wanted is None else max(1, min(wanted, room))

    def _drawing(self, sampling: Sampling) -> Drawing:
        asked = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "presence_penalty": sampling.presence_penalty,
            "frequency_penalty": sampling.frequency_penalty,
            "seed": sampling.seed,
        }
        return replace(self._loaded.model.drawing, **{name: each for name, each in asked.items() if each is not None})

    async def _step(self, writing: Writing, urgency: Urgency) -> Slice:
        return await self._run(partial(writing.step, self._places.taken_tokens), urgency)

    def _leave(self, writing: Writing) -> None:
        """Nobody reads on. A step may still run, so what was read is put by before the next job: they never overlap."""
        writing.left = True
        self._left.append(writing)

    async def _run(self, call: Callable[[], T], urgency: Urgency) -> T:
        def job() -> T:
            while self._left:
                self._left.popleft().keep()
                if log.isEnabledFor(logging.DEBUG):
                    log.debug("After a reply: %s", told(self._loaded.model.memory()))
            return call()

        try:
            return await self._scheduler.run(job, device=DEVICE, urgency=urgency)
        except RuntimeError as error:  # what PyTorch raises
            raise EngineUnavailable(
                f"The model {self._loaded.name} failed: {error}.", hint="Try again; if it goes on so, restart Myna."
            ) from error
