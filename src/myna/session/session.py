"""A session: one live connection that is talking in a conversation.

One task owns it (`Session.own`): it takes commands, runs one turn at a time, and alone writes to the store. While a
turn runs, a child of the turn watches for what ends it: an interruption cancels the turn's scope, and only when all of
the turn has ended does the owner go on. So an interruption never races the reply it interrupts.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import assert_never

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE, duration_ms
from myna.core.commands import AppendAudio, Command, CommitAudio, Interrupt, SendText
from myna.core.context import working_on
from myna.core.emotion import Emotions
from myna.core.errors import BadInput, Closed, EngineUnavailable, MynaError
from myna.core.events import (
    EmotionChanged,
    Event,
    Interrupted,
    Outcome,
    ReplyAudio,
    SegmentReady,
    TranscriptFinal,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import new_message_id
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.core.reply import Reply, Segment
from myna.engines.base import ASR, LLM, TTS, ASROptions, Finished, LLMRequest, Sampling
from myna.engines.samples import from_pcm16, to_pcm16
from myna.engines.task_group import open_task_group
from myna.personas.model import Persona
from myna.session.bounds import Limits, within
from myna.session.budget import Budget, check_input, fit
from myna.session.history import recent
from myna.session.outbox import Outbox
from myna.session.prompt import Prompt, build_prompt
from myna.session.speak import speak
from myna.session.think import think
from myna.session.turn import Turn
from myna.store.base import Store
from myna.text.reply import Display, EmotionChange, ReplyItem

log = logging.getLogger(__name__)

SEGMENTS_AHEAD = 64
"""How far the LLM may be ahead of the TTS; a reply of 768 tokens has fewer segments."""

SLOWEST_HEARING = 4
"""How many times faster than real time an ASR is at least, beside ``Limits.hear_s``: long audio takes long."""

KEEP_S = 1.0
"""How long keeping a reply may take: a session that is being closed does not wait longer for its store."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session behaves.

    Attributes:
        emotions: What the reply may show.
        sampling: How the LLM draws tokens.
        system_prompt: Takes the place of the persona's.
        prompt_template: The prompt of a persona that has none.
        language: What the user speaks, as an ISO 639-1 code; None detects it.
        max_history_rounds: How many rounds the prompt holds at most.
        max_context_tokens: How long prompt and answer may be together, where the model does not allow less.
        max_utterance_s: The longest audio that is taken for one utterance.
    """

    emotions: Emotions = field(default_factory=Emotions)
    sampling: Sampling = field(default_factory=Sampling)
    limits: Limits = field(default_factory=Limits)
    system_prompt: str | None = None
    prompt_template: str | None = None
    language: str | None = None
    max_history_rounds: int = 10
    max_context_tokens: int = 20_000
    max_utterance_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class SessionEngines:
    """Who does a session's work. Without ASR it takes text only, without TTS it does not speak."""

    llm: LLM
    asr: ASR | None = None
    tts: TTS | None = None


class Session:
    """Takes commands (`send`), gives events (``async for``). Made by `open_session`."""

    def __init__(
        self,
        conversation: Conversation,
        persona: Persona,
        engines: SessionEngines,
        store: Store,
        options: SessionOptions,
    ) -> None:
        self._conversation = conversation
        self._persona = persona
        self._engines = engines
        self._store = store
        self._options = options
        self._audio = bytearray()
        self._longest_ms = options.max_utterance_s * 1000
        self._outbox = Outbox(limit=64)
        self._send, self._receive = anyio.create_memory_object_stream[Command](64)

    async def send(self, command: Command) -> None:
        """Do what the client asks for; returns when it was taken, which may be before it is done.

        Raises:
            BadInput: The command makes no sense; the session is as before.
            Closed: The session has ended.
        """
        match command:
            case AppendAudio(pcm):
                if len(pcm) % BYTES_PER_SAMPLE:
                    raise BadInput("The audio ends in half a sample.", hint="Send 16-bit samples, two bytes each.")
                if duration_ms(pcm, HEARING_RATE) + duration_ms(self._audio, HEARING_RATE) > self._longest_ms:
                    raise BadInput(
                        f"The utterance is longer than {self._longest_ms / 1000:g} s.", hint="Commit it in parts."
                    )
            case SendText(text):
                if not text.strip():
                    raise BadInput("The text is empty.", hint="Send what the user said.")
            case CommitAudio() | Interrupt():
                pass
            case _:
                assert_never(command)
        try:
            await self._send.send(command)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            raise Closed("The session has ended.") from None

    def __aiter__(self) -> "Session":
        """Everything that happens, in order, until the session ends. For one reader."""
        return self

    async def __anext__(self) -> Event:
        """The next event; cancelled waiting for it, none is lost."""
        if (event := await self._outbox.take()) is None:
            raise StopAsyncIteration
        return event

    # ------------------------------------------------------------------------------------------------- the owner

    async def own(self) -> None:
        """Run the session until it is closed or cancelled; the one task that changes it."""
        working_on(conversation_id=self._conversation.id)
        pending: Command | None = None
        with self._receive, closing(self._outbox):
            while (command := pending or await self._next()) is not None:
                pending = None
                match command:
                    case AppendAudio(pcm):
                        self._audio += pcm
                    case CommitAudio():
                        utterance = bytes(self._audio)
                        self._audio.clear()
                        pending = await self._turn(utterance)
                    case SendText(text):
                        pending = await self._turn(text)
                    case Interrupt():
                        pass  # nothing runs
                    case _:
                        assert_never(command)

    def close(self) -> None:
        """Take no more commands; `own` ends after those it has."""
        self._send.close()

    async def _next(self) -> Command | None:
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            return None

    async def _turn(self, utterance: bytes | str) -> Command | None:
        """Run one turn to its end; give the command that ended it, if it is one that starts the next."""
        turn = Turn(self._outbox, self._engines.tts is not None, self._options.emotions)
        outcome: Outcome = "interrupted"
        working_on(turn_id=turn.id)

        async def watch(scope: anyio.CancelScope) -> None:
            while isinstance(command := await self._next(), AppendAudio):
                self._audio += command.pcm
            if command is not None:
                turn.ended_by = command
                scope.cancel()

        try:
            async with anyio.create_task_group() as children:
                children.start_soon(watch, children.cancel_scope)
                outcome = await self._answer(turn, utterance)
                children.cancel_scope.cancel()
        finally:
            if outcome == "interrupted":
                turn.withdraw()
            reply = turn.reply(outcome)
            turn.log(outcome, reply)
            # Also when the session itself is being cancelled: what was said is kept, within a bound.
            with anyio.CancelScope(shield=True, deadline=anyio.current_time() + KEEP_S):
                await self._remember(turn, outcome, reply)
        if outcome == "interrupted":
            await turn.emit(Interrupted(turn.id, reply.heard if reply else "", turn.played_ms()))
        await turn.emit(TurnEnded(turn.id, outcome, reply))
        working_on(turn_id=None)
        return None if isinstance(turn.ended_by, Interrupt) else turn.ended_by

    async def _remember(self, turn: Turn, outcome: Outcome, reply: Reply | None) -> None:
        if outcome != "silent" and reply is not None:
            message = AssistantMessage(new_message_id(), turn.id, reply, outcome)
            try:
                await self._store.append(self._conversation.id, message)
            except MynaError as error:
                await turn.fail(error)

    # -------------------------------------------------------------------------------------------- hear, think, speak

    async def _answer(self, turn: Turn, utterance: bytes | str) -> Outcome:
        try:
            text = await self._take(turn, utterance)
            if not text:
                return "silent"
            await self._reply(turn, text)
        except MynaError as error:
            await turn.fail(error)
        except Exception:  # the session's boundary: a fault of ours ends the turn, not the session
            log.exception("a turn failed")
            await turn.fail(MynaError("Something went wrong inside Myna.", hint="The log has the details."))
        if turn.failed:
            return "failed"
        await turn.reach("turn")
        return "completed"

    async def _take(self, turn: Turn, utterance: bytes | str) -> str:
        """The text of the utterance, on disk; empty if nothing was said."""
        if isinstance(utterance, str):
            await self._keep(turn, utterance)
            await turn.emit(TurnStarted(turn.id))
            return utterance
        await turn.emit(TurnStarted(turn.id))
        if (asr := self._engines.asr) is None:
            raise EngineUnavailable("This session has no ASR, so it cannot hear.", hint="Send text.")
        options = ASROptions(language=self._options.language)
        heard = asr.transcribe(from_pcm16(utterance), options)
        limit_s = self._options.limits.hear_s + duration_ms(utterance, HEARING_RATE) / 1000 / SLOWEST_HEARING
        transcript = await within(limit_s, heard, f"The ASR {asr.info.model}")
        if transcript.text:
            await self._keep(turn, transcript.text)
        await turn.emit(TranscriptFinal(turn.id, transcript.text, transcript.language))
        await turn.reach("heard")
        return transcript.text

    async def _keep(self, turn: Turn, text: str) -> None:
        """Put the utterance on disk, unless it is so long that no prompt can hold it."""
        # An interruption must not lose it meanwhile; a tokenizer that takes longer is asked again for the reply
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + KEEP_S):
            await check_input(self._prompt((), text), self._engines.llm, self._budget)
        turn.utterance = text
        with anyio.fail_after(KEEP_S, shield=True):
            await self._store.append(self._conversation.id, UserMessage(new_message_id(), turn.id, text))

    async def _reply(self, turn: Turn, text: str) -> None:
        *earlier, _ = await self._store.messages(self._conversation.id)
        llm, budget = self._engines.llm, self._budget
        fitting = fit(self._prompt(earlier, text), llm, budget)
        prompt = await within(self._options.limits.first_token_s, fitting, f"The tokenizer of {llm.info.model}")
        sampling = budget.sampling(self._options.sampling)
        request = LLMRequest(prompt.messages, sampling, cache_key=self._conversation.id)
        send, receive = anyio.create_memory_object_stream[Segment](SEGMENTS_AHEAD)
        problem: MynaError | None = None
        with receive:
            async with anyio.create_task_group() as voice:
                voice.start_soon(self._speak, turn, receive)
                with send:
                    problem = await self._think(turn, request, send)
        if problem is not None:
            await turn.fail(problem)

    @property
    def _budget(self) -> Budget:
        return Budget.of(self._engines.llm.info, self._options.sampling, self._options.max_context_tokens)

    def _prompt(self, earlier: Sequence[Message], text: str) -> Prompt:
        return build_prompt(
            self._persona,
            recent(earlier, self._options.max_history_rounds),
            text,
            emotions=self._options.emotions,
            template=self._options.prompt_template,
            system=self._options.system_prompt,
        )

    async def _think(
        self, turn: Turn, request: LLMRequest, segments: MemoryObjectSendStream[Segment]
    ) -> MynaError | None:
        """Tell the reply as it comes. When the LLM fails, what it had said is told to its end, and the error given."""
        try:
            async with aclosing(think(self._engines.llm, request, turn.parser, self._options.limits)) as items:
                async for item in items:
                    if isinstance(item, Finished):
                        turn.usage = item.usage
                        continue
                    await turn.reach("first_token")
                    await self._tell(turn, item, segments)
        except MynaError as error:
            for item in turn.parser.finish():
                await self._tell(turn, item, segments)
            return error
        await turn.reach("reply")
        return None

    async def _tell(self, turn: Turn, item: ReplyItem, segments: MemoryObjectSendStream[Segment]) -> None:
        match item:
            case EmotionChange(emotion):
                await turn.emit(EmotionChanged(turn.id, emotion))
            case Display(piece):
                await turn.show(piece)
            case Segment():
                await turn.emit(SegmentReady(turn.id, item))
                await turn.reach("first_segment")
                await segments.send(item)
            case _:
                assert_never(item)

    async def _speak(self, turn: Turn, segments: MemoryObjectReceiveStream[Segment]) -> None:
        """Speak the segments as they come. When the voice fails the words go on without it."""
        tts = self._engines.tts
        async for segment in segments:
            if tts is None or turn.failed:
                continue
            try:
                stream = speak(
                    tts, segment, self._persona.style_for, self._options.limits, first=turn.first_audio_at is None
                )
                async with aclosing(stream) as pieces:
                    async for speech in pieces:
                        audio = ReplyAudio(turn.id, segment.index, to_pcm16(speech.samples), tts.info.sample_rate)
                        await turn.play(segment, audio, speech.marks)
            except MynaError as error:
                await turn.fail(error)


@asynccontextmanager
async def open_session(
    conversation: Conversation,
    persona: Persona,
    engines: SessionEngines,
    store: Store,
    options: SessionOptions,
) -> AsyncGenerator[Session]:
    """A live session in a conversation of ``store``. Leaving ends it, and the turn that runs, at once."""
    session = Session(conversation, persona, engines, store, options)
    async with open_task_group() as owner:
        owner.start_soon(session.own)
        try:
            yield session
        finally:
            session.close()
            owner.cancel_scope.cancel()
