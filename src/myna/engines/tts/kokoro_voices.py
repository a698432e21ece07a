"""Kokoro's voices: files ``NAME.bin``, float32, 510 style vectors of 256; a text of n phonemes takes the nth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from myna.core.errors import BadInput, UnknownName, WeightsDamaged, WeightsMissing
from myna.engines.base import Samples, Voice

STYLES, WIDTH = 510, 256
TIMBRE = 128
"""The first half of a style goes to the decoder: timbre. The second makes durations and melody."""

SHORTEST_RHYTHM = 110
"""In phonemes. The rhythm of a short text has the voice hurry, and swallow what a clause cannot spare. The timbre stays
that of its length: with both of a longer text, a short one ends in a syllable that nobody wrote."""

_LANGUAGES: Mapping[str, str] = {
    "a": "en",
    "b": "en",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt",
    "z": "zh",
}
_GENDERS: Mapping[str, Literal["female", "male"]] = {"f": "female", "m": "male"}


@dataclass(frozen=True, slots=True)
class KokoroVoices:
    """The style vectors of each voice, shape ``(510, 256)``. Made by `open_voices`."""

    styles: Mapping[str, Samples]

    def voices(self) -> tuple[Voice, ...]:
        """What the names tell: ``zf_xiaobei`` learned from Chinese (z) and is female (f)."""
        return tuple(
            Voice(
                name,
                (_LANGUAGES[name[0]],) if name[:1] in _LANGUAGES else (),
                _GENDERS.get(name[1:2], "other"),
            )
            for name in self.styles
        )

    def weights(self, voice: str | Mapping[str, float]) -> Mapping[str, float]:
        """A voice, or the voices of a blend, with weights whose sum is 1.

        Raises:
            UnknownName: No such voice.
            BadInput: No voice at all, or a weight that is not above 0.
        """
        blend = {voice: 1.0} if isinstance(voice, str) else dict(voice)
        known = f"There is: {', '.join(self.styles)}."
        if not blend:
            raise BadInput("The blend has no voice.", hint=known)
        for name, weight in blend.items():
            if name not in self.styles:
                raise UnknownName(f"Kokoro has no voice {name!r}.", hint=known)
            if not 0 < weight < float("inf"):
                raise BadInput(
                    f"The voice {name} has a weight of {weight:g} in the blend.", hint="Give it one above 0."
                )
        total = sum(blend.values())
        return {name: weight / total for name, weight in blend.items()}

    def style(self, weights: Mapping[str, float], phonemes: int) -> Samples:
        """The style vector, shape ``(1, 256)``, of a blend for so many phonemes, 1 to 510.

        Its rhythm and melody are those of `SHORTEST_RHYTHM` phonemes at least.
        """
        rows = [phonemes - 1, max(phonemes, SHORTEST_RHYTHM) - 1]
        blended = np.stack([np.float32(weight) * self.styles[name][rows] for name, weight in weights.items()]).sum(
            axis=0
        )
        return np.concatenate((blended[:1, :TIMBRE], blended[1:, TIMBRE:]), axis=1)


def is_chinese(name: str) -> bool:
    """Whether a voice learned from Chinese only."""
    return name.startswith("z")


def open_voices(folder: Path) -> KokoroVoices:
    """Load all voices of a folder, half a megabyte each. Blocks.

    Raises:
        WeightsMissing: There are none.
        WeightsDamaged: One has another size than a voice has.
    """
    styles: dict[str, Samples] = {}
    for file in sorted(folder.glob("*.bin")):
        values = np.fromfile(file, np.float32)
        if len(values) != STYLES * WIDTH:
            raise WeightsDamaged(
                f"{file} is no voice of Kokoro.", hint="`myna models verify` says what is wrong with it."
            )
        styles[file.stem] = values.reshape(STYLES, WIDTH)
    if not styles:
        raise WeightsMissing(f"There are no voices in {folder}.", hint="It takes files NAME.bin; see docs/models.md.")
    return KokoroVoices(styles)
