"""The user's own personas: a folder of TOML files and character cards.

A card is a persona as it is; a TOML file of the same name, or one that names it, sets more on top. Other pictures and
texts may lie there too. Any number of
processes may use the folder at a time: what one of them adds, the others see at their next look.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from filelock import FileLock, Timeout

from myna.core.errors import BadCard, BadInput, Busy, NoRoom, UnknownName
from myna.personas.cards.card import Card, Format, NoCard, read_card, write_card
from myna.personas.model import Persona
from myna.personas.reading import CARD_SUFFIXES, Written, card_named_by, read_written

LOCK_S = 10
AVATARS = "avatars"
"""Where pictures are that were uploaded: in a folder of their own, since a PNG beside a TOML file may be its card."""

_Stamp = tuple[str, int, int, int]


class PersonaFolder:
    """What is written in ``path``, which need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamps: tuple[_Stamp, ...] | None = None
        self._known: dict[Path, tuple[tuple[_Stamp, ...], Written]] = {}
        self._all: tuple[Written, ...] = ()
        self.wrong: tuple[BadInput, ...] = ()
        """Why files were left out at the last `read`."""
        self._reading = threading.Lock()

    def has_changed(self) -> bool:
        """Whether a file was added, changed or removed since the last `read`, whatever came of that."""
        return self._stamps != tuple(map(_stamp, self._files()))

    def read(self) -> tuple[Written, ...]:
        """The personas, in the order of their files' names. Files that have not changed are not read again.

        One that cannot be used is left out, or stays as it was if it could be used before; so is the second of two with
        the same id. `wrong` tells why.
        """
        with self._reading:
            files = self._files()
            stamps = tuple(map(_stamp, files))
            if stamps != self._stamps:
                self._all, self.wrong = self._read(files)
                self._stamps = stamps
            return self._all

    def add(self, card: Card, form: Format, persona_id: str, *, replace: bool) -> None:
        """Keep all of ``card`` under this id, in this form.

        Raises:
            BadInput: The form has no room for it, there is one of this id and it is not to be replaced, or what would
                be overwritten is something else.
            NoRoom: The folder cannot be written.
        """
        content = write_card(card, form)
        if read_card(content, "What would be kept").document != card.document:
            raise BadCard("The card cannot be kept without loss.", hint="Get it in another form.")
        target = self.path / f"{persona_id}.{form}"
        with self._alone():
            before = self.find(persona_id)
            if before is not None and not replace:
                raise taken(before.persona)
            if before is not None and before.card is None:
                raise BadInput(
                    f"{persona_id} is written in {before.path.name}, which no card takes the place of.",
                    hint="Choose another id, or delete it first.",
                )
            old = before.card if before is not None else None
            if before is not None and old is not None and before.path != old:
                target = self._below(before, old, form)
            if target != old and target.exists():
                raise _in_the_way(target)
            _write(target, content)
            if before is not None and old is not None and target != old:
                self._delete(old, before)

    def write_new(self, persona_id: str, text: str) -> Path:
        """Keep ``text``, a TOML file, as the persona of this id; raises as `add` does."""
        target = self.path / f"{persona_id}.toml"
        with self._alone():
            if (before := self.find(persona_id)) is not None:
                raise taken(before.persona)
            if target.exists():
                raise _in_the_way(target)
            _write(target, text.encode())
        return target

    def rewrite(
        self,
        persona_id: str,
        make: Callable[[Written | None], str | None],
        *,
        pictures: Mapping[str, bytes] | None = None,
    ) -> None:
        """Have ``make`` say what the TOML file of a persona is to hold; it is replaced at once, or not at all.

        Nobody else changes the folder meanwhile. A card that it is made of stays as it is.

        Args:
            persona_id: Whose; of one that is not written here yet a file is begun.
            make: Is given where it is written, and gives the text. None leaves everything as it was, and so does what
                it raises.
            pictures: Files that the text names, by their paths from the folder on. They are written first, so that at
                no time one is named that is not there; the picture that they take the place of goes last.

        Raises:
            BadInput: What would be overwritten is something else.
            NoRoom: The folder cannot be written.
        """
        with self._alone():
            before = self.find(persona_id)
            text = make(before)
            if text is None:
                return
            target = toml_beside(before) if before is not None else self.path / f"{persona_id}.toml"
            if (before is None or target != before.path) and target.exists():
                raise _in_the_way(target)
            for name, content in (pictures or {}).items():
                (self.path / name).parent.mkdir(exist_ok=True)
                _write(self.path / name, content)
            _write(target.resolve(), text.encode())  # a link stays one
            if before is not None:
                self._forget_picture(before)

    def copy_card(self, written: Written, persona_id: str) -> Path | None:
        """Keep the card of a persona once more, for another one of this id; None where it has none.

        Raises:
            BadInput: There is a file of that name.
            NoRoom: The folder cannot be written.
        """
        if written.card is None:
            return None
        target = self.path / f"{persona_id}{written.card.suffix.lower()}"
        with self._alone():
            if target.exists():
                raise _in_the_way(target)
            _write(target, written.card.read_bytes())
        return target

    def remove(self, persona_id: str) -> None:
        """Delete a persona's files.

        Raises:
            UnknownName: None of this id is written here.
            NoRoom: The folder cannot be written.
        """
        with self._alone():
            found = self.find(persona_id)
            if found is None:
                raise UnknownName(
                    f"There is no persona {persona_id!r} among your own.", hint="Those that come with Myna stay."
                )
            for path in found.read:
                self._delete(path, found)
            self._forget_picture(found)

    def find(self, persona_id: str) -> Written | None:
        """The one of this id."""
        return next((each for each in self.read() if each.persona.id == persona_id), None)

    def _below(self, before: Written, card: Path, form: Format) -> Path:
        """Where a new card has to stand so that the TOML file of ``before`` goes on top of it as of its old one."""
        if card_named_by(before.path) is None:
            return before.path.with_suffix(f".{form}")
        if card.suffix.lower() != f".{form}" or not self._is_here(card) or self._is_needed(card, before):
            raise BadInput(
                f"{before.path.name} names its card, {card.name}, which this one cannot take the place of.",
                hint="Choose another id, or write the name of the new card into the TOML file.",
            )
        return card

    def _delete(self, path: Path, of: Written) -> None:
        """Delete a file of a persona, if it is here and no other persona's."""
        if self._is_here(path) and not self._is_needed(path, of):
            path.unlink(missing_ok=True)

    def _forget_picture(self, before: Written) -> None:
        """Delete the picture of a persona as it was before, if it was uploaded and nobody has it any more."""
        picture = before.picture
        if picture is None or picture.parent.resolve() != (self.path / AVATARS).resolve():
            return
        if all(each.picture is None or each.picture.resolve() != picture.resolve() for each in self.read()):
            picture.unlink(missing_ok=True)

    def _is_here(self, path: Path) -> bool:
        return path.parent.resolve() == self.path.resolve()

    def _is_needed(self, path: Path, of: Written) -> bool:
        others = [each for each in self._all if each is not of]
        needed = {file.resolve() for each in others for file in (*each.read, each.picture) if file is not None}
        return path.resolve() in needed

    def _files(self) -> list[Path]:
        try:
            with os.scandir(self.path) as entries:
                names = [entry.name for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []
        wanted = (".toml", *CARD_SUFFIXES)
        return [
            self.path / name for name in sorted(names) if not name.startswith(".") and name.lower().endswith(wanted)
        ]

    def _read(self, files: Iterable[Path]) -> tuple[tuple[Written, ...], tuple[BadInput, ...]]:
        by_suffix = {path: path.suffix.lower() for path in files}
        tomls = [path for path, suffix in by_suffix.items() if suffix == ".toml"]
        cards = [path for path, suffix in by_suffix.items() if suffix != ".toml" and path.is_file()]
        beside = {path.stem: path for path in reversed(cards)}
        on_top = {path: card_named_by(path) or beside.get(path.stem) for path in tomls}
        named = {card.resolve() for card in on_top.values() if card is not None}
        sources = sorted([*on_top.items(), *((card, card) for card in cards if card.resolve() not in named)])
        known, self._known = self._known, {}
        found: dict[str, Written] = {}
        wrong: list[BadInput] = []
        for path, card in sources:
            involved = tuple(_stamp(each) for each in (path, card) if each is not None)
            try:
                written = known[path][1] if path in known and known[path][0] == involved else read_written(path, card)
            except BadInput as error:
                if isinstance(error, NoCard) and path == card:
                    continue  # any other picture or text, such as the avatar of who is written beside it
                wrong.append(error)
                if path not in known:
                    continue
                involved, written = (), known[path][1]
            self._known[path] = involved, written
            other = found.setdefault(written.persona.id, written)
            if other is not written:
                ids = f"{other.path} and {path} have the same id, {written.persona.id}."
                wrong.append(BadInput(ids, hint="Change one of them."))
        return tuple(found.values()), tuple(wrong)

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Nobody else changes the folder meanwhile."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path / ".lock", timeout=LOCK_S):
                yield
        except Timeout:
            raise Busy("Another process is changing the personas.", hint="Try again in a moment.") from None
        except OSError as error:
            raise NoRoom(f"{self.path} cannot be written: {error.strerror}.", hint="Mend it, and try again.") from error


def toml_beside(written: Written) -> Path:
    """The TOML file of a persona, or the one that goes on top of its card, there or not."""
    return written.path if written.path.suffix.lower() == ".toml" else written.path.with_suffix(".toml")


def stamp_of(written: Written | None) -> str:
    """Changes when one of a persona's files does; the same for all that are not written here."""
    files = (*written.read, written.picture) if written is not None else ()
    seen = [_stamp(path) for path in files if path is not None]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def taken(persona: Persona) -> BadInput:
    """What is told when an id is another's."""
    return BadInput(
        f"There is a persona {persona.id} already ({persona.name}).", hint="Choose another id, or have it replaced."
    )


def _in_the_way(path: Path) -> BadInput:
    return BadInput(f"There is a file {path} already.", hint="Choose another id, or take that file away.")


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return (str(path), 0, 0, 0)
    return (str(path), status.st_ino, status.st_mtime_ns, status.st_size)


def _write(target: Path, content: bytes) -> None:
    """Write a file: all of it, or nothing."""
    with ExitStack() as leaving:
        with NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as file:
            part = Path(file.name)
            leaving.callback(part.unlink, missing_ok=True)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
