"""What is wrong with the settings, told all at once."""

from dataclasses import dataclass, field, replace

from myna.config.sources import Origin, Source, Toml
from myna.core.errors import BadConfig

HINT = "`myna config schema` describes every setting."


@dataclass(slots=True)
class Problems:
    """Collects what is wrong.

    Attributes:
        toml: The ``myna.toml`` that was read, where lines are looked up.
    """

    toml: Toml | None = None
    _told: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def add(self, origin: Origin, text: str, hint: str = "") -> None:
        """Something is wrong with what was given there. What was given once is told of once."""
        if origin.source is Source.DEFAULT:
            self.say(text, hint)
            return
        if origin.source is Source.FILE and self.toml:
            origin = replace(origin, line=self.toml.line_of(tuple(origin.name.split("."))))
        self._told.setdefault(str(origin), (f"{origin}: {text}", hint))

    def say(self, text: str, hint: str = "") -> None:
        """Something is wrong, said in a whole sentence."""
        self._told.setdefault(text, (text, hint))

    def add_error(self, error: BadConfig) -> None:
        """Something was wrong with a whole file."""
        self.say(error.message, error.hint)

    def __bool__(self) -> bool:
        return bool(self._told)

    def error(self) -> BadConfig:
        """All that is wrong, as one error."""
        match list(self._told.values()):
            case [(text, hint)]:
                return BadConfig(text, hint=hint or HINT)
            case found:
                told = "".join(f"\n  - {text} {hint}".rstrip() for text, hint in found)
                return BadConfig(f"{len(found)} settings cannot be used:{told}\n", hint=HINT)
