"""A reply, taken apart as it comes: what the model writes goes in, emotions, display text and segments come out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from myna.core.emotion import Emotions
from myna.core.reply import Segment
from myna.text.characters import needs_no_space_after
from myna.text.emotion_tags import EmotionTags, Tag
from myna.text.segments import Segmenter
from myna.text.thinking import Thinking


@dataclass(frozen=True, slots=True)
class EmotionChange:
    """The reply goes on with this emotion, another one than before."""

    emotion: str


@dataclass(frozen=True, slots=True)
class Display:
    """The next piece of display text, never empty."""

    text: str


ReplyItem: TypeAlias = EmotionChange | Display | Segment


class ReplyParser:
    """Takes a reply apart, in whatever pieces it comes.

    An `EmotionChange` comes before the text that it colours, and one before the first text. A `Segment` comes after the
    text that it holds. However the reply is cut into pieces, the emotions stand at the same places of the display text,
    and the segments are the same.

    Args:
        emotions: What the reply may show.
        starts_thinking: The prompt's template has opened a thinking block.
    """

    def __init__(self, emotions: Emotions, *, starts_thinking: bool = False) -> None:
        self._thinking = Thinking(starts_inside=starts_thinking)
        self._tags = EmotionTags(emotions)
        self._segmenter = Segmenter()
        self._emotion: str | None = None
        self._next_emotion: str | None = None
        self._default = emotions.default
        self._display: list[str] = []
        self._shown = 0
        self._taken: list[tuple[int, str]] = []  # what was taken out, and where in the display text it stood
        self._resumes = False
        self._unclear: list[str] | None = None  # what came since a pause cut a thinking block off: it may go on

    def feed(self, piece: str) -> list[ReplyItem]:
        """What is now known of the reply."""
        text = self._thinking.feed(piece)
        if self._unclear is not None:
            self._unclear.append(piece)
            if not self._thinking.inside:
                self._unclear = None
        return list(self._items(self._tags.feed(text)))

    def finish(self) -> list[ReplyItem]:
        """What is left when the model has ended."""
        return [*self._rest(), *self._segmenter.finish(), *self._change(self._next_emotion)]

    def pause(self) -> list[ReplyItem]:
        """What is left when the model stops to call a tool. What it says then is joined to this, as a new sentence.

        Where it was thinking, it may go on with that: what follows is held until the block is closed, or else is known
        to be no thinking by its end.
        """
        items = self._rest()
        inside = self._thinking.inside
        self._thinking = Thinking(starts_inside=inside)
        self._unclear = [] if inside else None
        self._resumes = True
        return [*items, *self._segmenter.finish()]

    def interpose(self, text: str) -> list[ReplyItem]:
        """Words that are not the model's, said between two of its answers as a sentence of their own."""
        items = [*self._items(self._tags.feed(text)), *self._items(self._tags.finish())]
        self._resumes = True
        return [*items, *self._segmenter.finish()]

    @property
    def display(self) -> str:
        """The display text so far."""
        return "".join(self._display)

    @property
    def raw(self) -> str:
        """What the model wrote so far, without its thinking and with its tags: this goes back to it as history."""
        display = self.display
        return self.raw_of(display) + "".join(taken for place, taken in self._taken if place == len(display))

    def raw_of(self, heard: str) -> str:
        """What the model wrote up to the end of ``heard``, which is a beginning of the display text.

        So history keeps the model's own words, tags included, and its KV cache still fits them.
        """
        raw: list[str] = []
        begin = 0
        for place, taken in self._taken:
            if place >= len(heard):
                break
            raw += heard[begin:place], taken
            begin = place
        return "".join((*raw, heard[begin:]))

    def _rest(self) -> list[ReplyItem]:
        rest = self._thinking.finish()
        if self._unclear:
            self._thinking = Thinking()
            rest = self._thinking.feed("".join(self._unclear)) + self._thinking.finish()
        return [*self._items(self._tags.feed(rest)), *self._items(self._tags.finish())]

    def _items(self, parts: Iterable[str | Tag]) -> Iterator[ReplyItem]:
        for part in parts:
            if isinstance(part, Tag):
                self._taken.append((self._shown, part.raw))
                self._next_emotion = part.emotion or self._next_emotion
            else:
                yield from self._change(self._next_emotion or self._emotion or self._default)
                shown = self._joined(part) if self._resumes else part
                self._display.append(shown)
                self._shown += len(shown)
                yield Display(shown)
                yield from self._segmenter.feed(shown)

    def _joined(self, part: str) -> str:
        self._resumes = False
        before = self._display[-1][-1] if self._display else "\n"
        together = before.isspace() or part[0].isspace() or needs_no_space_after(before)
        return part if together else f" {part}"

    def _change(self, emotion: str | None) -> Iterator[ReplyItem]:
        self._next_emotion = None
        if emotion is not None and emotion != self._emotion:
            self._emotion = emotion
            yield from self._segmenter.turn_to(emotion)
            yield EmotionChange(emotion)
