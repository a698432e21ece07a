"""A scripted TTS."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from myna.core.errors import MynaError, UnknownName
from myna.engines.base import Speech, SpeechMark, TTSInfo, Voice, VoiceStyle
from myna.testing.llm import Pause

MS_PER_CHARACTER = 60

Step: TypeAlias = Pause | MynaError
"""What a synthesis does before it gives its audio: take its time, or fail."""


@dataclass(frozen=True, slots=True)
class ScriptedSpeech:
    """A text that was to be spoken, and how."""

    text: str
    style: VoiceStyle
    urgent: bool = False


class ScriptedTTS:
    """Speaks every letter and digit as 60 ms of a tone, each with a mark.

    Before each synthesis it plays the next script, and the last one from then on. Waits by the event loop's clock, so a
    virtual clock makes them short.

    ::

        tts = ScriptedTTS([Pause(0.2)], [EngineUnavailable("No voice.")], voices=("zf_xiaobei",))

    Attributes:
        calls: What was spoken, in order.
    """

    def __init__(self, *scripts: Sequence[Step], voices: Sequence[str] = ()) -> None:
        self._scripts = scripts or ((),)
        self._voices = tuple(voices)
        self.calls: list[ScriptedSpeech] = []

    @property
    def info(self) -> TTSInfo:
        """A model of that name; without ``voices`` it takes any."""
        voices = tuple(Voice(name, ("en", "zh"), "other") for name in self._voices)
        return TTSInfo("scripted", 24_000, frozenset({"en", "zh"}), voices, marks=True)

    async def synthesize(
        self, text: str, style: VoiceStyle, *, language: str | None = None, urgent: bool = False
    ) -> AsyncGenerator[Speech]:
        """Play the next synthesis; ``language`` and ``urgent`` make no difference."""
        wanted = [style.voice] if isinstance(style.voice, str) else [*style.voice]
        if unknown := [name for name in wanted if self._voices and name not in self._voices]:
            raise UnknownName(f"There is no voice {unknown[0]}.", hint=f"There is: {', '.join(self._voices)}")
        script = self._scripts[min(len(self.calls), len(self._scripts) - 1)]
        self.calls.append(ScriptedSpeech(text, style, urgent))
        for step in script:
            match step:
                case Pause():
                    await step.wait()
                case MynaError():
                    raise step
        said_ms = 0.0
        for place, character in enumerate(text):
            if character.isalnum():
                length_ms = MS_PER_CHARACTER / style.speed
                said_ms += length_ms
                tone = (np.sin(2 * np.pi * 440 * np.arange(round(length_ms * 24)) / 24_000) / 2).astype(np.float32)
                yield Speech(tone, (SpeechMark(place + 1, said_ms),))
