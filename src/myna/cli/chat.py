"""``myna chat``: a conversation in the terminal."""

import signal
from contextlib import suppress
from dataclasses import replace

import anyio
import typer
from anyio.abc import TaskGroup
from rich.text import Text

from myna.cli.engine_lines import show_engine
from myna.cli.terminal import PersonaName, Private, Setting, complain, notes, overrides, with_service
from myna.cli.tool_lines import show_tool
from myna.cli.typed_lines import Typed, open_standard_input
from myna.core.commands import AllowTool, Interrupt, SendText
from myna.core.emotion import Emotions, name_in
from myna.core.errors import Closed, MynaError, UnknownName
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Event,
    Failed,
    Interrupted,
    ModelLoads,
    ReplyText,
    ToolEnded,
    ToolStarted,
    TurnEnded,
)
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.core.tools import ToolCall
from myna.personas.model import Persona
from myna.server.reading_ahead import reading_ahead
from myna.server.service import Service
from myna.session.options import SessionEngines
from myna.session.session import Session, open_session
from myna.text.backchannels import is_consent
from myna.text.reply import Display, EmotionChange, ReplyParser

HELP = "/persona NAME starts a fresh conversation with somebody else, /quit ends; Ctrl-C stops a reply."
YES = {"y", "yes"}


def chat(persona: PersonaName = None, private: Private = False, settings: Setting = None) -> None:
    """Chat in the terminal, streaming."""

    async def work(service: Service) -> None:
        notes.print(Text(HELP, style="dim"))
        async with open_standard_input() as typed:
            await converse(service, service.persona(persona), typed, private=private)

    with_service(overrides(settings), ("llm", "embed"), work, keeps=not private)


async def converse(service: Service, persona: Persona, typed: Typed, *, private: bool = False) -> None:
    """One conversation after another, until the user is done."""
    speaker: Persona | None = persona
    while speaker is not None:
        conversation = Conversation(new_conversation_id(), speaker.id, private=private)
        speaker = await _converse(service, speaker, conversation, typed)


async def _converse(service: Service, persona: Persona, conversation: Conversation, typed: Typed) -> Persona | None:
    """One conversation; the persona that the next is with, or None when the user is done."""
    engines = SessionEngines(service.engines.llm)
    options = service.session_options(persona)
    preferences = replace(options.preferences, allows_tools=typed.asks)
    options = replace(options, preferences=preferences, memory=service.memory_of(conversation, persona))
    _greet(persona, options.emotions)
    async with (
        reading_ahead(service, persona),
        open_session(conversation, persona, engines, service.store_of(conversation), options) as session,
    ):
        while (line := await _read(typed)) is not None:
            word, _, rest = line.strip().partition(" ")
            if word in ("/quit", "/exit"):
                return None
            if word == "/persona":
                try:
                    return service.persona(rest.strip())
                except UnknownName as error:
                    complain(error)
            elif word.startswith("/"):
                notes.print(Text(HELP, style="dim"))
            elif word:
                await _turn(session, persona, line, typed)
    return None


async def _turn(session: Session, persona: Persona, line: str, typed: Typed) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_interrupt_on_ctrl_c, session)
        reply, questions = _Reply(persona), _Questions(session, typed, group)
        await session.send(SendText(line))
        async for event in session:
            questions.take(event)
            reply.show(event)
            if isinstance(event, TurnEnded):
                break
        group.cancel_scope.cancel()


async def _interrupt_on_ctrl_c(session: Session) -> None:
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            await session.send(Interrupt())


async def _read(typed: Typed) -> str | None:
    """The next line the user types; None at the end of input."""
    if typed.asks:
        notes.print("You: ", style="bold", end="")
    return await typed.next()


class _Reply:
    """Shows a reply as it comes."""

    def __init__(self, persona: Persona) -> None:
        self._persona = persona
        self._within_line = False

    def show(self, event: Event) -> None:
        match event:
            case EmotionChanged(emotion=emotion):
                _name(self._persona, emotion)
                self._within_line = True
            case ReplyText(text=text):
                typer.echo(text, nl=False)
                self._within_line = True
            case ToolStarted() | ToolEnded():
                self._end_line()
                show_tool(event)
            case ModelLoads() | EngineFailedOver():
                self._end_line()
                show_engine(event)
            case Interrupted():
                notes.print(Text(" …", style="dim"), end="")
            case Failed(message=message, hint=hint):
                complain(MynaError(message, hint=hint))
            case TurnEnded(reply=reply):
                typer.echo(nl=reply is not None)
            case _:
                pass

    def _end_line(self) -> None:
        if self._within_line:
            notes.print()
        self._within_line = False


class _Questions:
    """Asks the user about tools that may only run if he agrees, one after the other."""

    def __init__(self, session: Session, typed: Typed, tasks: TaskGroup) -> None:
        self._session = session
        self._typed = typed
        self._tasks = tasks
        self._open: dict[str, anyio.CancelScope] = {}
        self._asked = ""
        self._one_at_a_time = anyio.Lock()

    def take(self, event: Event) -> None:
        """Ask what an event asks for; what is over is no question any more."""
        match event:
            case ToolStarted(call=call, asks=True):
                self._open[call.id] = anyio.CancelScope()
                self._tasks.start_soon(self._ask, call, self._open[call.id])
            case ToolEnded(call_id=call_id) if call_id in self._open:  # it was given up
                self._open.pop(call_id).cancel()
                if call_id == self._asked:
                    notes.print()
            case _:
                pass

    async def _ask(self, call: ToolCall, scope: anyio.CancelScope) -> None:
        with scope:
            async with self._one_at_a_time:
                self._asked = call.id
                notes.print(Text(f"  May {call.name} run? [y/N] ", style="bold"), end="")
                said = (await self._typed.next() or "").strip()
                self._open.pop(call.id, None)
                with suppress(Closed):
                    await self._session.send(AllowTool(call.id, said.lower() in YES or is_consent(said)))


def _greet(persona: Persona, emotions: Emotions) -> None:
    parser = ReplyParser(emotions)
    for item in (*parser.feed(persona.greeting), *parser.finish()):
        if isinstance(item, EmotionChange):
            _name(persona, item.emotion)
        elif isinstance(item, Display):
            typer.echo(item.text, nl=False)
    typer.echo()


def _name(persona: Persona, emotion: str | None = None) -> None:
    shown = f" ({name_in(emotion, persona.language)})" if emotion else ""
    notes.print(Text(f"{persona.avatar} {persona.name}{shown}: ", style="bold"), end="")
