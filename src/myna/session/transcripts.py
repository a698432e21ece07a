"""The text of an utterance while it grows: what is settled, and behind it what the last look at the rest made of it."""

from dataclasses import dataclass, field

from myna.core.audio import HEARING_RATE
from myna.core.events import TranscriptPart
from myna.engines.base import Transcript
from myna.session.notes import Utterance
from myna.text.characters import is_cjk, needs_no_space_after


def join(left: str, right: str) -> str:
    """Two pieces of a text: with a space between words, without one where Chinese, Japanese or Korean meets."""
    left, right = left.rstrip(), right.lstrip()
    if not left or not right or needs_no_space_after(left[-1]) or is_cjk(right[0]):
        return left + right
    return f"{left} {right}"


def agreed(before: str, after: str) -> int:
    """How many characters two successive hypotheses begin with in common: whole words, no punctuation at the end.

    "Local agreement" of Liu et al., 2020 (https://arxiv.org/abs/2005.11185): what two in a row say hardly changes.
    """
    same = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        same += 1
    while same and (not after[same - 1].isalnum() or _within_word(before, same) or _within_word(after, same)):
        same -= 1
    return same


def _within_word(text: str, place: int) -> bool:
    return place < len(text) and text[place].isalnum() and not is_cjk(text[place]) and not is_cjk(text[place - 1])


@dataclass(slots=True)
class Draft:
    """What an utterance says so far.

    Attributes:
        settled: The text of the windows that will not be heard again.
        parts: Where they are in all the audio.
        language: Of what is settled, else as was last heard.
        text: All of it: what is settled, and the rest as it was last heard.
        stable: How many characters of ``text`` will hardly change.
    """

    settled: str = ""
    parts: list[TranscriptPart] = field(default_factory=list[TranscriptPart])
    language: str | None = None
    text: str = ""
    stable: int = 0
    _rest: str = ""

    @property
    def settled_language(self) -> str | None:
        """The language, once a window has told it."""
        return self.language if self.parts else None

    def settle(self, transcript: Transcript, first: int, end: int) -> None:
        """The window from sample ``first`` to ``end`` says this for good. `text` follows with the next look."""
        self.language = self.language if self.parts else transcript.language
        self.settled = join(self.settled, transcript.text.strip())
        self.parts += _parts(transcript, first, end)
        self._rest = ""

    def propose(self, transcript: Transcript) -> bool:
        """The rest may say this. Whether `text` is another one now."""
        rest = transcript.text.strip()
        text = join(self.settled, rest)
        if not self.parts:
            self.language = transcript.language
        kept = self.stable if text.startswith(self.text[: self.stable]) else agreed(self.text[: self.stable], text)
        sure = len(text) - len(rest) + agreed(self._rest, rest) if rest else len(text)
        changed = text != self.text
        self.text, self.stable, self._rest = text, max(kept, sure, len(self.settled)), rest
        return changed

    def utterance(self, transcript: Transcript, first: int, end: int) -> Utterance:
        """All of it, if the rest, from sample ``first`` to ``end``, says this."""
        text = join(self.settled, transcript.text.strip())
        language = (self.language if self.parts else transcript.language) if text else None
        return Utterance(text, language, (*self.parts, *_parts(transcript, first, end)))


def _parts(transcript: Transcript, first: int, end: int) -> list[TranscriptPart]:
    if not (text := transcript.text.strip()):
        return []
    if not transcript.segments:
        return [TranscriptPart(text, _ms(first), _ms(end))]
    return [
        TranscriptPart(
            segment.text.strip(),
            _ms(min(first + segment.start_s * HEARING_RATE, end)),
            _ms(min(first + segment.end_s * HEARING_RATE, end)),
        )
        for segment in transcript.segments
    ]


def _ms(sample: float) -> int:
    return round(sample * 1000 / HEARING_RATE)
