"""Model files from the hubs, Hugging Face and ModelScope, over HTTP."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from myna.core.errors import WeightsDamaged, WeightsMissing
from myna.weights.catalog import Hub, HubRepo, HubSource, ModelFile
from myna.weights.options import WeightsOptions
from myna.weights.store import size_of


class _LFS(BaseModel):
    oid: str


class _HFEntry(BaseModel):
    type: str
    path: str
    size: int
    oid: str
    lfs: _LFS | None = None


class _ModelScopeEntry(BaseModel):
    type: Annotated[str, Field(alias="Type")]
    path: Annotated[str, Field(alias="Path")]
    size: Annotated[int, Field(alias="Size")]
    sha256: Annotated[str, Field(alias="Sha256")]


class _ModelScopeFiles(BaseModel):
    files: Annotated[list[_ModelScopeEntry], Field(alias="Files")]


class _ModelScopeAnswer(BaseModel):
    data: Annotated[_ModelScopeFiles, Field(alias="Data")]


@dataclass(frozen=True, slots=True)
class _Listed:
    path: str
    size: int
    sha256: str
    git_sha1: str = ""


_hf_tree = TypeAdapter(list[_HFEntry])


class Hubs:
    """The hubs, for the time of one pull: one that does not answer, or breaks off, is not asked again. Close it."""

    def __init__(self, options: WeightsOptions) -> None:
        self._endpoints: dict[Hub, str] = {
            "hf": options.hf_endpoint.rstrip("/"),
            "modelscope": options.modelscope_endpoint.rstrip("/"),
        }
        self._options = options
        self._opened: httpx.Client | None = None
        self._silent: dict[Hub, str] = {}

    def close(self) -> None:
        """Closes the connections."""
        if self._opened:
            self._opened.close()

    def fetch(self, source: HubSource, file: ModelFile, partial: Path, advanced: Callable[[int], None]) -> None:
        """Fetch ``file`` into ``partial``, from the byte on where that ends.

        A connection that breaks is taken up again, as long as each one brings something.

        Raises:
            WeightsMissing: The hub is out of reach, does not have the file, or broke off; ``partial`` keeps what came.
            WeightsDamaged: It does not stop at the file's size.
        """
        self._reach(source.kind)
        folder = "models/" if source.kind == "modelscope" else ""
        url = f"{self._endpoints[source.kind]}/{folder}{source.repo}/resolve/{source.revision}/{quote(source.file)}"
        while (have := size_of(partial) or 0) < file.size:
            reason = self._continue(url, file, partial, advanced)
            if (size_of(partial) or 0) <= have:
                self._silent[source.kind] = f"broke off at byte {have}{reason}"
                raise WeightsMissing(self._silent[source.kind])

    def _continue(self, url: str, file: ModelFile, partial: Path, advanced: Callable[[int], None]) -> str:
        """Append what one request brings. Gives why it ended early, or nothing."""
        have = size_of(partial) or 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                if response.status_code == HTTPStatus.OK:
                    have = 0  # the hub knows no ranges: all of it comes again
                elif response.status_code != HTTPStatus.PARTIAL_CONTENT:
                    raise WeightsMissing(f"answered {response.status_code}")
                elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                    raise WeightsMissing("answered with another range than it was asked for")
                size = have + int(response.headers.get("Content-Length", file.size - have))
                if size != file.size:
                    raise WeightsMissing(f"has another {file.path}, of {size} bytes instead of {file.size}")
                with partial.open("ab" if have else "wb") as out:
                    for chunk in response.iter_raw():
                        out.write(chunk)
                        have += len(chunk)
                        advanced(have)
                        if have > file.size:
                            raise WeightsDamaged(f"has more than {file.size} bytes")
        except (httpx.RequestError, httpx.InvalidURL) as error:
            return f" ({_reason(error)})"
        return ""

    def listing(self, repo: HubRepo) -> tuple[ModelFile, ...]:
        """The files of a repository with the sizes and hashes that the hub states, hidden ones left out.

        Raises:
            WeightsMissing: The hub is out of reach, has no such repository, or answers what is no listing.
        """
        self._reach(repo.kind)
        try:
            listed = self._list_hf(repo) if repo.kind == "hf" else self._list_modelscope(repo)
            files = tuple(
                ModelFile(
                    path=file.path,
                    size=file.size,
                    sha256=file.sha256,
                    git_sha1=file.git_sha1,
                    sources=(HubSource(kind=repo.kind, repo=repo.repo, revision=repo.revision, file=file.path),),
                )
                for file in listed
                if file.size and not file.path.startswith(".")
            )
        except ValidationError as error:
            raise WeightsMissing(f"gave a listing of {repo.repo} that cannot be understood") from error
        if not files:
            raise WeightsMissing(f"has no files in {repo.repo}")
        return files

    def _list_hf(self, repo: HubRepo) -> list[_Listed]:
        url = f"{self._endpoints['hf']}/api/models/{repo.repo}/tree/{repo.revision}"
        return [
            # Small files are kept in git itself, which knows them by its own hash only.
            _Listed(entry.path, entry.size, entry.lfs.oid)
            if entry.lfs
            else _Listed(entry.path, entry.size, "", entry.oid)
            for entry in _hf_tree.validate_json(self._get(url, recursive="true"))
            if entry.type == "file"
        ]

    def _list_modelscope(self, repo: HubRepo) -> list[_Listed]:
        url = f"{self._endpoints['modelscope']}/api/v1/models/{repo.repo}/repo/files"
        answer = _ModelScopeAnswer.model_validate_json(self._get(url, Revision=repo.revision, Recursive="true"))
        return [_Listed(entry.path, entry.size, entry.sha256) for entry in answer.data.files if entry.type == "blob"]

    def _get(self, url: str, **query: str) -> bytes:
        try:
            response = self._client.get(url, params=query)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise WeightsMissing(f"broke off ({_reason(error)})") from error
        if response.status_code != HTTPStatus.OK:
            raise WeightsMissing(f"answered {response.status_code}")
        return response.content

    def _reach(self, hub: Hub) -> None:
        if hub not in self._silent:
            reason = _silence(self._endpoints[hub], self._options.connect_s)
            self._silent[hub] = reason and f"is out of reach ({reason})"
        if silent := self._silent[hub]:
            raise WeightsMissing(silent)

    @property
    def _client(self) -> httpx.Client:
        if self._opened is None:
            self._opened = httpx.Client(
                timeout=httpx.Timeout(self._options.idle_s, connect=self._options.connect_s),
                follow_redirects=True,
                headers={"Accept-Encoding": "identity"},  # a range of a compressed answer is no range of the file
            )
        return self._opened


def _silence(endpoint: str, within_s: float) -> str:
    """Why an endpoint does not answer; empty if it does.

    Asked in a thread that is left behind: looking up a name knows no time-out, and can take far longer than one.
    """
    reason = f"no answer within {within_s:g} s"

    def ask() -> None:
        nonlocal reason
        try:
            httpx.head(endpoint, timeout=within_s)
            reason = ""
        except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
            reason = _reason(error)  # the last two: a proxy in the environment that httpx cannot use

    thread = threading.Thread(target=ask, name="myna-hub", daemon=True)
    thread.start()
    thread.join(within_s)
    return reason


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
