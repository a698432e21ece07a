"""Emotion tags are taken out of the reply and become emotions.

What is a tag:

- ``[开心]``: an allowed emotion or an alias of one in brackets, ``[]``, ``【】`` or ``［］``, spaces and case ignored,
  also as ``[face:joy]`` and ``[emotion: joy]``. Brackets around anything else are ordinary text.
- ``<|ACT {"emotion":{"name":"happy","intensity":1},"motion":…}|>`` and ``<|DELAY 1|>``, as airi's cards teach models.
  They are markup whatever stands in them, so one with an unknown emotion is taken out too, and changes nothing.
- An emoji that begins the reply, where no tag came before it, is read as an emotion (as XiaoZhi does), and stays where
  it is: it is the reply's own text.

"No valid tag within the first 20 characters" costs no waiting here. The only text that waits is what may still become a
tag, so a reply that begins with anything else has the default emotion from its first character on and is given on at
once. A tag that comes later, before or after the 20th character, changes the emotion from there on.

White space after a tag goes with it where it would be a gap: where the text before the tag is empty, ends in white
space itself or in Chinese. A line break goes only after another one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from myna.core.emotion import TWINS, Emotions, fold_name
from myna.text.characters import needs_no_space_after

LONGEST_CONTROL = 300
"""So long may an ``<|ACT …|>`` be, in characters; a longer one is ordinary text."""

_SPARE = 8  # for brackets, and spaces inside them
_LABELS = ("", "face:", "emotion:", "情绪:")

_OPENING = re.compile(r"[\[【［<]")
_BRACKETED = re.compile(r"[\[【［]([^\[\]【】［］\n]*)([\]】］]|\Z)")
_CONTROL = re.compile(r"<\|(?:ACT|DELAY)(?!\w).*?\|>", re.DOTALL)
_CONTROL_BEGUN = re.compile(r"<\|(?:ACT|DELAY)(?!\w)")
_CONTROL_NAMES = ("<|ACT", "<|DELAY")
_CONTROL_EMOTION = re.compile(r'"emotion"\s*:\s*(?:\{[^{}]*?"name"\s*:\s*)?"([^"]*)"')

_NOTHING = re.compile("")
_BLANKS = re.compile(r"[^\S\n]*")
_WHITE_SPACE = re.compile(r"\s*")

EMOJI: Mapping[str, str] = {
    emoji: emotion
    for emotion, many in {
        "开心": "😀😃😄😁😆😅🤣😂🙂😊😇😍🤩😎🥳😜😝😛🤪😋😉😺😸😹🎉❤👍☺🤗🤤🥰",
        "生气": "😠😡🤬😤👿😾💢🙄😒",
        "悲伤": "😢😭😞😔😟🙁☹😿💔😥😓😩😫😣😖",
        "惊讶": "😲😱😮😯😦😧😳🤯😨🙀",
        "撒娇": "😘😗😙😚🥺😏😽😻💕",
        "平静": "😐😑😶😌🤔😴🧘😕",
    }.items()
    for emoji in many
}
"""What an emoji at the beginning of a reply means: its first code point to the Chinese name of a default emotion."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Text that is taken out of the reply: a tag, or the white space that goes with one.

    Attributes:
        raw: What the model wrote; empty where an emotion is read from text that stays.
        emotion: What the reply goes on with, or None for no change.
    """

    raw: str
    emotion: str | None = None


class EmotionTags:
    """Takes emotion tags out of a reply, in whatever pieces it comes.

    Back come, in order, strings (text to show) and tags. The rules are in the module's docstring. Held back is only
    what may become a tag: at most `LONGEST_CONTROL` characters, and far less of a bracket.
    """

    def __init__(self, emotions: Emotions) -> None:
        self._emotions = emotions
        self._beginnings, self._longest = _beginnings((*emotions.allowed, *emotions.aliases))
        self._held = ""
        self._before = ""  # the last character that was shown
        self._tagged = False
        self._swallowed = _WHITE_SPACE  # white space that goes with the tag before it, or with the reply's beginning

    def feed(self, piece: str) -> list[str | Tag]:
        """What is now known of the reply."""
        return self._read(self._held + piece, whole=False)

    def finish(self) -> list[str | Tag]:
        """The reply has ended: what was held back is ordinary text after all."""
        return self._read(self._held, whole=True)

    def _read(self, text: str, *, whole: bool) -> list[str | Tag]:
        items: list[str | Tag] = []
        place = 0
        while place < len(text):
            if (end := _end(self._swallowed, text, place)) > place:
                items.append(Tag(text[place:end]))
            elif (end := _next_opening(text, place)) > place:
                items += self._show(text[place:end])
            elif (end := self._tag_end(text, place)) > place:
                items.append(Tag(text[place:end], self._meaning(text[place:end])))
                self._after_tag()
            elif not whole and self._may_become_tag(text, place):
                break
            else:
                end = place + 1
                items += self._show(text[place:end])
            place = end
        self._held = text[place:]
        return items

    def _show(self, text: str) -> list[str | Tag]:
        emotion = self._emotion_of(text[0]) if not self._before and not self._tagged else None
        self._before = text[-1]
        self._swallowed = _NOTHING
        return [Tag("", emotion), text] if emotion else [text]

    def _after_tag(self) -> None:
        self._tagged = True
        if self._before in {"", "\n"}:
            self._swallowed = _WHITE_SPACE
        elif self._before.isspace() or needs_no_space_after(self._before):
            self._swallowed = _BLANKS

    def _tag_end(self, text: str, place: int) -> int:
        """Where the tag that begins at ``place`` ends; ``place`` if there is none, or not yet."""
        if control := _CONTROL.match(text[place : place + LONGEST_CONTROL]):
            return place + control.end()
        bracket = _BRACKETED.match(text, place)
        if bracket and bracket[2] and len(bracket[0]) <= self._longest and self._meaning(bracket[0]):
            return bracket.end()
        return place

    def _may_become_tag(self, text: str, place: int) -> bool:
        length = len(text) - place
        if length < LONGEST_CONTROL and (
            _CONTROL_BEGUN.match(text, place) or any(name.startswith(text[place:]) for name in _CONTROL_NAMES)
        ):
            return True
        bracket = _BRACKETED.match(text, place) if length < self._longest else None
        return bool(bracket and not bracket[2] and _fold(bracket[1]) in self._beginnings)

    def _meaning(self, tag: str) -> str | None:
        if tag.startswith("<"):
            name = _CONTROL_EMOTION.search(tag)
            return self._emotions.find(name[1]) if name else None
        name = _fold(tag[1:-1])
        label = next((label for label in _LABELS[1:] if name.startswith(label)), "")
        return self._emotions.find(name.removeprefix(label)) if name else None

    def _emotion_of(self, character: str) -> str | None:
        if (chinese := EMOJI.get(character)) is None:
            return None
        names = [chinese, TWINS[chinese]]
        if self._emotions.default in TWINS.values():
            names.reverse()
        return next(filter(None, map(self._emotions.find, names)), None)


def _fold(name: str) -> str:
    return fold_name(name).replace("：", ":")


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return match.end() if match else place


def _next_opening(text: str, place: int) -> int:
    opening = _OPENING.search(text, place)
    return opening.start() if opening else len(text)


@lru_cache
def _beginnings(emotions: tuple[str, ...]) -> tuple[frozenset[str], int]:
    """All that a bracket may hold while it may become a tag of one of these, and how long that may be."""
    names = [label + fold_name(name) for label in _LABELS for name in emotions]
    longest = max(map(len, names), default=0) + _SPARE
    return frozenset(name[:end] for name in names for end in range(len(name) + 1)), longest
