"""The catalog of model files: names, sizes, hashes, licences and sources. Its data is ``catalog.toml``, beside this."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from myna.core.errors import UnknownName

STRICT = ConfigDict(extra="forbid", frozen=True)

Hub: TypeAlias = Literal["hf", "modelscope"]
Registry: TypeAlias = Literal["pypi", "npm"]


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\\" in path:
        raise ValueError(f"{path!r} leads out of the model's folder")
    return path


def _hex(digits: int) -> StringConstraints:
    return StringConstraints(pattern=rf"^[0-9a-f]{{{digits}}}$")


InnerPath: TypeAlias = Annotated[str, AfterValidator(_inside)]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class PathSource(BaseModel):
    """A copy on this machine."""

    model_config = STRICT

    kind: Literal["path"]
    path: str


class HubRepo(BaseModel):
    """A repository on a hub; ``revision`` is a commit, a tag or a branch."""

    model_config = STRICT

    kind: Hub
    repo: str
    revision: str


class HubSource(BaseModel):
    """A file in a repository on a hub."""

    model_config = STRICT

    kind: Hub
    repo: str
    revision: str
    file: str


class Part(BaseModel):
    """A member of a published package (a wheel, a tarball): ``size`` bytes of a model file."""

    model_config = STRICT

    package: str
    version: str
    member: str
    size: int = Field(gt=0)


class RegistrySource(BaseModel):
    """Members of published packages which, joined, are the file."""

    model_config = STRICT

    kind: Registry
    parts: tuple[Part, ...] = Field(min_length=1)


Source: TypeAlias = Annotated[PathSource | HubSource | RegistrySource, Field(discriminator="kind")]


class ModelFile(BaseModel):
    """One file of a model.

    Attributes:
        path: Where it lies in the model's folder, with ``/``.
        size: In bytes.
        sha256: Its SHA-256; empty only for a file that a hub lists by git's hash alone.
        git_sha1: Its git blob id, where that is all there is.
        sources: Where it can be had, tried in this order.
    """

    model_config = STRICT

    path: InnerPath
    size: int = Field(gt=0)
    sha256: Annotated[str, _hex(64)] | Literal[""] = ""
    git_sha1: Annotated[str, _hex(40)] | Literal[""] = ""
    sources: tuple[Source, ...] = ()

    @model_validator(mode="after")
    def _has_one_hash(self) -> "ModelFile":
        if bool(self.sha256) == bool(self.git_sha1):
            raise ValueError(f"{self.path} needs one hash")
        return self


class Model(BaseModel):
    """A model: its files, or the repositories that are the model.

    Attributes:
        license: SPDX identifier where there is one.
        about: What it is for, in half a sentence.
        files: What it consists of; empty where that is a whole repository.
        repos: Hub repositories whose own list of names, sizes and hashes is taken at the time of the pull.
    """

    model_config = STRICT

    name: Name
    license: str
    about: str
    homepage: str
    files: tuple[ModelFile, ...] = ()
    repos: tuple[HubRepo, ...] = ()

    @model_validator(mode="after")
    def _is_files_or_repos(self) -> "Model":
        if bool(self.files) == bool(self.repos):
            raise ValueError(f"{self.name} needs files, or repos")
        return self


class Catalog(BaseModel):
    """All models, and the sets that name several of them."""

    model_config = STRICT

    models: tuple[Model, ...]
    sets: Mapping[Name, tuple[Name, ...]] = {}

    @model_validator(mode="after")
    def _names_fit(self) -> "Catalog":
        names = [model.name for model in self.models] + list(self.sets)
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"named twice: {', '.join(twice)}")
        for name, members in self.sets.items():
            if unknown := {member for member in members if self.find(member) is None}:
                raise ValueError(f"set {name} has unknown models: {', '.join(unknown)}")
        return self

    def find(self, name: str) -> Model | None:
        """The model of this name."""
        return next((model for model in self.models if model.name == name), None)

    def expand(self, names: Iterable[str]) -> tuple[Model, ...]:
        """The models that names of models and sets mean, each once.

        Raises:
            UnknownName: A name is neither.
        """
        found: dict[str, Model] = {}
        for name in names:
            for member in self.sets.get(name, (name,)):
                model = self.find(member)
                if model is None:
                    raise self.unknown(name)
                found[member] = model
        return tuple(found.values())

    def unknown(self, name: str) -> UnknownName:
        """The error for a name that is neither a model nor a set."""
        known = [*self.sets, *(model.name for model in self.models)]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
        return UnknownName(f"No weights are called {name}.", hint=hint)


def _files(table: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The files that an entry stands for: one, or one for each hash in a table, whose keys stand for ``{name}``."""
    if isinstance(table["sha256"], str):
        yield table
        return
    template = json.dumps(table)
    for name, sha256 in table["sha256"].items():
        yield json.loads(template.replace("{name}", name)) | {"sha256": sha256}


@cache
def load_catalog() -> Catalog:
    """The catalog that Myna ships."""
    tables = tomllib.loads(files("myna.weights").joinpath("catalog.toml").read_text(encoding="utf-8"))
    for model in tables["models"]:
        model["files"] = [file for table in model.get("files", ()) for file in _files(table)]
    return Catalog.model_validate(tables)
