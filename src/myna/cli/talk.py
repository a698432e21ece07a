"""``myna talk``: a conversation through this machine's microphone and loudspeaker."""

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
import typer
from rich.cells import cell_len
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from myna.cli.engine_lines import show_engine
from myna.cli.terminal import SPARED, PersonaName, Prepared, Private, Setting, complain, notes, overrides, prepare
from myna.cli.tool_lines import show_tool
from myna.core.commands import Say, SendText
from myna.core.emotion import name_in
from myna.core.errors import MynaError
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Event,
    Failed,
    Interrupted,
    ModelLoads,
    ReplyText,
    SpeechStarted,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnded,
)
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.engines.plugins import Kind
from myna.engines.task_group import open_task_group
from myna.local.devices import DuplexDevice, find_sound_system, open_device
from myna.local.remote import RemoteSession, open_remote
from myna.local.talk import Talkable
from myna.local.talk import talk as talk_through
from myna.server.live import session_engines
from myna.server.reading_ahead import reading_ahead
from myna.session.session import open_session

KINDS: tuple[Kind, ...] = ("llm", "asr", "tts", "vad", "turn", "embed")
HELP = "Speak, or type a line. Speak over a reply to stop it. Ctrl-C ends."


@dataclass(frozen=True, slots=True)
class _Devices:
    """What to hear and to play with. None is the default one."""

    microphone: str | None
    loudspeaker: str | None
    remove_echo: bool


def talk(  # noqa: PLR0913, PLR0917 - all that can be chosen
    persona: PersonaName = None,
    microphone: Annotated[
        str | None, typer.Option("--input", metavar="DEVICE", help="The microphone: its name, or a part of it.")
    ] = None,
    loudspeaker: Annotated[
        str | None, typer.Option("--output", metavar="DEVICE", help="The loudspeaker, likewise.")
    ] = None,
    list_devices: Annotated[bool, typer.Option("--list-devices", help="List the devices, and end.")] = False,
    echo_cancellation: Annotated[
        bool, typer.Option(help="Take the loudspeaker out of what the microphone hears; headphones need none of it.")
    ] = True,
    url: Annotated[
        str | None, typer.Option(help="A Myna server that does the work, such as ws://192.168.1.5:8765.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The API key for that server.")] = None,
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The authority of that server's certificate: its own myna-ca.crt."),
    ] = None,
    private: Private = False,
    settings: Setting = None,
) -> None:
    """Talk through the microphone and the loudspeaker; speak over a reply to stop it. Ctrl-C ends."""
    if list_devices:
        for device in anyio.run(find_sound_system).devices:
            typer.echo(f"{device.kind:12} {device.name}")
        return
    devices = _Devices(microphone, loudspeaker, echo_cancellation)
    try:
        if url:
            there = partial(open_remote, url, persona=persona, key=key, private=private, authority=ca)
            anyio.run(_talk_there, devices, there)
        else:
            anyio.run(_talk_here, devices, prepare(overrides(settings), KINDS), persona, private)
    except* KeyboardInterrupt:  # the way to end it, so no failure
        typer.echo()


async def _talk_here(devices: _Devices, prepared: Prepared, persona_name: str | None, private: bool) -> None:
    # The devices first: what is wrong with them is told before the models are loaded.
    async with (
        open_device(devices.microphone, devices.loudspeaker) as device,
        prepared.open(keeps=not private) as service,
    ):
        persona = service.persona(persona_name)
        with notes.status("Loading …"):
            await service.engines.settled(may_fail=SPARED)
        conversation = Conversation(new_conversation_id(), persona.id, private=private)
        store, options = service.store_of(conversation), service.live_options(persona)
        preferences = replace(options.preferences, pauses_playback=True)
        options = replace(options, preferences=preferences, memory=service.memory_of(conversation, persona))
        async with (
            reading_ahead(service, persona),
            open_session(conversation, persona, session_engines(service.engines), store, options) as session,
        ):
            if persona.greeting.strip():
                await session.send(Say(persona.greeting))  # the echo canceller learns the room from it, too
            screen = Screen(f"{persona.avatar} {persona.name}", persona.language)
            await _converse(session, device, screen, remove_echo=devices.remove_echo)


async def _talk_there(
    devices: _Devices, open_session_there: Callable[[], AbstractAsyncContextManager[RemoteSession]]
) -> None:
    async with (
        open_device(devices.microphone, devices.loudspeaker) as device,
        open_session_there() as session,
    ):
        await _converse(session, device, Screen(session.answers), remove_echo=devices.remove_echo)


async def _converse(session: Talkable, device: DuplexDevice, screen: "Screen", *, remove_echo: bool) -> None:
    notes.print(Text(HELP, style="dim"))
    async with open_task_group() as tasks:
        if sys.stdin.isatty():
            tasks.start_soon(_send_typed, session)
        await talk_through(session, device, screen.show, screen.warn, remove_echo=remove_echo)
        tasks.cancel_scope.cancel()


async def _send_typed(session: Talkable) -> None:
    while line := await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
        if line.strip():
            await session.send(SendText(line.strip()))


class Screen:
    """Shows what happens. Partial transcripts are shown where they can be taken back, which is on a terminal.

    Args:
        who_answers: What to call them.
        language: In which emotions are named; without it they are called as they come.
    """

    def __init__(self, who_answers: str, language: str | None = None) -> None:
        self._who_answers = who_answers
        self._language = language
        self._partial = False
        self._replying = False
        self._within_line = False

    def show(self, event: Event) -> None:
        """Show an event."""
        match event:
            case SpeechStarted():
                self._show_partial("")
            case TranscriptPartial(text=text):
                self._show_partial(text)
            case TranscriptFinal(text=text):
                self._clear()
                if text:
                    notes.print("You: ", style="bold", end="")
                    typer.echo(text)
            case Failed(message=message, hint=hint):
                self._clear()
                complain(MynaError(message, hint=hint))
            case _:
                self._show_reply(event)

    def warn(self, what: str) -> None:
        """Show what the user should see to."""
        self._clear()
        if self._replying:
            typer.echo()
        notes.print(Text(what, style="yellow"))

    def _show_reply(self, event: Event) -> None:
        match event:
            case EmotionChanged(emotion=emotion):
                self._name(name_in(emotion, self._language) if self._language else emotion)
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
            case TurnEnded():
                self._clear()
                if self._replying:
                    typer.echo()
                    self._replying = self._within_line = False
            case _:
                pass

    def _end_line(self) -> None:
        self._clear()
        if self._within_line:
            notes.print()
        self._within_line = False

    def _name(self, emotion: str) -> None:
        if self._replying:  # the emotion has changed within the reply
            typer.echo()
        notes.print(Text(f"{self._who_answers} ({emotion}): ", style="bold"), end="")
        self._replying = self._within_line = True

    def _show_partial(self, text: str) -> None:
        if not notes.is_terminal:
            return
        self._clear()
        notes.print(Text(f"You: {_end_of(text, notes.width - 10)} …", style="dim"), end="")
        self._partial = True

    def _clear(self) -> None:
        if self._partial:
            notes.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
            self._partial = False


def _end_of(text: str, room: int) -> str:
    """As much of the end of ``text`` as fits into so many columns; Chinese characters take two."""
    end = text[-max(room, 1) :]
    while cell_len(end) > room:
        end = end[1:]
    return end
