"""Emotions: the names a reply may carry, and how a name in a tag is understood.

The default list names six emotions in two languages; ``[Happy]`` and ``[开心]`` are the same emotion. A list may hold
any other name as well (紧张, 兴奋); such a name is an emotion of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DEFAULT_EMOTION = "平静"

TWINS: Mapping[str, str] = {
    "开心": "Happy",
    "生气": "Angry",
    "悲伤": "Sad",
    "惊讶": "Surprised",
    "撒娇": "Coquettish",
    "平静": "Calm",
}
"""The six default emotions: Chinese name to English name."""

DEFAULT_EMOTIONS: tuple[str, ...] = (*TWINS.keys(), *TWINS.values())

_TWIN_OF: Mapping[str, str] = {**TWINS, **{english: chinese for chinese, english in TWINS.items()}}


def twin(name: str) -> str | None:
    """The name of the same emotion in the other language, or None for an emotion that has no twin."""
    return _TWIN_OF.get(name)


def name_in(name: str, language: str) -> str:
    """What an emotion is called in a language: of twins the one that belongs to it, and any other name as it is."""
    other = twin(name)
    return other if other is not None and (other in TWINS) == language.startswith("zh") else name


def fold_name(name: str) -> str:
    """The form in which names of emotions are compared: without case and spaces."""
    return "".join(name.split()).casefold()


@dataclass(frozen=True, slots=True)
class Emotions:
    """The emotions that a reply may show.

    Attributes:
        allowed: The names, as they are reported and as the prompt lists them.
        default: The emotion of a reply that names none. Must be allowed.
        aliases: Other names that mean an allowed one (``{"joy": "开心"}``), as models and cards in the wild use.
    """

    allowed: tuple[str, ...] = DEFAULT_EMOTIONS
    default: str = DEFAULT_EMOTION
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])

    def find(self, name: str) -> str | None:
        """The allowed emotion that ``name`` means, ignoring case and spaces; None if it means none."""
        wanted = fold_name(name)
        for allowed in self.allowed:
            if fold_name(allowed) == wanted:
                return allowed
        for alias, allowed in self.aliases.items():
            if fold_name(alias) == wanted:
                return allowed
        return None

    def in_language(self, language: str) -> tuple[str, ...]:
        """The allowed names in one language: of each pair of twins the one that belongs to ``language``.

        A prompt lists one name per emotion; offering both languages makes small models mix them.
        """
        unwanted = set(TWINS.values() if language.startswith("zh") else TWINS.keys())
        return tuple(name for name in self.allowed if name not in unwanted or twin(name) not in self.allowed)


def known_names(emotions: Iterable[str]) -> str:
    """The names in one line, for messages."""
    return ", ".join(emotions)
