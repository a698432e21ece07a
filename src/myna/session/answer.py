"""The answer of a turn: prompt, LLM, tools, text and voice, side by side within the turn's scope."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import anyio

from myna.core.errors import EngineError, EngineUnavailable, MynaError, PromptTooLong
from myna.core.events import MemoryUsed, ReplyEnded, UsedMemory
from myna.core.ids import ConversationId, MessageId, TurnId
from myna.core.messages import Message, UserMessage
from myna.core.preferences import Preferences
from myna.core.reply import Segment
from myna.core.tools import ToolCall, ToolResult, ToolSpec
from myna.engines.base import LLM, FailedOver, LLMDelta, LLMMessage, LLMRequest, Loading, ReadsAhead, Sampling
from myna.engines.consent import consent_question
from myna.memory.base import SessionMemory
from myna.personas.model import Persona
from myna.session.bounds import within
from myna.session.budget import BYTES_A_TOKEN, Budget, check_input, fit, fit_and_sum_up
from myna.session.consent import ASK_FIRST, CHANGED, DECLINED, NO_ANSWER, NOT_HERE, agreed_to
from myna.session.history import last_utterances, newest_utterances, recent, rounds
from myna.session.options import SessionOptions, Workers
from myna.session.prompt import Prompt, build_prompt, has_chinese
from myna.session.speak import Voice, style_wanted
from myna.session.telling import Telling
from myna.session.think import think
from myna.session.turn import Turn
from myna.tools.base import Toolset, Work
from myna.tools.results import shorten
from myna.tools.rounds import answered, call_tools, run_calls
from myna.tools.toolbox import EMPTY

SEGMENTS_AHEAD = 64
"""How far the LLM may be ahead of the TTS; a reply of 768 tokens has fewer segments."""

CHECK_S = 1.0
"""How long counting the tokens of an utterance may take, while nothing else is heeded."""

READ_S = 60.0
"""How long reading ahead may take."""

RECALL_S = 0.5
"""How long what is remembered is waited for. It takes some 20 ms where nothing else runs."""

MEMORY_SHARE = 8
"""Memories take no more than one part in so many of a prompt."""

ASK_S = 60.0
"""How long the user is waited for when asked whether a tool may run."""

SHORTEST_RESULT = 400
"""Characters of a tool's result that are kept where the model's context has no room for more."""

LateResult: TypeAlias = Callable[[TurnId, ToolCall, ToolResult], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answering:
    """What the answers of one conversation have in common. ``late`` is told of results that come after their reply."""

    conversation_id: ConversationId
    persona: Persona
    engines: Workers
    options: SessionOptions
    late: LateResult

    async def answer(self, turn: Turn, messages: Sequence[Message]) -> None:
        """Answer ``messages``, the newest last. What goes wrong is told.

        Raises:
            MynaError: There is no answer at all.
        """
        tools = self._toolset(turn.preferences)
        turn.answers = newest_utterances(messages)

        async def reply(telling: Telling) -> None:
            await self._reply(turn, messages, tools, telling)

        await self._tell(turn, tools, reply)

    async def _reply(self, turn: Turn, messages: Sequence[Message], tools: Toolset, telling: Telling) -> None:
        preferences, llm = turn.preferences, self.llm
        specs = _offered(preferences, tools)
        budget = self._budget(preferences, specs)
        offered = {spec.name: spec for spec in specs}
        fitted = await self._remembering(turn, messages, budget)
        turn.fits = True
        request = LLMRequest(
            fitted.messages,
            budget.sampling(self._sampling(preferences)),
            tools=specs,
            tool_choice=preferences.tool_choice,
            parallel_calls=preferences.parallel_calls,
            cache_key=None if turn.apart else self.conversation_id,
        )

        def generate(asked: LLMRequest) -> AsyncGenerator[LLMDelta]:
            return self._think(turn, asked, fitted, specs, budget)

        async def allow(call: ToolCall) -> ToolResult | None:
            return await _ask(turn, call)

        def begin(call: ToolCall) -> None:
            tool = tools.find(call.name)
            turn.server_calls.begin(call, goes_on=tool is not None and not tool.cancellable)

        def keep(call: ToolCall, result: ToolResult) -> None:
            turn.server_calls.keep(call, result, offered.get(call.name) if result.asks is not None else None)

        async def late(call: ToolCall, result: ToolResult) -> None:
            if not turn.apart:  # the conversation does not know of the call
                await self.late(turn.id, call, result)

        work = Work(
            generate,
            tools,
            telling.tell,
            allow=allow,
            before_tools=turn.until_sure,
            begin=begin,
            keep=keep,
            late=late,
            most_rounds=self.options.most_rounds,
            constrains=llm.info.output_schema,
            clients=frozenset(tool.name for tool in preferences.tools),
        )
        request = await _run_agreed(turn, messages, request, work)
        await self.options.strategy(request, work)
        if waiting := turn.server_calls.waiting:
            asking = (*request.messages, *answered("", *zip(*waiting, strict=True)))
            await telling.ask(consent_question(asking, specs), unless_asked=llm.info.tools_in_prompt)

    async def _think(
        self, turn: Turn, wanted: LLMRequest, prompt: Prompt, specs: Sequence[ToolSpec], budget: Budget
    ) -> AsyncGenerator[LLMDelta]:
        """Stream what the LLM says. Another one of a chain, that has less room, is asked with a shorter prompt."""
        asked, begun = wanted, False
        if asked.messages != prompt.messages:
            asked = await self._refitted(asked, prompt, budget)
        while True:
            try:
                async with aclosing(think(self.llm, asked, turn.emotions, self.options.limits)) as deltas:
                    async for delta in deltas:
                        begun = begun or not isinstance(delta, Loading | FailedOver)
                        yield delta
            except MynaError:
                left = self._budget(turn.preferences, specs)
                if begun or left.prompt_tokens >= budget.prompt_tokens:
                    raise
                budget = left
                asked = await self._refitted(replace(wanted, sampling=left.sampling(wanted.sampling)), prompt, left)
            else:
                return

    async def _remembering(self, turn: Turn, messages: Sequence[Message], budget: Budget) -> Prompt:
        """The prompt, with what is remembered that fits the utterance, if there is room for it."""
        llm = self.llm
        note, known = "", list[UsedMemory]()
        asked = "" if turn.apart else "\n".join(message.text for message in last_utterances(messages))
        if (memory := self.options.memory) is not None and asked:
            note, known = await self._recalled(memory, messages, asked, budget)
            await turn.reach("recalled")
        prompt = self._prompt(messages, turn.preferences, [*([note] if note else []), *(one.text for one in known)])

        async def fitting(wanted: Prompt) -> Prompt:
            counting = fit(wanted, llm, budget) if turn.apart else self._fit(wanted, messages, budget)
            return await within(self.options.limits.first_token_s, counting, f"The tokenizer of {llm.info.model}")

        try:
            fitted = await fitting(prompt)
        except PromptTooLong:
            if not prompt.beside:
                raise
            return await fitting(replace(prompt, beside=""))  # what was said comes before what is known besides
        if known:
            await turn.emit(MemoryUsed(turn.id, tuple(known)))
        return fitted

    async def _fit(self, prompt: Prompt, messages: Sequence[Message], budget: Budget) -> Prompt:
        """``prompt`` within the budget. What it leaves out of ``messages`` is summed up, if there is a memory."""
        if (memory := self.options.memory) is None:
            return await fit(prompt, self.llm, budget)

        async def sum_up(left_out: int, most_tokens: int) -> str:
            early = sum(map(len, rounds(messages)[:left_out]))
            return await memory.early(messages[:early], messages[early:], most_tokens=most_tokens)

        return await fit_and_sum_up(prompt, self.llm, budget, sum_up)

    async def _recalled(
        self, memory: SessionMemory, messages: Sequence[Message], asked: str, budget: Budget
    ) -> tuple[str, list[UsedMemory]]:
        """What is to be said about forgetting, or what is remembered."""
        known: list[UsedMemory] = []
        with anyio.move_on_after(RECALL_S):
            is_new = bool(newest_utterances(messages))  # else what tools gave has followed it
            if is_new and (forgetting := await memory.to_forget(asked)) is not None:
                return forgetting.note, known
            left = budget.prompt_tokens // MEMORY_SHARE * BYTES_A_TOKEN
            for recalled in await memory.recall(asked):
                left -= len(recalled.memory.text.encode())
                if left >= 0:
                    known.append(UsedMemory(recalled.memory.id, recalled.memory.text))
        return "", known

    async def _refitted(self, request: LLMRequest, prompt: Prompt, budget: Budget) -> LLMRequest:
        """``request``, which goes on from ``prompt`` with what tools gave, within the model's context."""
        base = prompt.messages
        if request.messages[: len(base)] != base:
            return request  # a strategy with prompts of its own
        followed = list(request.messages[len(base) :])
        while True:
            grown = replace(prompt, input=(*prompt.input, *followed))
            fitting = fit(grown, self.llm, budget)
            try:
                fitted = await within(self.options.limits.first_token_s, fitting, "The tokenizer")
            except PromptTooLong:
                longest = max(range(len(followed)), key=lambda at: _length(followed[at]), default=-1)
                if prompt.earlier:
                    prompt = replace(prompt, earlier="")
                elif longest >= 0 and _length(followed[longest]) > SHORTEST_RESULT:
                    told = followed[longest]
                    followed[longest] = replace(told, content=shorten(told.content, len(told.content) // 2))
                else:
                    raise
            else:
                return replace(request, messages=fitted.messages)

    async def say(self, turn: Turn, text: str) -> None:
        """Say ``text`` as the reply."""
        turn.greets = True

        async def recite(telling: Telling) -> None:
            await telling.say(text)

        await self._tell(turn, self.options.tools, recite)

    @property
    def reads_ahead(self) -> bool:
        """Whether the LLM can read a prompt before anybody asks."""
        return isinstance(self.engines.llm, ReadsAhead)

    async def read_ahead(self, messages: Sequence[Message], preferences: Preferences) -> None:
        """Have the LLM read what the next prompt begins with, as far as it can do that. Never fails."""
        if isinstance(llm := self.engines.llm, ReadsAhead):
            specs = _offered(preferences, self._toolset(preferences))
            with suppress(MynaError):
                wanted = [*messages, _said("")]
                fitting = self._fit(self._prompt(wanted, preferences), wanted, self._budget(preferences, specs))
                prompt = await within(READ_S, fitting, f"The tokenizer of {llm.info.model}")
                reading = llm.read_ahead(prompt.messages, tools=specs)
                await within(READ_S, reading, f"The LLM {llm.info.model}")

    async def check(self, text: str, preferences: Preferences) -> None:
        """See that an utterance fits into a prompt.

        Raises:
            PromptTooLong: It does not.
        """
        if self.engines.llm is not None:
            prompt = self._prompt([_said(text)], preferences)
            budget = self._budget(preferences, _offered(preferences, self._toolset(preferences)))
            checking = check_input(prompt, self.engines.llm, budget)
            with suppress(EngineError):  # a tokenizer that fails is asked again for the reply
                await within(CHECK_S, checking, f"The tokenizer of {self.engines.llm.info.model}")

    @property
    def llm(self) -> LLM:
        """The LLM.

        Raises:
            EngineUnavailable: There is none.
        """
        if self.engines.llm is None:
            raise EngineUnavailable("This session has no LLM, so it cannot answer.", hint="It only hears.")
        return self.engines.llm

    def _prompt(self, messages: Sequence[Message], preferences: Preferences, beside: Sequence[str] = ()) -> Prompt:
        last = next((at for at in range(len(messages) - 1, -1, -1) if isinstance(messages[at], UserMessage)), 0)
        return build_prompt(
            self.persona,
            recent(messages[:last], self.options.max_history_rounds),
            messages[last:],
            emotions=self.options.emotions,
            template=self.options.prompt_template,
            system=preferences.instructions,
            beside=beside,
        )

    def _sampling(self, preferences: Preferences) -> Sampling:
        sampling = self.options.sampling
        return replace(
            sampling,
            temperature=sampling.temperature if preferences.temperature is None else preferences.temperature,
            max_tokens=sampling.max_tokens if preferences.max_tokens is None else preferences.max_tokens,
        )

    def _toolset(self, preferences: Preferences) -> Toolset:
        """The server's tools that may be called: a client's own of the same name takes the place of one."""
        if not preferences.server_tools:
            return EMPTY
        return self.options.tools.without([tool.name for tool in preferences.tools])

    def _budget(self, preferences: Preferences, tools: Sequence[ToolSpec]) -> Budget:
        info = self.llm.info
        if self.options.strategy is not call_tools:
            info = replace(info, tools_in_prompt=True)  # other strategies describe them in prompts of their own
        return Budget.of(info, self._sampling(preferences), self.options.max_context_tokens, tools)

    def _acknowledgement(self, turn: Turn) -> str:
        """What is said when a tool takes long, in the language of the utterance if the persona knows it in that."""
        known = self.persona.acknowledgements
        same = [text for text in known if has_chinese(text) == has_chinese(turn.utterance)] if turn.utterance else []
        texts = same or known
        return texts[sum(turn.id.encode()) % len(texts)] if texts else ""

    async def _tell(self, turn: Turn, tools: Toolset, reply: Callable[[Telling], Awaitable[None]]) -> None:
        """Tell the reply as it comes, and speak it. When it fails, first what was said is told to its end."""
        tts = self.engines.tts if turn.speaks else None
        problem: MynaError | None = None
        send, receive = anyio.create_memory_object_stream[Segment](SEGMENTS_AHEAD)
        with receive:
            async with anyio.create_task_group() as jobs:
                if tts is not None:
                    voice = Voice(tts, style_wanted(self.persona.style_for, turn.preferences), self.options.limits)
                    jobs.start_soon(voice.speak, turn, receive)
                with send:
                    telling = Telling(
                        turn,
                        send if tts is not None else None,
                        jobs,
                        tools,
                        self._acknowledgement(turn),
                        self.options.acknowledge_after_s,
                    )
                    try:
                        await reply(telling)
                    except MynaError as error:
                        problem = error
                    await telling.end()
                    if problem is None:
                        await turn.reach("reply")
        if problem is not None:
            await turn.fail(problem)
        if not turn.failed:  # else the voice may have failed: not all of it was sent
            await turn.emit(_ended(turn))
            turn.told_all = True
        await turn.until_played()


async def _ask(turn: Turn, call: ToolCall) -> ToolResult | None:
    """Ask the user whether a tool may run."""
    if not turn.preferences.allows_tools:
        return ASK_FIRST if turn.consents else NOT_HERE
    with anyio.move_on_after(ASK_S):
        return None if await turn.server_calls.asked(call.id) else DECLINED
    return NO_ANSWER


async def _run_agreed(turn: Turn, messages: Sequence[Message], request: LLMRequest, work: Work) -> LLMRequest:
    """Run what the user has agreed to, as far as it is still that; gives the request to go on with."""
    if not turn.consents or not agreed_to(messages):
        return request
    await turn.until_sure()
    if not turn.agreed:  # what waited was taken back meanwhile
        return request
    changed = {
        one.call.id: CHANGED
        for one in turn.agreed
        if (tool := work.tools.find(one.call.name)) is not None and tool.spec != one.tool
    }
    calls = [one.call for one in turn.agreed]
    results = await run_calls(calls, work, changed, agreed=True)
    return replace(request, messages=(*request.messages, *answered("", calls, results)))


def _offered(preferences: Preferences, tools: Toolset) -> tuple[ToolSpec, ...]:
    return (*preferences.tools, *tools.specs)


def _length(message: LLMMessage) -> int:
    return len(message.content) if message.role == "tool" else 0


def _said(text: str) -> UserMessage:
    return UserMessage(MessageId(""), TurnId(""), text)


def _ended(turn: Turn) -> ReplyEnded:
    finished = turn.finished
    usage = finished.usage if finished else None
    complete = finished is None or finished.reason != "length"
    if usage is None:
        return ReplyEnded(turn.id, complete)
    return ReplyEnded(turn.id, complete, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
