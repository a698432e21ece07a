"""The weights on this machine: where they lie, which are missing, whether they are intact.

A model's files lie in ``<root>/<model>/``. A file appears there only whole and verified, under its final name at once,
so its size tells whether it is here, and a folder that somebody copies to another machine is as good there;
`WeightsStore.verify` reads every byte. What is still being fetched lies in ``<root>/.incoming/``, beside the locks.
"""

import hashlib
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from myna.core.errors import Busy, NoRoom, UnknownName, WeightsMissing
from myna.weights.catalog import Catalog, Model, ModelFile

LISTING = ".listing.json"
"""In the folder of a model that is a whole repository: the files that the hub listed when it was pulled."""

CHUNK = 1 << 20

State: TypeAlias = Literal["good", "missing", "damaged"]

_listing = TypeAdapter(tuple[ModelFile, ...])


@dataclass(frozen=True, slots=True)
class Checked:
    """A file after `WeightsStore.verify`: ``good`` is every byte as promised."""

    model: str
    file: str
    state: State


class WeightsStore:
    """The model files of a catalog under one folder. Implements `myna.weights.locate.Weights`."""

    def __init__(self, root: Path, catalog: Catalog) -> None:
        self.root = root
        self.catalog = catalog

    def locate(self, name: str) -> Path:
        """The files of a model: the file itself if it is one file, else the folder that holds them.

        Args:
            name: A name in the catalog, or the path of the user's own file or folder.

        Raises:
            WeightsMissing: In the catalog but not on this machine (the hint says how to fetch it).
            UnknownName: Neither in the catalog nor a path that exists.
        """
        model = self.catalog.find(name)
        if model is None:
            return self._own(name)
        files = self.files(model)
        if not self._is_here(model, files):
            raise WeightsMissing(
                f"The weights {name} are not on this machine, or not all of them.", hint=f"Run: myna models pull {name}"
            )
        return self.path_of(model, files[0]) if len(files) == 1 else self.folder(model)

    def _own(self, name: str) -> Path:
        path = Path(name).expanduser()
        if name.strip() and path.exists():
            return path
        if path.name == name:
            raise self.catalog.unknown(name)
        raise UnknownName(f"No file or folder {name} exists.", hint="Correct the path, or name a model of the catalog.")

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the names whose weights have to be pulled. Reads sizes only.

        Raises:
            UnknownName: Neither in the catalog nor a path that exists.
        """
        missing: list[str] = []
        for name in dict.fromkeys(names):
            try:
                self.locate(name)
            except WeightsMissing:
                missing.append(name)
        return missing

    def verify(self, names: Iterable[str] = ()) -> Iterator[Checked]:
        """Read and hash every file of the named models or sets; of all models that are here, if none is named.

        Raises:
            UnknownName: A name is neither a model nor a set.
        """
        models = self.catalog.expand(names) or tuple(m for m in self.catalog.models if self.folder(m).is_dir())
        for model in models:
            files = self.files(model)
            if not files:
                yield Checked(model.name, LISTING, "missing")
            for file in files:
                yield Checked(model.name, file.path, check(self.path_of(model, file), file))

    def remove(self, name: str) -> int:
        """Delete a model's files, and what was fetched of them so far. Gives the bytes that are free again.

        Raises:
            UnknownName: Not in the catalog.
            WeightsMissing: Nothing of it is here.
            Busy: Another process is pulling it.
            NoRoom: The folder may not be written.
        """
        model = self.catalog.find(name)
        if model is None:
            raise self.catalog.unknown(name)
        folders = [folder for folder in (self.folder(model), self.incoming(model)) if folder.is_dir()]
        if not folders:
            raise WeightsMissing(f"There is nothing of {name} to remove.")
        freed = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
        with self.writing():
            try:
                with self.lock(model).acquire(timeout=0):
                    for folder in folders:
                        shutil.rmtree(folder)
            except Timeout:
                raise Busy(f"Another process is pulling {name}.", hint="Stop it first, or wait for it.") from None
        return freed

    def files(self, model: Model) -> tuple[ModelFile, ...]:
        """What a model consists of; empty for a whole repository that was not pulled yet."""
        return model.files or read_listing(self.folder(model))

    def keep_listing(self, model: Model, files: tuple[ModelFile, ...]) -> None:
        """Remember what a whole repository consists of."""
        (self.folder(model) / LISTING).write_bytes(_listing.dump_json(files, indent=1))

    def folder(self, model: Model) -> Path:
        """Where a model's files lie."""
        return self.root / model.name

    def incoming(self, model: Model) -> Path:
        """Where they lie while they are fetched: on the same disk."""
        return self.root / ".incoming" / model.name

    def path_of(self, model: Model, file: ModelFile) -> Path:
        """Where one file lies."""
        return self.folder(model) / file.path

    def lock(self, model: Model) -> FileLock:
        """Held by the one process that writes a model."""
        folder = self.root / ".incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{model.name}.lock")

    @contextmanager
    def writing(self) -> Generator[None]:
        """Turns what the operating system says of a disk into `NoRoom`."""
        try:
            yield
        except OSError as error:
            raise NoRoom(
                f"The weights folder {self.root} cannot be written: {error.strerror or error}.",
                hint="Make room there, or name another folder with MYNA_HOME.",
            ) from error

    def _is_here(self, model: Model, files: tuple[ModelFile, ...]) -> bool:
        return bool(files) and all(size_of(self.path_of(model, file)) == file.size for file in files)


def read_listing(folder: Path) -> tuple[ModelFile, ...]:
    """What the folder of a whole repository consists of; empty if it does not say so."""
    try:
        return _listing.validate_json((folder / LISTING).read_bytes())
    except (OSError, ValidationError):
        return ()


def size_of(path: Path) -> int | None:
    """The size of a file in bytes; None if there is none."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def check(path: Path, file: ModelFile) -> State:
    """Whether ``path`` has the bytes that ``file`` promises."""
    size = size_of(path)
    if size is None:
        return "missing"
    if size != file.size:
        return "damaged"
    blob = b"" if file.sha256 else b"blob %d\0" % size
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(blob, usedforsecurity=False)  # git's own hash
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    except OSError:  # unreadable is as bad as wrong
        return "damaged"
    return "good" if digest.hexdigest() == (file.sha256 or file.git_sha1) else "damaged"
