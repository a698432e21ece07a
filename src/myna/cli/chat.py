"""``myna chat``: a conversation in the terminal."""

import signal
import sys

import anyio
import anyio.to_thread
import typer
from rich.text import Text

from myna.cli.terminal import PersonaName, Setting, complain, notes, overrides, with_service
from myna.core.commands import Interrupt, SendText
from myna.core.emotion import Emotions
from myna.core.errors import MynaError, UnknownName
from myna.core.events import EmotionChanged, Failed, Interrupted, ReplyText, TurnEnded
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.personas.model import Persona
from myna.server.reading_ahead import reading_ahead
from myna.server.service import Service
from myna.session.options import SessionEngines
from myna.session.session import Session, open_session
from myna.text.reply import Display, EmotionChange, ReplyParser

HELP = "/persona NAME starts a fresh conversation with somebody else, /quit ends; Ctrl-C stops a reply."


def chat(persona: PersonaName = None, settings: Setting = None) -> None:
    """Chat in the terminal, streaming."""

    async def work(service: Service) -> None:
        speaker: Persona | None = service.persona(persona)
        notes.print(Text(HELP, style="dim"))
        while speaker is not None:
            speaker = await _converse(service, speaker)

    with_service(overrides(settings), ("llm",), work)


async def _converse(service: Service, persona: Persona) -> Persona | None:
    """One conversation; the persona that the next is with, or None when the user is done."""
    conversation = Conversation(new_conversation_id(), persona.id)
    engines = SessionEngines(service.engines.llm)
    options = service.session_options(persona)
    _greet(persona, options.emotions)
    async with (
        reading_ahead(service, persona),
        open_session(conversation, persona, engines, service.store, options) as session,
    ):
        while (line := await _read()) is not None:
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
                await _turn(session, persona, line)
    return None


async def _turn(session: Session, persona: Persona, line: str) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_interrupt_on_ctrl_c, session)
        await session.send(SendText(line))
        async for event in session:
            match event:
                case EmotionChanged(emotion=emotion):
                    _name(persona, emotion)
                case ReplyText(text=text):
                    typer.echo(text, nl=False)
                case Interrupted():
                    notes.print(Text(" …", style="dim"), end="")
                case Failed(message=message, hint=hint):
                    complain(MynaError(message, hint=hint))
                case TurnEnded(reply=reply):
                    typer.echo(nl=reply is not None)
                    break
                case _:
                    pass
        group.cancel_scope.cancel()


async def _interrupt_on_ctrl_c(session: Session) -> None:
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            await session.send(Interrupt())


async def _read() -> str | None:
    """The next line the user types; None at the end of input."""
    if sys.stdin.isatty():
        notes.print("You: ", style="bold", end="")
    line = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    return line or None


def _greet(persona: Persona, emotions: Emotions) -> None:
    parser = ReplyParser(emotions)
    for item in (*parser.feed(persona.greeting), *parser.finish()):
        if isinstance(item, EmotionChange):
            _name(persona, item.emotion)
        elif isinstance(item, Display):
            typer.echo(item.text, nl=False)
    typer.echo()


def _name(persona: Persona, emotion: str | None = None) -> None:
    shown = f" ({emotion})" if emotion else ""
    notes.print(Text(f"{persona.avatar} {persona.name}{shown}: ", style="bold"), end="")
