"""The TTS's part of a turn: segments in, audio out, in order."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from myna.core.reply import Segment
from myna.engines.base import TTS, Speech, VoiceStyle
from myna.session.bounds import Limits, pieces


async def speak(
    tts: TTS, segment: Segment, style_of: Callable[[str], VoiceStyle], limits: Limits, *, first: bool = False
) -> AsyncGenerator[Speech]:
    """Speak one segment with the voice style of its emotion; ``first`` if the user waits for it in silence.

    Raises:
        EngineError: The TTS failed, or did not answer within ``limits``.
    """
    stream = pieces(
        tts.synthesize(segment.speech, style_of(segment.emotion), urgent=first),
        first_s=limits.speak_s,
        idle_s=limits.speak_s,
        total_s=float("inf"),
        what=f"The TTS {tts.info.model}",
    )
    async with aclosing(stream):
        async for speech in stream:
            yield speech
