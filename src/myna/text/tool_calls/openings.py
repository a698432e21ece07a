"""How the beginning of a call is recognised while it still arrives.

An opening is put together of parts. A part looks at ``text`` from ``place`` on and says where it ends, that it is not
there (`NO`), or that this depends on what comes next (`MORE`; `CUT` where so much of a call is there already that its
end here means a call cut off). What a part has once decided stays so however the text goes on: cuts between pieces
cannot matter. Alternatives are tried in order, and none is tried again.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import TypeAlias

NO, MORE, CUT = -1, -2, -3

Part: TypeAlias = Callable[[str, int], int]

MOST_BLANKS = 64
"""So much white space may stand in one place of an opening."""

_BLANKS = re.compile(rf"\s{{0,{MOST_BLANKS}}}")


@lru_cache(maxsize=512)
def word(*words: str) -> Part:
    """One of these, as they are written; longer ones are tried first."""
    whole = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)")
    beginnings = {each[:end] for each in words for end in range(len(each))}
    longest = max(map(len, words), default=0)

    def match(text: str, place: int) -> int:
        if len(text) - place < longest and text[place:] in beginnings:
            return MORE
        found = whole.match(text, place)
        return found.end() if found else NO

    return match


def blanks(text: str, place: int) -> int:
    """White space, or none. Something has to follow it: alone it cannot know whether there will be more."""
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def follow(*parts: Part) -> Part:
    """All of them, one after another. Past `sure`, an end of the text is a call cut off."""

    def match(text: str, place: int) -> int:
        more = MORE
        for part in parts:
            if part is sure:
                more = CUT
                continue
            end = part(text, place)
            if end < 0:
                return more if end == MORE else end
            place = end
        return place

    return match


def sure(_text: str, place: int) -> int:
    """Within `follow`: what has come so far can be nothing but a call, if the text ends here."""
    return place


def either(*parts: Part) -> Part:
    """The first of them that is there."""

    def match(text: str, place: int) -> int:
        for part in parts:
            if (end := part(text, place)) != NO:
                return end
        return NO

    return match


def maybe(part: Part) -> Part:
    """It, or nothing."""

    def match(text: str, place: int) -> int:
        end = part(text, place)
        return place if end == NO else end

    return match


def some(characters: Callable[[str], bool], most: int) -> Part:
    """One to ``most`` of these characters, as many as there are."""

    def match(text: str, place: int) -> int:
        end = place
        while end < len(text) and end - place < most and characters(text[end]):
            end += 1
        if end == len(text) and end - place < most:
            return MORE
        return end if end > place else NO

    return match


def unless(part: Part) -> Part:
    """Nothing, where ``part`` is not."""

    def match(text: str, place: int) -> int:
        end = part(text, place)
        return place if end == NO else end if end < 0 else NO

    return match


def quoted(words: Collection[str]) -> Part:
    """One of these words in quotation marks, double or single."""
    return word(*[mark + each + mark for each in words for mark in "\"'"])


def _in_name(character: str) -> bool:
    return character.isalnum() or character in "_-./"


identifier = some(_in_name, 128)
"""A tool's name, of an offered tool or of another."""
