"""The personas that there are, found by name."""

import hashlib
import logging
import threading
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from myna.core.errors import BadInput, MynaError, UnknownName
from myna.personas.cards.card import Card, Format
from myna.personas.cards.persona import persona_fields
from myna.personas.editing import (
    BadPersona,
    ChangedMeanwhile,
    Source,
    begun,
    beside_its_card,
    changed,
    checked_fields,
    with_avatar,
)
from myna.personas.folder import AVATARS, PersonaFolder, stamp_of, taken, toml_beside
from myna.personas.model import Persona
from myna.personas.reading import Written, checked, read_persona, read_tables
from myna.personas.slug import slug_of
from myna.personas.toml_text import persona_toml

__all__ = ["Personas", "read_persona"]

log = logging.getLogger(__name__)

DRAFT = "draft-"
"""How ids of drafts begin."""
MOST_DRAFTS = 32


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
        self._drafts: dict[str, Persona] = {}
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
        if (draft := self._drafts.get(name)) is not None:
            return draft
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

    def create(self, fields: Mapping[str, Any], of: Persona | None = None) -> Persona:
        """Begin a persona of the user's in TOML; where no id is given, one is made of its name.

        Args:
            fields: Its fields; those that a copy has otherwise.
            of: The persona that it is a copy of. A card is copied too, with all that it holds.

        Raises:
            BadPersona: A field cannot be used, or the id is taken.
            BadInput, NoRoom: As `add`.
        """
        folder = self._writable()
        persona_id = fields.get("id") or self.free_id(str(fields.get("name") or (of.name if of else "")))
        if not isinstance(persona_id, str):
            raise BadPersona({"id": "must be a text"})
        fields = {**fields, "id": persona_id}
        self._begun(fields, of)  # whatever is wrong is told before anything is written
        try:
            self._check_id(persona_id, replace=False)
        except BadInput as error:
            raise BadPersona({"id": error.message}) from error
        written = self.written(of) if of is not None else None
        card = folder.copy_card(written, persona_id) if written is not None else None

        def make(before: Written | None) -> str:
            if before is not None and before.path != card:
                raise taken(before.persona)
            return self._begun(fields, of, card)[0]

        try:
            folder.rewrite(persona_id, make)
        except MynaError:
            if card is not None:
                card.unlink(missing_ok=True)
            raise
        self.refresh()
        return self.find(persona_id)

    def change(
        self,
        persona_id: str,
        changes: Mapping[str, Any],
        *,
        stamp: str | None = None,
        picture: bytes | None = None,
    ) -> Persona:
        """Make a persona otherwise. Of one that comes with Myna, the user gets one of his own in its place.

        Args:
            persona_id: Whose.
            changes: As in `myna.personas.editing.changed`.
            stamp: What `stamp_of` gave when it was read; None changes it whatever anybody else has done meanwhile.
            picture: Its new picture, a PNG file.

        Raises:
            BadPersona: A value cannot be used.
            ChangedMeanwhile: Somebody else has changed it since.
            UnknownName: It is none of the user's, and none that comes with Myna.
            BadInput, NoRoom: As `PersonaFolder.rewrite`.
        """
        folder = self._writable()
        if changes.get("id", persona_id) != persona_id:
            raise BadPersona({"id": "stays as it is: conversations and memories go by it; a copy can have another"})
        pictures: dict[str, bytes] = {}
        if picture is not None:
            name = f"{AVATARS}/{persona_id}-{hashlib.sha256(picture).hexdigest()[:12]}.png"
            pictures[name] = picture

        def make(before: Written | None) -> str | None:
            if stamp is not None and stamp != stamp_of(before):
                raise ChangedMeanwhile(
                    f"{persona_id} was changed since you opened it, in another window or in its file.",
                    hint="Read it again, and make your changes anew.",
                )
            now = before.persona if before is not None else self._coming_with_myna(persona_id)
            source = self._source(before, now, folder.path / f"{persona_id}.toml")
            text = changed(source, now, changes)
            if pictures:
                return with_avatar(text, next(iter(pictures)))
            return text if text != source.text else None

        folder.rewrite(persona_id, make, pictures=pictures)
        self.refresh()
        return self.find(persona_id)

    def draft(self, fields: Mapping[str, Any], of: Persona | None = None) -> Persona:
        """A persona that can be talked with by its id and is kept nowhere; raises as `create` and `change`.

        Those drafted first are forgotten when there are too many.
        """
        text, source = self._begun({"id": "draft", **fields} if of is None else {**fields, "id": of.id}, of)
        digest = hashlib.sha256(f"{source.card}\n{text}".encode()).hexdigest()[:20]
        persona = read_tables(tomllib.loads(text), source.path, source.card).persona
        persona = persona.model_copy(update={"id": f"{DRAFT}{digest}"})
        with self._alone:
            self._drafts.pop(persona.id, None)
            self._drafts[persona.id] = persona
            while len(self._drafts) > MOST_DRAFTS:
                self._drafts.pop(next(iter(self._drafts)))
        return persona

    def is_draft(self, persona: Persona) -> bool:
        """Whether it is kept nowhere."""
        return self._drafts.get(persona.id) is persona

    @property
    def keeps(self) -> bool:
        """Whether there is a folder for the user's."""
        return self._folder is not None

    def built_in(self, persona_id: str) -> Persona | None:
        """The one of this id that comes with Myna, also where the user's own has its place."""
        return next((persona for persona in self._built_in if persona.id == persona_id), None)

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

    def _coming_with_myna(self, persona_id: str) -> Persona:
        there = self.built_in(persona_id)
        if there is None or any(each.id == persona_id for each in self._given):
            raise UnknownName(
                f"There is no persona {persona_id!r} that could be changed.",
                hint="Those that a program brings are changed there.",
            )
        return there

    def _begun(self, fields: Mapping[str, Any], of: Persona | None, card: Path | None = None) -> tuple[str, Source]:
        """The TOML text of a new persona, a copy or not, and of what; ``card`` is the copy of that of the other."""
        if of is None:
            return persona_toml(checked_fields(begun(fields))), Source(Path("new.toml"))
        source = self._source(self.written(of), of, Path("copy.toml"))
        if card is not None:
            source = Source(card.with_suffix(".toml"), beside_its_card(source.text), card)
        return changed(source, of, fields), source

    def _source(self, written: Written | None, persona: Persona, path: Path) -> Source:
        if written is None:
            file = next((file for file in _built_in_files() if file.name == f"{persona.id}.toml"), None)
            known = file is not None and self.built_in(persona.id) is persona
            return Source(path, file.read_text(encoding="utf-8") if file and known else persona_toml(persona))
        toml = toml_beside(written)
        text = toml.read_bytes().decode("utf-8-sig") if toml == written.path else ""
        return Source(toml, text, written.card)

    def free_id(self, name: str) -> str:
        """An id for a new persona of this name, which nobody has."""
        wanted = slug_of(name)
        folded = {_fold(each.id) for each in self.all}
        names = (wanted, *(f"{wanted}-{number}" for number in range(2, 1000)))
        return next((name for name in names if _fold(name) not in folded), wanted)

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
