"""`Session`: talking with an agent by voice or text, in Python."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from myna.core.audio import HEARING_RATE
from myna.core.commands import AllowTool, AppendAudio, Command, CommitAudio, Interrupt, SendText
from myna.core.errors import BadInput, Closed, MynaError
from myna.core.events import (
    EmotionChanged,
    Event,
    Failed,
    Refused,
    ReplyAudio,
    ReplyText,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TurnEnded,
)
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.core.tool_runs import ToolRuns
from myna.engines.base import Samples
from myna.engines.samples import read_audio, to_pcm16, write_wav
from myna.library.agent import Agent, exits_told
from myna.library.answering import limits_of, merged
from myna.library.home import home
from myna.library.llm import LLM
from myna.library.model_choice import Source
from myna.library.recording import ran
from myna.library.reply import ToolRun
from myna.library.serving import speaker
from myna.session.options import SessionEngines
from myna.session.session import Session as LiveSession
from myna.session.session import open_session
from myna.store.in_memory import InMemoryStore

CLOSE_S = 3.0
"""How long closing waits; a session closes within 2 s."""


class Turn(Iterator[Event]):
    """What the user said and the reply to it: its events as they come, and what they tell.

    Attributes:
        transcript: What was heard; empty for what was typed.
        text: The reply's display text so far.
        emotion: That of its newest part.
        pcm: Its audio so far: 16-bit little-endian mono at ``sample_rate`` Hz.
        outcome: ``completed``, ``interrupted``, ``failed`` or ``silent`` (nobody spoke); empty until it has ended.
    """

    def __init__(self, session: "Session") -> None:
        self.transcript = ""
        self.text = ""
        self.emotion = ""
        self.pcm = bytearray()
        self.sample_rate = 0
        self.outcome = ""
        self._session = session
        self._runs = ToolRuns()
        self._failure: MynaError | None = None

    @property
    def tool_calls(self) -> list[ToolRun]:
        """Tools that have ended, in the order in which they started."""
        return [ran(run) for run in self._runs if run.result is not None]

    def __iter__(self) -> "Turn":
        return self

    def __next__(self) -> Event:
        """The next event.

        Raises:
            MynaError: The turn has failed; after the last event.
        """
        if self.outcome:
            if self._failure is not None:
                raise self._failure.with_traceback(None)
            raise StopIteration
        event = self._session.next_event()
        self._take(event)
        return event

    def wait(self) -> "Turn":
        """Until it has ended; gives the turn itself. Raises as its events do."""
        for _ in self:
            pass
        return self

    def save(self, path: str | Path) -> None:
        """Write its audio as a WAV file.

        Raises:
            BadInput: There is none, or it cannot be written there.
        """
        if not self.pcm:
            raise BadInput("The reply has no audio.", hint="Wait for the turn first: session.ask(…).wait().save(…).")
        write_wav(Path(path), bytes(self.pcm), self.sample_rate)

    def _take(self, event: Event) -> None:  # noqa: C901 - flat
        match event:
            case TranscriptFinal(text=text):
                self.transcript = text
            case EmotionChanged(emotion=emotion):
                self.emotion = emotion
            case ReplyText(text=text):
                self.text += text
            case ReplyAudio(pcm=pcm, sample_rate=sample_rate):
                self.pcm += pcm
                self.sample_rate = sample_rate
            case ToolStarted(call=call, asks=asks):
                self._runs.start(call)
                if asks:
                    self._session.answer_for(event)
            case ToolEnded(call_id=call_id, result=result, took_ms=took_ms):
                self._runs.end(call_id, result, took_ms)
            case Failed(code=code, message=message, hint=hint) | Refused("", code, message, hint):
                self._failure = _error(code, message, hint)
                if isinstance(event, Refused):
                    self.outcome = "failed"
            case TurnEnded(outcome=outcome):
                self.outcome = outcome
            case _:
                pass


class Session:
    """A live conversation with an agent, which hears and speaks.

    ::

        with myna.Session(agent) as session:
            turn = session.ask(Path("question.wav")).wait()     # or text, or samples at 16 kHz
            print(turn.transcript, "→", turn.text)
            turn.save("answer.wav")

    What hears and speaks is loaded by the first session and shared by all. For one thread at a time, but for
    `interrupt`.

    Args:
        agent: Who answers: an agent, a model, or what `myna.library.llm.LLM` takes as one.
        persona: Who speaks for a model, by id or name; the configured one if left out.
        speaks: Whether replies are spoken.

    Raises:
        UnknownName: There is no such persona.
    """

    def __init__(self, agent: Agent | LLM | Source = None, *, persona: str | None = None, speaks: bool = True) -> None:
        if isinstance(agent, Agent):
            if persona is not None:
                raise BadInput("The agent speaks as its own persona.", hint="Give it there: myna.Agent(persona=…).")
            self.agent = agent
        else:
            self.agent = Agent(agent, persona=persona)
        self._speaks = speaks
        self._running: Future[None] | None = None
        self._live: LiveSession | None = None
        self._turn: Turn | None = None
        self._closing = asyncio.Event()

    def __enter__(self) -> "Session":
        """Open it; the first time, what hears and speaks is loaded.

        Raises:
            MynaError: Something does not load.
            BadInput: Asked in an async tool, which would block what it waits for.
        """
        home().loop.check_outside()
        opened: Future[LiveSession] = Future()
        self._closing = asyncio.Event()
        self._running = home().loop.start(lambda: self._hold(opened))
        try:
            self._live = opened.result()
        except BaseException:
            self._running.cancel()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, said: str | Path | Samples) -> Turn:
        """What the user says now: text, an audio file, or mono float32 samples at 16 kHz.

        Gives the turn at once; iterate it, or `Turn.wait` for it. A turn before that was not read to its end is
        interrupted.

        Raises:
            BadInput: The text is empty, or the file holds no audio.
        """
        commands: tuple[Command, ...]
        if isinstance(said, str):
            if not said.strip():
                raise BadInput("The text is empty.", hint="Say something.")
            commands = (SendText(said),)
        else:
            samples = read_audio(said, HEARING_RATE) if isinstance(said, Path) else said
            commands = (AppendAudio(to_pcm16(samples)), CommitAudio())
        if self._turn is not None and not self._turn.outcome:
            self.interrupt()
            with suppress(MynaError):
                self._turn.wait()
        for command in commands:
            self.send(command)
        self._turn = Turn(self)
        return self._turn

    def send(self, command: Command) -> None:
        """Send any command of `myna.core.commands`.

        Raises:
            BadInput: It makes no sense.
            Closed: The session has ended.
        """
        live = self._opened()
        home().loop.run(lambda: live.send(command))

    def interrupt(self) -> None:
        """End the reply that runs."""
        self.send(Interrupt())

    def next_event(self) -> Event:
        """Wait for what happens next.

        Raises:
            Closed: The session has ended.
        """
        live = self._opened()
        event = home().loop.run(lambda: _next(live))
        if event is None:
            raise Closed("The session has ended.")
        return event

    def answer_for(self, event: ToolStarted) -> None:
        """Ask the agent's ``confirm`` whether a tool may run, and tell the session."""
        refused = home().loop.run(lambda: self.agent.may(event.call))
        self.send(AllowTool(event.call.id, allowed=refused is None, ref=event.call.id))  # its refusal is no turn's

    def close(self) -> None:
        """End it, and the turn that runs. More than once does nothing."""
        running, self._running, self._live = self._running, None, None
        if running is not None:
            loop = home().loop

            async def tell() -> None:
                self._closing.set()

            with suppress(MynaError, TimeoutError, CancelledError):
                loop.run(tell)
                running.result(CLOSE_S)
            running.cancel()

    def _opened(self) -> LiveSession:
        if self._live is None:
            raise Closed("The session is not open.", hint="Use it in a with: with myna.Session() as session.")
        return self._live

    async def _hold(self, opened: Future[LiveSession]) -> None:
        try:
            async with self._open() as live:
                opened.set_result(live)
                await self._closing.wait()
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
            raise

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[LiveSession]:
        agent = self.agent
        service = await home().hearing(agent.llm.loaded)
        await service.engines.settled(may_fail=() if self._speaks else ("tts",))
        persona = speaker(agent, service.persona())
        options = service.session_options(persona)
        options = replace(
            options,
            sampling=merged(options.sampling, agent.llm.sampling),
            limits=limits_of(agent.llm.loaded),
            tools=await agent.toolset(),
            strategy=exits_told(agent.strategy),
            most_rounds=agent.max_rounds,
            preferences=replace(options.preferences, allows_tools=agent.confirms, speaks=self._speaks),
        )
        engines = SessionEngines(
            await agent.llm.open(), service.engines.asr, service.engines.tts if self._speaks else None
        )
        conversation = Conversation(new_conversation_id(), persona.id)
        async with open_session(conversation, persona, engines, InMemoryStore(limit=1), options) as live:
            yield live


async def _next(live: LiveSession) -> Event | None:
    return await anext(live, None)


def _error(code: str, message: str, hint: str) -> MynaError:
    """The error that an event tells of."""
    kinds = [MynaError]
    for kind in kinds:
        if kind.code == code:
            return kind(message, hint=hint)
        kinds += kind.__subclasses__()
    return MynaError(message, hint=hint)
