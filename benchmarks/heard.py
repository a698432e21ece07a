"""Which of a reply's words were really played: told by an ASR from the whole audio, not by what Myna itself reckons."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from benchmarks.words import tokens

from myna.engines.base import Transcript


@dataclass(frozen=True, slots=True)
class Spoken:
    """A reply, and when each of its words, in Chinese characters, ends in its audio.

    Attributes:
        ends_ms: Of each word; never falls.
    """

    words: Sequence[str]
    ends_ms: Sequence[float]
    language: str

    def played(self, played_ms: float) -> int:
        """How many words had ended by then."""
        return bisect_right(self.ends_ms, played_ms)

    def error(self, heard: str, played_ms: float) -> int:
        """How many words ``heard`` has too many; too few are negative."""
        return len(tokens(heard, self.language)) - self.played(played_ms)


def spoken(reply: str, transcript: Transcript, language: str) -> Spoken:
    """Put a transcript with word times beside the reply that it is of.

    What the ASR heard otherwise gets its time from what stands around it, evenly. What is behind the last word that it
    heard never ends, as the audio may break off.
    """
    words = tokens(reply, language)
    heard: list[str] = []
    ends_ms: list[float] = []
    for segment in transcript.segments:
        for word in segment.words:
            parts = tokens(word.text, language)
            heard += parts
            lasts_s = word.end_s - word.start_s
            ends_ms += [1000 * (word.start_s + lasts_s * (at + 1) / len(parts)) for at in range(len(parts))]
    known = {0: 0.0}
    for block in SequenceMatcher(None, words, heard, autojunk=False).get_matching_blocks():
        known |= {block.a + at + 1: ends_ms[block.b + at] for at in range(block.size)}
    told = np.interp(range(1, len(words) + 1), list(known), list(known.values()), right=np.inf)
    return Spoken(words, list(np.maximum.accumulate(told)), language)
