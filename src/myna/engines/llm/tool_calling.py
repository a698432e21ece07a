"""Any LLM as one that calls tools: whatever it and its server can do, calls come out in the same way."""

import logging
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Literal, TypeAlias

import anyio

from myna.core.errors import EngineRefused
from myna.core.tools import JSON, NamedTool, ToolSpec
from myna.engines.base import (
    LLM,
    Embedder,
    FailedOver,
    Finished,
    LLMDelta,
    LLMInfo,
    LLMMessage,
    LLMRequest,
    Loading,
    ReadsAhead,
    ReasoningDelta,
    Sampling,
    TextDelta,
    Usage,
)
from myna.engines.consent import consent_question, newest_results
from myna.engines.llm.chain import ChainLLM
from myna.engines.llm.choosing import (
    MOST_CALLS,
    Asked,
    Choosing,
    has_results,
    is_none,
    needs_bias,
)
from myna.engines.llm.made_calls import MadeCalls
from myna.engines.llm.native_calls import ALIVE, NativeCalls
from myna.engines.llm.nearness import SURELY_ASKED, Nearness
from myna.engines.llm.reply_beside import ReplyBeside
from myna.engines.llm.told_results import told_results
from myna.engines.llm.tool_prompt import prompted
from myna.engines.task_group import open_task_group
from myna.engines.usage import added

log = logging.getLogger(__name__)

Method: TypeAlias = Literal["auto", "native", "constrained"]
"""How an LLM is brought to call tools; see `ToolCallingLLM`."""

SMALL = 2_000_000_000
"""A model of fewer weights calls tools at random when it is given them the usual way (0.5B: measured)."""
HEAD_START_S = 0.01
"""The choice is sent so much before the reply: where the server has but one place, the short one is to go first."""
LONGEST_CALLS = 1024
"""In tokens, where the request sets no limit: a small model may repeat itself within a text for ever."""
LONGEST_FRAGMENT = 12
"""Characters of a clause that says little by itself: "in Rome"."""
LONGEST_NEED = 8
"""In tokens. The first says it, but for white space."""
MOST_LISTENED = 3
"""Clauses that are embedded before the first call: each takes some 20 ms."""
SURELY_TALK, SURELY_DONE = -0.08, -0.15
"""`Nearness` below which a message needs no tool; below which not even one behind a call does ("and in Rome?"). Of 280
messages 201 lie below the first or above `SURELY_ASKED`, 3 of them on the wrong side."""


def tool_calling(
    llm: LLM, method: Method = "auto", embedder: Callable[[], Embedder | None] = lambda: None
) -> "ToolCallingLLM | ChainLLM":
    """``llm`` as one that calls tools; one that does already, or a chain of such, comes back as it is.

    ``embedder`` gives the one that is there now, if any: with it, small models call tools better and answer sooner.
    """
    return llm if isinstance(llm, ToolCallingLLM | ChainLLM) else ToolCallingLLM(llm, method, embedder)


class ToolCallingLLM:
    """An LLM around another one, which it has call tools. Made by `tool_calling`.

    With `LLMRequest.tools`, text never holds the markup of a call, each call comes as one `ToolCallDelta` with its
    whole arguments, and a reply with calls ends with the reason ``tool_calls``. A call that the token limit cut off
    comes as far as it came, and the reason is ``length``. A request without tools passes through as it is; if tools
    were called in its history, their markup is kept out of the text as well.

    The methods:

    - ``native``: the model is given the tools by its server; calls that it writes into its text are found there. One
      whose server has no place for tools is told of them in its prompt.
    - ``constrained``, where the server enforces ``output_schema``: the model is asked first whether it needs tools,
      and then for the calls, each under a schema (`Choosing`); what it says comes from a request without tools. That
      runs beside the choice and is held back only until that is known. With an embedder, messages that are plainly
      talk, or plainly ask for a tool, need no such choice (`Nearness`). When tools have been called for an utterance,
      the answer to it calls no more.
    - ``auto``: ``constrained`` for models below `SMALL`, and where the server has no place for tools; else ``native``.

    Where a tool has to be called, and a model with native tools calls none, it is asked again under a schema; what it
    said instead is not told.

    Attributes:
        llm: The LLM that answers.
    """

    def __init__(
        self, llm: LLM, method: Method = "auto", embedder: Callable[[], Embedder | None] = lambda: None
    ) -> None:
        self.llm = llm
        self._method: Method = method
        self._nearness = Nearness(embedder)

    @property
    def info(self) -> LLMInfo:
        """The LLM that answers."""
        return replace(self.llm.info, tools_in_prompt=not self._constrains)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer; raises as the LLM does.

        Raises:
            EngineRefused: A tool had to be called, and this LLM cannot be made to.
        """
        async with aclosing(self._answer(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """How many tokens the messages take, without tools."""
        return await self.llm.count_tokens(messages)

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """See `ReadsAhead`; does nothing if the LLM does not read ahead."""
        if not isinstance(self.llm, ReadsAhead):
            return
        if not self._constrains:
            await self.llm.read_ahead(messages, tools=tools, everywhere=everywhere)
            return
        await self.llm.read_ahead(told_results(messages), everywhere=everywhere)
        if not tools:
            return
        await self._nearness.prepare(tools)
        choosing = self._choosing(tools)
        with suppress(EngineRefused):  # said to whoever asks for something
            await self.llm.read_ahead(choosing.need_prompt(Asked("")))
            await self.llm.read_ahead(choosing.calls_prompt(Asked("")))

    def _choosing(self, tools: Sequence[ToolSpec]) -> Choosing:
        return Choosing(tools, self.llm.info.context_tokens)

    @property
    def _constrains(self) -> bool:
        info = self.llm.info
        if self._method == "auto":
            small = info.parameters is not None and info.parameters < SMALL
            return info.output_schema and (small or not info.native_tools)
        return self._method == "constrained" and info.output_schema

    def _answer(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        if not request.tools:
            if request.output_schema is not None or not (before := _called_in(request.messages)):
                return self.llm.generate(request)
            request = replace(request, tools=before, tool_choice="none")  # from its calls the model may go on
        if request.tool_choice == "none":
            return self._talk(request)
        if not self._constrains:
            return self._native(request)
        if request.tool_choice != "auto":
            return self._called(request, self._choosing(request.tools))
        return self._talk(request) if has_results(request.messages) else self._constrained(request)

    async def _native(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        calls = NativeCalls(request.tools, most=None if request.parallel_calls else 1)
        asked = request if self.llm.info.native_tools else prompted(request)
        has_to_call = request.tool_choice != "auto"
        held: list[TextDelta] = []  # of no use to the user if no call follows
        usage: Usage | None = None
        async with aclosing(self.llm.generate(asked)) as deltas:
            async for delta in deltas:
                for each in calls.feed(delta):
                    match each:
                        case TextDelta() if has_to_call:
                            held.append(each)
                            yield ALIVE
                        case Finished("stop") if has_to_call:
                            usage = each.usage
                        case ReasoningDelta() | Loading() | FailedOver():
                            yield each
                        case _:
                            for text in held:
                                yield text
                            held.clear()
                            yield each
        if not has_to_call or calls.reason != "stop":
            return
        if not self.llm.info.output_schema:
            raise EngineRefused(
                f"The LLM {self.llm.info.model} called no tool, though it had to.",
                hint="Its server does not enforce tool_choice; leave it at auto, or use another server.",
            )
        async with aclosing(self._called(request, self._choosing(request.tools))) as forced:
            async for delta in forced:
                yield replace(delta, usage=added(usage, delta.usage)) if isinstance(delta, Finished) else delta

    async def _talk(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """What the model says without tools; calls that it writes all the same are left out."""
        calls = NativeCalls(request.tools, most=0)
        messages, question = request.messages, ""
        if self._constrains:
            question = consent_question(messages, request.tools)
            if question and all(result.outcome == "asks" for result in newest_results(messages)):
                yield TextDelta(question)
                yield Finished("stop")
                return
            messages = told_results(messages)
        elif not self.llm.info.native_tools:
            messages = prompted(replace(request, tools=())).messages
        asked = replace(request, messages=messages, tools=(), tool_choice="auto")
        async with aclosing(self.llm.generate(asked)) as deltas:
            async for delta in deltas:
                for each in calls.feed(delta):
                    if question and isinstance(each, Finished):
                        yield TextDelta(f"\n{question}")
                    yield each

    async def _constrained(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        choosing, asked = self._choosing(request.tools), Asked.last_of(request.messages)
        near = await self._nearness.of(asked.text, request.tools)
        needs_tools = _plainly_needs_tools(near, asked)
        if not needs_tools:
            beside = ReplyBeside()
            async with aclosing(self._talk(request)) as reply:
                if needs_tools is None:
                    async with aclosing(self._hold(beside, reply, choosing, asked, near)) as waits:
                        async for loading in waits:
                            yield loading
                if not beside.needs_tools:
                    for delta in beside.told():
                        yield delta
                    async for delta in reply:
                        yield delta
                    return
        async with aclosing(self._called(request, choosing, sure=needs_tools is True)) as calls:
            async for delta in calls:
                yield delta
                if isinstance(delta, Finished):
                    return
        async with aclosing(self._talk(request)) as reply:  # the choice was wrong
            async for delta in reply:
                yield delta

    async def _hold(
        self, beside: ReplyBeside, reply: AsyncGenerator[LLMDelta], choosing: Choosing, asked: Asked, near: float | None
    ) -> AsyncGenerator[Loading]:
        """Ask the model whether it needs tools, with its reply held beside; gives what both of them wait for.

        While a model is loaded nothing is asked: that has to be told, and a generator may hold no scope as it yields.
        """
        while not beside.decided and beside.problem is None:
            async with open_task_group() as tasks:
                tasks.start_soon(self._choose, choosing, asked, near, beside)
                await anyio.sleep(HEAD_START_S)
                await beside.hold(reply)
                if beside.loading is not None:
                    tasks.cancel_scope.cancel()
            while beside.loading is not None and not beside.needs_tools:
                yield beside.loading
                await beside.until_loaded(reply)

    async def _choose(self, choosing: Choosing, asked: Asked, near: float | None, beside: ReplyBeside) -> None:
        """Ask the model whether it needs tools; the reply beside it ends if so."""
        beside.decide(needs_tools=await self._is_needed(choosing, asked, near))

    async def _is_needed(self, choosing: Choosing, asked: Asked, near: float | None) -> bool:
        try:
            prompt = choosing.need_prompt(asked)
        except EngineRefused as problem:  # most of what people say needs none of them
            log.warning("No tool is called: %s", problem.message)
            return False
        question = _question(prompt, choosing.need_schema(), LONGEST_NEED)
        question = replace(question, sampling=replace(question.sampling, bias=(needs_bias(near),)))
        text = ""
        async with aclosing(self.llm.generate(question)) as deltas:
            async for delta in deltas:
                text += delta.text if isinstance(delta, TextDelta) else ""
                if is_none(text) is not None:
                    break
        return is_none(text) is False

    async def _called(self, request: LLMRequest, choosing: Choosing, *, sure: bool = True) -> AsyncGenerator[LLMDelta]:
        """The calls that the model makes when it has to; ``sure``: the message asks for one.

        Where it copies an example or mistakes a number, it is asked again, and can only use what was said; but not if
        it is not sure that there is anything to call, and all is made up. Then, and where all is copied even so and
        need not be called, nothing at all comes, not even how it ended.
        """
        asked = Asked.last_of(request.messages)
        schema = choosing.calls_schema(await self._first_callable(request, asked))
        made = MadeCalls(request.sampling.max_tokens or LONGEST_CALLS)
        async with aclosing(self._ask(choosing.calls_prompt(asked), schema, made)) as alive:
            async for delta in alive:
                yield delta
        written = choosing.read_calls(made.text, asked)
        first = next(iter(written.whole), None)
        if first is not None and not sure and choosing.invents(*first, asked):
            return
        if first is not None and (said := choosing.doubted(*first, asked)) is not None:
            held = choosing.calls_schema([first[0]], said)
            async with aclosing(self._ask(choosing.calls_prompt(asked), held, made)) as alive:
                async for delta in alive:
                    yield delta
            again = choosing.read_calls(made.text, asked)
            written = again if again.whole else written
        if request.tool_choice == "auto" and any(choosing.copies(*call, asked) for call in written.whole):
            return
        for call in written.whole:
            yield made.take(choosing.settled(*call, asked))
        if written.cut_off is not None:
            yield made.take(written.cut_off)
        if request.parallel_calls and written.cut_off is None:
            async with aclosing(self._further(request, choosing, asked, made)) as further:
                async for delta in further:
                    yield delta
        yield made.finished

    async def _first_callable(self, request: LLMRequest, asked: Asked) -> Collection[str] | None:
        """The tools that the first call may be of: for the first clause that surely asks; None if it may be of any."""
        if isinstance(request.tool_choice, NamedTool):
            return [request.tool_choice.name]
        if request.tool_choice != "auto":
            return None
        clauses = asked.clauses[:MOST_LISTENED] if len(asked.clauses) > 1 else (asked.text,)
        return await self._nearness.plausible(clauses, request.tools)

    async def _further(
        self, request: LLMRequest, choosing: Choosing, whole: Asked, made: MadeCalls
    ) -> AsyncGenerator[LLMDelta]:
        """The calls that other clauses of the message ask for."""
        for clause in whole.clauses[:MOST_CALLS]:
            asked = Asked(clause, whole.text, tuple(made.calls))
            if not choosing.is_open(whole, made.calls, clause):
                continue
            near = await self._nearness.of(clause, request.tools)
            if near is not None and near < (SURELY_DONE if len(clause) <= LONGEST_FRAGMENT else SURELY_TALK):
                continue
            schema = choosing.calls_schema(await self._nearness.plausible([clause], request.tools))
            async with aclosing(self._ask(choosing.calls_prompt(asked), schema, made)) as alive:
                async for delta in alive:
                    yield delta
            written = choosing.read_calls(made.text, asked)
            for call in written.whole:
                other = all(call[0] != name for name, _ in made.calls) or choosing.chooses_another(*call, asked)
                adds = (near is not None and near > SURELY_ASKED and other) or choosing.adds(call[1], asked)
                if adds and not choosing.invents(*call, asked):
                    yield made.take(choosing.settled(*call, asked))

    async def _ask(self, messages: Sequence[LLMMessage], schema: JSON, made: MadeCalls) -> AsyncGenerator[LLMDelta]:
        """Have the model write calls into ``made``, with signs of life meanwhile."""
        made.text = ""
        async with aclosing(self.llm.generate(_question(messages, schema, made.limit))) as deltas:
            async for delta in deltas:
                if isinstance(delta, TextDelta):
                    made.text += delta.text
                    yield ALIVE
                elif isinstance(delta, Loading | FailedOver):
                    yield delta
                elif isinstance(delta, Finished):
                    made.cut_off = delta.reason == "length"
                    made.usage = added(made.usage, delta.usage)


def _plainly_needs_tools(near: float | None, asked: Asked) -> bool | None:
    """What nearness alone says; None if that is not plain."""
    if near is None:
        return None
    if near > SURELY_ASKED:
        return True
    return False if near < (SURELY_DONE if asked.called else SURELY_TALK) else None


def _called_in(messages: Sequence[LLMMessage]) -> tuple[ToolSpec, ...]:
    names = dict.fromkeys(call.name for message in messages for call in message.tool_calls)
    return tuple(ToolSpec(name, "", {}) for name in names if name)


def _question(messages: Sequence[LLMMessage], schema: JSON, max_tokens: int) -> LLMRequest:
    """A question to the model that has one best answer."""
    sampling = Sampling(temperature=0, max_tokens=max_tokens)
    return LLMRequest(tuple(messages), sampling, output_schema=schema, reasoning=False)
