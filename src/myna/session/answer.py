"""The answer of a turn: prompt, LLM, text and voice, side by side within the turn's scope."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import assert_never

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from myna.core.errors import EngineError, EngineRefused, EngineUnavailable, MynaError
from myna.core.events import EmotionChanged, ReplyEnded, SegmentReady
from myna.core.ids import ConversationId, MessageId, TurnId
from myna.core.messages import Message, UserMessage
from myna.core.preferences import Preferences
from myna.core.reply import Segment
from myna.core.tools import ToolCall
from myna.engines.base import LLM, Finished, LLMRequest, ReadsAhead, Sampling
from myna.personas.model import Persona
from myna.session.bounds import within
from myna.session.budget import Budget, check_input, fit
from myna.session.history import recent
from myna.session.options import SessionEngines, SessionOptions
from myna.session.prompt import Prompt, build_prompt
from myna.session.speak import Voice, style_wanted
from myna.session.think import Thought, recite, think
from myna.session.turn import Turn
from myna.text.reply import Display, EmotionChange, ReplyParser

SEGMENTS_AHEAD = 64
"""How far the LLM may be ahead of the TTS; a reply of 768 tokens has fewer segments."""


CHECK_S = 1.0
"""How long counting the tokens of an utterance may take, while nothing else is heeded."""

READ_S = 60.0
"""How long reading ahead may take."""

LIVELY = 0.9
"""The temperature at which a model that said nothing is asked again."""


@dataclass(frozen=True, slots=True)
class Answering:
    """What the answers of one conversation have in common."""

    conversation_id: ConversationId
    persona: Persona
    engines: SessionEngines
    options: SessionOptions

    async def answer(self, turn: Turn, messages: Sequence[Message]) -> None:
        """Answer ``messages``, the newest last. What goes wrong is told.

        Raises:
            MynaError: There is no answer at all.
        """
        await self._tell(turn, self._thoughts(turn, messages))

    async def _thoughts(self, turn: Turn, messages: Sequence[Message]) -> AsyncGenerator[Thought]:
        """What the LLM says. When that is nothing, as small models do that write a tag and no more, it is asked again.

        Raises:
            EngineError: It failed, or said nothing twice.
        """
        request = await self._request(turn, messages)
        for again in (replace(request, sampling=_livelier(request.sampling)), None):
            said = False
            async with aclosing(think(self.llm, request, turn.parser, self.options.limits)) as thoughts:
                async for thought in thoughts:
                    said = said or isinstance(thought, Display | ToolCall)
                    if said or not isinstance(thought, Finished):
                        yield thought
            if said:
                return
            turn.parser = ReplyParser(turn.emotions)
            request = again or request
        raise EngineRefused(f"The LLM {self.llm.info.model} said nothing.", hint="Say it again, or use a larger model.")

    async def _request(self, turn: Turn, messages: Sequence[Message]) -> LLMRequest:
        preferences, llm, budget = turn.preferences, self.llm, self._budget(turn.preferences)
        fitting = fit(self._prompt(messages, preferences), llm, budget)
        prompt = await within(self.options.limits.first_token_s, fitting, f"The tokenizer of {llm.info.model}")
        return LLMRequest(
            prompt.messages,
            budget.sampling(self._sampling(preferences)),
            tools=preferences.tools,
            tool_choice=preferences.tool_choice,
            cache_key=None if turn.apart else self.conversation_id,
        )

    async def say(self, turn: Turn, text: str) -> None:
        """Say ``text`` as the reply."""
        await self._tell(turn, recite(text, turn.parser))

    @property
    def reads_ahead(self) -> bool:
        """Whether the LLM can read a prompt before anybody asks."""
        return isinstance(self.engines.llm, ReadsAhead)

    async def read_ahead(self, messages: Sequence[Message], preferences: Preferences) -> None:
        """Have the LLM read what the next prompt begins with, as far as it can do that. Never fails."""
        if isinstance(llm := self.engines.llm, ReadsAhead):
            with suppress(MynaError):
                fitting = fit(self._prompt([*messages, _said("")], preferences), llm, self._budget(preferences))
                prompt = await within(READ_S, fitting, f"The tokenizer of {llm.info.model}")
                reading = llm.read_ahead(prompt.messages, tools=preferences.tools)
                await within(READ_S, reading, f"The LLM {llm.info.model}")

    async def check(self, text: str, preferences: Preferences) -> None:
        """See that an utterance fits into a prompt.

        Raises:
            PromptTooLong: It does not.
        """
        if self.engines.llm is not None:
            prompt = self._prompt([_said(text)], preferences)
            checking = check_input(prompt, self.engines.llm, self._budget(preferences))
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

    def _prompt(self, messages: Sequence[Message], preferences: Preferences) -> Prompt:
        last = next((at for at in range(len(messages) - 1, -1, -1) if isinstance(messages[at], UserMessage)), 0)
        return build_prompt(
            self.persona,
            recent(messages[:last], self.options.max_history_rounds),
            messages[last:],
            emotions=self.options.emotions,
            template=self.options.prompt_template,
            system=preferences.instructions,
        )

    def _sampling(self, preferences: Preferences) -> Sampling:
        sampling = self.options.sampling
        return replace(
            sampling,
            temperature=sampling.temperature if preferences.temperature is None else preferences.temperature,
            max_tokens=sampling.max_tokens if preferences.max_tokens is None else preferences.max_tokens,
        )

    def _budget(self, preferences: Preferences) -> Budget:
        return Budget.of(self.llm.info, self._sampling(preferences), self.options.max_context_tokens)

    async def _tell(self, turn: Turn, thoughts: AsyncGenerator[Thought]) -> None:
        """Tell the reply as it comes, and speak it. When the LLM fails, first what it said is told to its end."""
        tts = self.engines.tts if turn.speaks else None
        problem: MynaError | None = None
        if tts is None:
            problem = await self._think(turn, thoughts, None)
        else:
            voice = Voice(tts, style_wanted(self.persona.style_for, turn.preferences), self.options.limits)
            send, receive = anyio.create_memory_object_stream[Segment](SEGMENTS_AHEAD)
            with receive:
                async with anyio.create_task_group() as speaking:
                    speaking.start_soon(voice.speak, turn, receive)
                    with send:
                        problem = await self._think(turn, thoughts, send)
        if problem is not None:
            await turn.fail(problem)
        if not turn.failed:  # else the voice may have failed: not all of it was sent
            await turn.emit(_ended(turn))
            turn.told_all = True
        await turn.until_played()

    async def _think(
        self, turn: Turn, thoughts: AsyncGenerator[Thought], segments: MemoryObjectSendStream[Segment] | None
    ) -> MynaError | None:
        try:
            async with aclosing(thoughts):
                async for thought in thoughts:
                    await _show(turn, thought, segments)
        except MynaError as error:
            for item in turn.parser.finish():
                await _show(turn, item, segments)
            return error
        await turn.reach("reply")
        return None


def _livelier(sampling: Sampling) -> Sampling:
    """What draws other tokens than before."""
    return replace(sampling, temperature=max(LIVELY, sampling.temperature or 0.0), seed=None)


def _said(text: str) -> UserMessage:
    return UserMessage(MessageId(""), TurnId(""), text)


async def _show(turn: Turn, thought: Thought, segments: MemoryObjectSendStream[Segment] | None) -> None:
    if not isinstance(thought, Finished):
        await turn.reach("first_token")
    match thought:
        case EmotionChange(emotion):
            await turn.emit(EmotionChanged(turn.id, emotion))
        case Display(piece):
            await turn.show(piece)
        case Segment():
            await turn.emit(SegmentReady(turn.id, thought))
            await turn.reach("first_segment")
            if segments is not None:
                await segments.send(thought)
        case ToolCall():
            await turn.call(thought)
        case Finished():
            turn.finished = thought
        case _:
            assert_never(thought)


def _ended(turn: Turn) -> ReplyEnded:
    finished = turn.finished
    usage = finished.usage if finished else None
    complete = finished is None or finished.reason != "length"
    if usage is None:
        return ReplyEnded(turn.id, complete)
    return ReplyEnded(turn.id, complete, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
