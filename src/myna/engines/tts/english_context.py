"""Which of its readings an English word has in its clause: to record a record, a live band where they live.

The dictionary has readings by part of speech. A tagger would be right more often than these few words around, and costs
100 times their time and a model; what is said here is short, so the neighbours tell mostly.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

Reading: TypeAlias = Literal["DEFAULT", "NOUN", "VERB", "ADJ", "VBD", "METAL"]
"""A key of the dictionary; METAL is ours, for lead."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BASE = _words(
    "to will would can could shall should may might must do does did don't doesn't didn't won't can't couldn't "
    "wouldn't shouldn't cannot let let's please i'll you'll he'll she'll we'll they'll it'll"
)
"""After these a verb has its base form, also with a word or two between."""

_SUBJECTS = _words("i you he she it we they who")
_HAVE = _words("have has had haven't hasn't hadn't i've you've we've they've i'd he'd she'd having")
_BE = _words("am is are was were be been being i'm you're he's she's it's we're they're isn't aren't")
_DETERMINERS = _words("a an the this that these those my your his her its our their some any no each every another")
_PREPOSITIONS = _words("of for in on with without from by under into per")
_DEGREES = _words("so too very more most quite as really pretty how")
_OBJECTS = _DETERMINERS - {"no"} | _words("it them me us him all both everything something")
_PAST = _words("yesterday last ago once earlier already before when")
_MADE_OF_LEAD = _words("pipe pipes paint poisoning pencil acid weight weights bullet bullets mine glass shot")
_OF_TEARS = _words("eye eyes cheek cheeks face cry cried")
_OF_FISH = _words("fish fishing lake sea striped largemouth smallmouth caught catch grilled fried fillet fillets")
_TURNED = _words("up down back around through it its")
_PLACES = _words(
    "in near at on with without by here there together alone under through forever longer next across among off"
)


_SIGHT = 12  # words to each side, so that a text without any marks costs no more


class _Clause:
    """The words around one, in small letters; empty beyond the ends."""

    __slots__ = ("_at", "words")

    def __init__(self, words: Sequence[str], at: int) -> None:
        begin = max(0, at - _SIGHT)
        self.words = [word.lower().replace("’", "'") for word in words[begin : at + _SIGHT]]
        self._at = at - begin

    def __getitem__(self, offset: int) -> str:
        place = self._at + offset
        return self.words[place] if 0 <= place < len(self.words) else ""

    def near_before(self, words: frozenset[str]) -> bool:
        """Whether one of ``words`` is among the three before."""
        return not words.isdisjoint(self.words[max(0, self._at - 3) : self._at])


def reading(words: Sequence[str], at: int) -> Reading:
    """The reading of the word ``at`` this place of a clause, as far as its neighbours tell."""
    clause = _Clause(words, at)
    if special := _SPECIAL.get(clause[0]):
        return special(clause)
    return _by_part_of_speech(clause)


def _by_part_of_speech(clause: _Clause) -> Reading:
    before, after = clause[-1], clause[1]
    if before in _BASE or before in _SUBJECTS:
        return "VERB"
    if clause[0].endswith("ate") and before in _DETERMINERS | _BE | _DEGREES:
        return "ADJ" if before not in _DETERMINERS or after else "NOUN"
    if before in _DETERMINERS or before in _PREPOSITIONS:
        return "NOUN"
    if after in _OBJECTS:
        return "VERB"
    if clause[-2] in _DETERMINERS and not before.endswith("s"):
        return "NOUN"
    return "DEFAULT"


def _read(clause: _Clause) -> Reading:
    """Also in the past it is written like that."""
    if clause.near_before(_BASE):
        return "DEFAULT"
    past = clause.near_before(_HAVE) or clause[-1] in _BE or clause[-1] in {"he", "she", "who"}
    return "VBD" if past or not _PAST.isdisjoint(clause.words) else "DEFAULT"


def _lead(clause: _Clause) -> Reading:
    return "METAL" if clause[1] in _MADE_OF_LEAD or (clause[-1] == "of" and not clause[1]) else "DEFAULT"


def _live(clause: _Clause) -> Reading:
    if clause[-1] in _DETERMINERS | _BE | {"go", "goes", "went", "going"}:
        return "DEFAULT"
    verb = clause[-1] in _BASE | _SUBJECTS | {"people"} or clause[1] in _PLACES
    return "VERB" if verb else "DEFAULT"


def _close(clause: _Clause) -> Reading:
    before, after = clause[-1], clause[1]
    if before in _DETERMINERS:
        return "NOUN" if after in {"of", ""} else "DEFAULT"
    if before in _DEGREES or before in _BE:
        return "DEFAULT"
    return "VERB" if before in _BASE | _SUBJECTS or after in _OBJECTS | {"at", "down", "early", "soon"} else "DEFAULT"


def _wind(clause: _Clause) -> Reading:
    turned = clause[1] in _TURNED and clause[-1] not in _DETERMINERS
    return "VERB" if turned or clause[-1] in _BASE | _SUBJECTS else "DEFAULT"


def _wound(clause: _Clause) -> Reading:
    turned = clause[1] in _TURNED or clause[-1] in _SUBJECTS
    return "VBD" if turned and clause[-1] not in _DETERMINERS else "DEFAULT"


def _tear(clause: _Clause) -> Reading:
    """A rip sounds as to rip does; what runs down a face does not."""
    if clause[-1] in _BASE or clause[-2] == "wear":
        return "VERB"
    if clause[1] == "in":
        return "DEFAULT" if clause[3] in _OF_TEARS else "VERB"
    return "VERB" if clause[1] in _OBJECTS | {"into", "up", "apart", "off", "open", "out"} else "DEFAULT"


def _tears(clause: _Clause) -> Reading:
    return "VERB" if clause[1] in _OBJECTS | {"apart", "up", "into", "off"} else "DEFAULT"


def _content(clause: _Clause) -> Reading:
    satisfied = clause[-1] in _BE | _DEGREES | {"feel", "feels", "felt", "perfectly"} or clause[1] in {"with", "to"}
    return "DEFAULT" if satisfied else "NOUN"


def _bass(clause: _Clause) -> Reading:
    """Most of what is low and few of what swims are spoken of; the dictionary's default is the fish."""
    return "DEFAULT" if not _OF_FISH.isdisjoint(clause.words) else "ADJ"


def _minute(_: _Clause) -> Reading:
    return "DEFAULT"


_SPECIAL: Mapping[str, Callable[[_Clause], Reading]] = {
    "read": _read, "lead": _lead, "live": _live, "lives": _live, "close": _close, "wind": _wind, "winds": _wind,
    "wound": _wound, "tear": _tear, "tears": _tears, "content": _content, "bass": _bass, "minute": _minute,
}  # fmt: skip
