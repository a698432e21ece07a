"""``{{char}}``, ``{{user}}`` and the other macros of cards.

All of them are filled when the card is read, so that a prompt is the same in every turn: ``{{random:…}}`` chooses by
its own text. What depends on the moment (``{{time}}``) is left as it stands, and so is what nobody knows.
"""

import re
import zlib
from dataclasses import dataclass

ORIGINAL = "{{original}}"
"""Stays: it stands for the prompt that is configured, which a card does not know."""

_MACRO = re.compile(r"\{\{([^{}]*)\}\}")
_TAG = re.compile(r"(?i)<(user|bot|char)>")
_BRACES = re.compile(r"[{}<>]")
_DEEPEST = 5
_CHOICES = re.compile(r"(?<!\\),")
_SIDES = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Names:
    """Who the macros speak of. ``whole`` is the character's name where ``char`` is a nickname."""

    char: str
    user: str
    whole: str = ""

    @classmethod
    def of(cls, char: str, user: str, whole: str = "") -> "Names":
        """The names, without what could make a macro of them: one that holds itself would grow without end."""
        return cls(_BRACES.sub("", char), _BRACES.sub("", user), _BRACES.sub("", whole))

    def fill(self, text: str) -> str:
        """``text`` with its macros filled, those within others first."""
        text = _TAG.sub(lambda found: self.user if found[1].lower() == "user" else self.char, text)
        for _ in range(_DEEPEST):
            filled = _MACRO.sub(self._filled, text)
            if filled == text:
                break
            text = filled
        return text

    def _filled(self, found: re.Match[str]) -> str:
        name, colon, rest = found[1].strip().partition(":")
        name = name.strip()
        if name.startswith("//"):
            return ""
        if not colon:
            plain = {"char": self.char, "bot": self.char, "user": self.user, "original": ORIGINAL, **_PLAIN}
            return plain.get(name.lower(), found[0])
        work = _WITH_TEXT.get(name.lower())
        return work(rest) if work is not None else found[0]


def unfilled(text: str) -> tuple[str, ...]:
    """The macros that `Names.fill` would leave, each once."""
    left = Names("", "").fill(text)
    return tuple(dict.fromkeys(found[0] for found in _MACRO.finditer(left) if found[0] != ORIGINAL))


def _chosen(rest: str) -> str:
    several = rest[1:].split("::") if rest.startswith(":") else _CHOICES.split(rest)
    return several[_number(rest) % len(several)].replace("\\,", ",").strip()


def _rolled(rest: str) -> str:
    sides = rest.strip().lower().removeprefix("1d").removeprefix("d")
    return str(_number(rest) % int(sides) + 1) if _SIDES.fullmatch(sides) else rest


def _number(seed: str) -> int:
    return zlib.crc32(seed.encode(errors="replace"))


def _reversed(rest: str) -> str:
    return rest[::-1]


def _nothing(_: str) -> str:
    return ""


_PLAIN = {"newline": "\n", "trim": "", "noop": ""}
_WITH_TEXT = {
    "random": _chosen,
    "pick": _chosen,
    "roll": _rolled,
    "reverse": _reversed,
    "comment": _nothing,
    "hidden_key": _nothing,
}
