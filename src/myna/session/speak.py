"""The TTS's part of a turn: segments in, audio out, in order and in time."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeAlias

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from myna.core.errors import EngineTimeout, MynaError
from myna.core.events import ReplyAudio
from myna.core.preferences import Preferences
from myna.core.reply import Segment
from myna.engines.base import TTS, Samples, Speech, VoiceStyle
from myna.engines.samples import fade_in, fade_out, to_pcm16, voiced
from myna.session.bounds import Limits, pieces
from myna.session.turn import Turn

PIECES_AHEAD = 8
"""How far synthesis may be ahead of playback, in what the TTS gives at a time: a clause or less."""

PIECE_MS = 100
"""Audio is sent in pieces of this length, so that a pause comes soon."""

FADE_MS = 10
"""A reply that pauses falls to silence and rises from it so fast; a cut would click."""

SLOWEST, FASTEST = 0.5, 2.0

LONGEST_S, SLOWEST_CHARACTER_S = 10.0, 1.0
"""No segment has more audio than these two make together; a TTS that gives more babbles."""

StyleOf: TypeAlias = Callable[[str], VoiceStyle]

_Ready: TypeAlias = tuple[Segment, Speech | None]
"""A piece of a segment's speech; None behind the last."""


async def speak(
    tts: TTS, segment: Segment, style_of: StyleOf, limits: Limits, *, first: bool = False
) -> AsyncGenerator[Speech]:
    """Speak one segment with the voice style of its emotion; ``first`` if the user waits for it in silence.

    Raises:
        EngineError: The TTS failed, did not answer within ``limits``, or does not come to an end.
    """
    what = f"The TTS {tts.info.model}"
    left = round((LONGEST_S + len(segment.speech) * SLOWEST_CHARACTER_S) * tts.info.sample_rate)
    stream = pieces(
        tts.synthesize(segment.speech, style_of(segment.emotion), urgent=first),
        first_s=limits.speak_s,
        idle_s=limits.speak_s,
        total_s=float("inf"),
        what=what,
    )
    async with aclosing(stream):
        async for speech in stream:
            left -= len(speech.samples)
            if left < 0:
                raise EngineTimeout(f"{what} does not come to an end.", hint="Try again, or use another voice.")
            yield speech


def style_wanted(style_of: StyleOf, preferences: Preferences) -> StyleOf:
    """The persona's styles with the voice and the speed that the client chose."""

    def wanted(emotion: str) -> VoiceStyle:
        style = style_of(emotion)
        speed = min(max(style.speed * preferences.speed, SLOWEST), FASTEST)
        return replace(style, voice=preferences.voice or style.voice, speed=speed)

    return wanted


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how."""

    tts: TTS
    style_of: StyleOf
    limits: Limits

    async def speak(self, turn: Turn, segments: MemoryObjectReceiveStream[Segment]) -> None:
        """Speak the segments as they come, while what is ready is played. When it fails, the words go on without it."""
        send, receive = anyio.create_memory_object_stream[_Ready](PIECES_AHEAD)
        with receive:
            async with anyio.create_task_group() as player:
                player.start_soon(self._play, turn, receive)
                with send:
                    await self._synthesize(turn, segments, send)

    async def _synthesize(
        self,
        turn: Turn,
        segments: MemoryObjectReceiveStream[Segment],
        ready: MemoryObjectSendStream[_Ready],
    ) -> None:
        first = True
        async for segment in segments:
            if turn.failed:
                continue
            try:
                async with aclosing(speak(self.tts, segment, self.style_of, self.limits, first=first)) as stream:
                    async for speech in stream:
                        first = False
                        await ready.send((segment, speech))
                await ready.send((segment, None))
            except MynaError as error:
                await turn.fail(error)

    async def _play(self, turn: Turn, ready: MemoryObjectReceiveStream[_Ready]) -> None:
        await turn.until_sure()
        async for segment, speech in ready:
            if speech is None:
                turn.whole(segment)
            else:
                a_ms = 1000 / self.tts.info.sample_rate
                first, last = voiced(speech.samples)
                turn.ready(segment, len(speech.samples) * a_ms, speech.marks, (first * a_ms, last * a_ms))
                await self._send(turn, segment, speech.samples)

    async def _send(self, turn: Turn, segment: Segment, samples: Samples) -> None:
        """Send samples in time, through pauses too."""
        rate = self.tts.info.sample_rate
        piece, fade = rate * PIECE_MS // 1000, rate * FADE_MS // 1000

        async def send(some: Samples) -> None:
            await turn.play(ReplyAudio(turn.id, segment.index, to_pcm16(some), rate))

        while len(samples):
            if await turn.until_wanted():
                await send(samples[:piece])
                samples = samples[piece:]
                continue
            fades = turn.playback.sent_ms > 0 and not turn.playback.obeys
            if fades:
                await send(fade_out(samples[:fade]))
                samples = samples[fade:]
            await turn.until_resumed()
            if fades:
                samples = np.concatenate([fade_in(samples[:fade]), samples[fade:]])
