"""The personas that there are, found by name."""

import logging
import threading
import unicodedata
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from myna.core.errors import BadInput, UnknownName
from myna.personas.cards.card import Card, Format
from myna.personas.cards.persona import persona_fields
from myna.personas.folder import PersonaFolder, taken
from myna.personas.model import Persona
from myna.personas.reading import Written, checked, read_persona
from myna.personas.slug import slug_of

__all__ = ["Personas", "read_persona"]

log = logging.getLogger(__name__)


class Personas:
    """The personas there are: the user's, and the built-in ones that the user has not replaced.

    Files that are added to the user's folder, changed or taken away are noticed at the next look. One that cannot be
    used is logged and left out, or stays as it was if it could be used before. May be used from any thread.
    """

    def __init__(self, folder: Path | None = None, given: Sequence[Persona] = ()) -> None:
        """Read the built-in personas and those in ``folder``, if there is one; ``given`` stand before both."""
        self._folder = PersonaFolder(folder) if folder is not None else None
        self._given = tuple(given)
        self._built_in = tuple(map(read_persona, _built_in_files()))
        self._alone = threading.Lock()
        self._own: tuple[Written, ...] = ()
        self._all = self._joined()
        self.refresh()

    @property
    def all(self) -> tuple[Persona, ...]:
        """The user's first, each in the order of their files' names."""
        if self._folder is not None and self._folder.has_changed():
            self.refresh()
        return self._all

    def find(self, name: str) -> Persona:
        """The persona with this id, name or avatar, ignoring case, spaces and hyphens; the very id goes first.

        Raises:
            UnknownName: There is none; the message lists those there are.
        """
        wanted, there = _fold(name), self.all
        if (exact := next((persona for persona in there if persona.id == name), None)) is not None:
            return exact
        for field in ("id", "name", "avatar"):
            for persona in there:
                if _fold(getattr(persona, field)) == wanted:
                    return persona
        known = ", ".join(f"{persona.id} ({persona.name})" for persona in there)
        where = f"Your own go into {self._folder.path}, a TOML file or a character card each." if self._folder else ""
        if self.wrong:
            where += f" {len(self.wrong)} of yours cannot be used; the first: {self.wrong[0].message}"
        raise UnknownName(f"There is no persona {name!r}. There are: {known}.", hint=where)

    @property
    def wrong(self) -> tuple[BadInput, ...]:
        """Why files of the user's were left out at the last look; the messages name them."""
        return self._folder.wrong if self._folder is not None else ()

    def written(self, persona: Persona) -> Written | None:
        """Where a persona of the user's is written; None for one that comes with Myna or with a program."""
        return next((each for each in self._own if each.persona is persona), None)

    def add(self, card: Card, form: Format, persona_id: str | None = None, *, replace: bool = False) -> Persona:
        """Keep all of a card as a persona of the user's, under this id or one made of its name; it is there at once.

        Raises:
            BadInput: It makes no persona, its id is taken and is not to be replaced, another's id would be taken for
                it, or nothing is kept here.
            NoRoom: The folder cannot be written.
        """
        folder = self._writable()
        fields = persona_fields(card)
        persona = checked({**fields, "id": persona_id or slug_of(fields["name"])}, fields["name"], "card")
        self._check_id(persona.id, replace=replace)
        folder.add(card, form, persona.id, replace=replace)
        self.refresh()
        return self.find(persona.id)

    def add_text(self, persona_id: str, text: str) -> Path:
        """Keep a TOML file as a persona of the user's; raises as `add`."""
        self._check_id(persona_id, replace=False)
        path = self._writable().write_new(persona_id, text)
        self.refresh()
        return path

    def remove(self, persona_id: str) -> None:
        """Delete a persona of the user's; raises as `PersonaFolder.remove`."""
        self._writable().remove(persona_id)
        self.refresh()

    def refresh(self) -> None:
        """Read what has changed."""
        if self._folder is not None:
            with self._alone:
                before = {str(error) for error in self.wrong}
                self._own = self._folder.read()
                for error in self.wrong:
                    if str(error) not in before:
                        log.error("A persona is left out or stays as it was. %s", error)
                self._all = self._joined()

    def _check_id(self, persona_id: str, *, replace: bool) -> None:
        """Refuse an id that is taken, or that people would take for another's: `find` knows no hyphens."""
        for other in self.all:
            if other.id == persona_id and not replace:
                raise taken(other)
            if other.id != persona_id and _fold(other.id) == _fold(persona_id):
                raise BadInput(
                    f"{persona_id} would be taken for {other.id} ({other.name}), which there is already.",
                    hint="Choose another id: --id, or id=… over HTTP.",
                )

    def _writable(self) -> PersonaFolder:
        if self._folder is None:
            raise BadInput("There is no folder that personas are kept in.", hint="Start Myna as `myna serve`.")
        return self._folder

    def _joined(self) -> tuple[Persona, ...]:
        known: dict[str, Persona] = {}
        for persona in (*self._given, *(each.persona for each in self._own), *self._built_in):
            known.setdefault(persona.id, persona)
        return tuple(known.values())


def _built_in_files() -> list[Traversable]:
    folder = files("myna.personas").joinpath("builtin")
    return sorted(folder.iterdir(), key=lambda file: file.name)


def _fold(name: str) -> str:
    """``name`` without what people leave out or type in another way: case, blanks, hyphens, dots, emoji variants."""
    return "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char not in " \t-_·・•\ufe0f")
