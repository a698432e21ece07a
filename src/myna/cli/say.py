"""``myna say``: text into a WAV file."""

import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from myna.cli.terminal import PersonaName, Setting, notes, overrides, with_service
from myna.core.emotion import known_names
from myna.core.errors import BadInput, UnknownName
from myna.core.reply import Segment
from myna.engines.base import VoiceStyle
from myna.engines.samples import check_writable, to_pcm16, write_wav
from myna.server.service import Service
from myna.session.speak import speak
from myna.text.reply import ReplyParser


def say(
    text: Annotated[str, typer.Argument(help="What to say; - reads it from standard input.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the speech goes, as WAV.")],
    emotion: Annotated[str | None, typer.Option("--emotion", "-e", help="开心, Sad …; or a tag in the text.")] = None,
    persona: PersonaName = None,
    voice: Annotated[str | None, typer.Option(help="A voice instead of the persona's.")] = None,
    settings: Setting = None,
) -> None:
    """Speak a text with a persona's voice and an emotion."""
    check_writable(out)
    text = sys.stdin.read() if text == "-" else text

    async def work(service: Service) -> None:
        speaker = service.persona(persona)
        emotions = speaker.emotions_spoken(service.settings.session.emotions())
        if emotion:
            if (known := emotions.find(emotion)) is None:
                raise UnknownName(f"There is no emotion {emotion}.", hint=f"There is: {known_names(emotions.allowed)}")
            emotions = replace(emotions, default=known)

        def style_of(name: str) -> VoiceStyle:
            style = speaker.style_for(name)
            return replace(style, voice=voice) if voice else style

        parser = ReplyParser(emotions)
        segments = [item for item in (*parser.feed(text), *parser.finish()) if isinstance(item, Segment)]
        tts, limits, pcm = service.engines.tts, service.settings.session.limits(), bytearray()
        for segment in segments:
            async with aclosing(speak(tts, segment, style_of, limits)) as pieces:
                async for piece in pieces:
                    pcm += to_pcm16(piece.samples)
        if not pcm:
            raise BadInput("There is nothing in the text that can be spoken.", hint="Give it words.")
        write_wav(out, bytes(pcm), tts.info.sample_rate)
        notes.print(f"{len(pcm) / 2 / tts.info.sample_rate:.1f} s of speech in {out}")

    with_service(overrides(settings), ("tts",), work)
