"""Example dialogues of cards: blocks after ``<START>``, lines that begin with who speaks."""

import re
from dataclasses import dataclass

from myna.personas.cards.macros import ORIGINAL, Names

_START = re.compile(r"(?i)<START>")
_SPEAKER = re.compile(
    r"(?im)^[ \t]*(?:\{\{(user|char)\}\}|<(user|bot|char)>|([^\s:：{}<>][^\n:：{}<>]{0,60}))[ \t]*[:：][ \t]*"
)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What examples show: what was said with its answer, and what the character says by itself."""

    pairs: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()


def read_dialogue(text: str, names: Names) -> Dialogue:
    """The examples in ``text``. What belongs to nobody is left out."""
    pairs: list[tuple[str, str]] = []
    alone: list[str] = []
    for block in _START.split(text):
        asked = ""
        for speaker, said in _spoken(block, names):
            if speaker == "user":
                asked = f"{asked}\n{said}".strip()
            elif asked:
                pairs.append((asked, said))
                asked = ""
            else:
                alone.append(said)
    return Dialogue(tuple(pairs), tuple(alone))


def _spoken(block: str, names: Names) -> list[tuple[str, str]]:
    """Who says what in a block, in turn. A name that is neither's is a part of what is said."""
    marks = [(found, who) for found in _SPEAKER.finditer(block) if (who := _who(found, names)) is not None]
    ends = [*(found.start() for found, _ in marks[1:]), len(block)][: len(marks)]
    told: list[tuple[str, str]] = []
    for (found, who), end in zip(marks, ends, strict=True):
        said = names.fill(block[found.end() : end]).replace(ORIGINAL, "").strip()
        if said:
            told.append((who, said))
    return told


def _who(found: re.Match[str], names: Names) -> str | None:
    macro = found[1] or found[2]
    if macro:
        return "user" if macro.lower() == "user" else "char"
    name = found[3].strip().casefold()
    if name in (names.char.casefold(), names.whole.casefold()):
        return "char"
    return "user" if name in (names.user.casefold(), "user", "you", "用户") else None
