"""The first start of all: no weights are here, and somebody opens the page."""

import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.conftest import PATIENT, URL
from tests.end_to_end.processes import MYNA, Home, Server
from tests.end_to_end.shelf import Shelf, open_shelf
from tests.end_to_end.test_web_app import choose, replies, state, write

from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

pytestmark = pytest.mark.models

LLM, TTS = "qwen2.5-coder-0.5b-instruct", "kokoro-v1.0"

FETCHED_S = 500.0
"""All of the starter set, from loopback, hashed and opened: a machine that others keep busy is no failure."""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture
def shelf(weights: Weights) -> Iterator[Shelf]:
    assert isinstance(weights, WeightsStore)
    with open_shelf(weights) as shelf:
        yield shelf


@pytest.fixture
def empty(tmp_path: Path, shelf: Shelf) -> Home:
    """A folder of its own with nothing in it."""
    left_out = ("MYNA_", "PIP_", "NPM_CONFIG_", "npm_config_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder, {**environ, "MYNA_HOME": str(folder), **PATIENT, **shelf.environ})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return Path(os.environ.get("PICTURES", tmp_path))


@contextmanager
def started(home: Home) -> Generator[Server]:
    """A server that has said where it is; it may have no engine yet."""
    log = home.folder / "serve.log"
    command = [MYNA, "serve", "--port", "0", "--set", "llm.temperature=0"]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=home.folder, env=home.environ, stdout=out, stderr=out, stdin=subprocess.DEVNULL, text=True
        )
    server = Server("", process, log)
    try:
        server.wait(lambda: URL.search(log.read_text()) is not None)
        yield Server(URL.findall(log.read_text())[0], process, log)
    finally:
        process.kill()
        process.wait()


def engines(server: Server) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = httpx.get(f"{server.url}/health").json()["engines"]
    return told


def banner(tab: Tab) -> Locator:
    return tab.page.locator(".start")


def phase(tab: Tab) -> str | None:
    return banner(tab).get_attribute("data-phase") if banner(tab).count() else None


def test_the_page_shows_the_weights_arriving_and_answers_before_the_voice_is_there(
    browse: Callable[..., Tab], shelf: Shelf, empty: Home, pictures: Path
) -> None:
    shelf.put(["starter"], slow=[LLM, TTS])
    with started(empty) as server:
        tab = browse(server.url)
        tab.wait(lambda: phase(tab) == "waiting" and engines(server)["llm"].get("done", 0) > 0)
        tab.wait(lambda: (banner(tab).locator("[data-part=think] progress").get_attribute("value") or "0") != "0")
        tab.wait(lambda: "491 MB" in banner(tab).inner_text())
        tab.wait(lambda: f"{LLM}, from Hugging Face" in banner(tab).inner_text())
        tab.wait(lambda: "left" in banner(tab).inner_text())
        assert tab.violations() == []
        tab.page.screenshot(path=pictures / "first-run.png")
        choose(tab, "Myna")
        write(tab, "What is the capital of France?")
        tab.wait(lambda: "capital of France" in tab.page.locator(".waits").inner_text())
        assert tab.page.locator(".banner").count() == 0  # nobody takes a model that is to come for a line that is lost
        shelf.let_go(LLM)
        tab.wait(lambda: "Paris" in " ".join(replies(tab).all_inner_texts()))
        tab.wait(lambda: engines(server)["tts"].get("done", 0) > 0)
        told = engines(server)
        assert (told["llm"]["status"], told["asr"]["status"], told["tts"]["status"]) == ("ready", "ready", "fetching")
        tab.wait(lambda: phase(tab) == "typing")
        tab.wait(lambda: "Speaking" in banner(tab).inner_text())
        assert tab.violations() == []
        tab.page.screenshot(path=pictures / "first-run-typing.png")
        shelf.let_go(TTS)
        tab.wait(lambda: banner(tab).count() == 0, FETCHED_S)
        server.wait_ready()
        tab.played()
        write(tab, "What is the capital of Italy?")
        tab.wait(lambda: state(tab) == "speaking")
        tab.wait(lambda: "Rome" in " ".join(replies(tab).all_inner_texts()) and state(tab) == "idle")
        assert np.max(np.abs(tab.played())) > 0.02  # in the same session
        assert tab.page.locator(".note").all_inner_texts() == []
        tab.page.context.close()
        assert server.stop() == 0
        assert server.log.read_text().count("weights are here") == len(shelf.store.catalog.sets["starter"])


def test_what_cannot_be_fetched_is_told_and_fetched_when_one_tries_again(
    browse: Callable[..., Tab], shelf: Shelf, empty: Home, pictures: Path
) -> None:
    with started(empty) as server:
        server.wait(lambda: {each["status"] for each in engines(server).values()} <= {"failed", "ready"})
        tab = browse(server.url, locale="zh-CN")
        tab.wait(lambda: phase(tab) == "failed")
        tab.wait(lambda: "Hugging Face answered 404" in banner(tab).inner_text())
        assert tab.violations() == []
        tab.page.screenshot(path=pictures / "first-run-failed.png")
        shelf.put(["starter"])
        tab.page.get_by_role("button", name="重试").click()
        tab.wait(lambda: banner(tab).count() == 0, FETCHED_S)
        assert {each["status"] for each in engines(server).values()} == {"ready"}
        assert httpx.get(f"{server.url}/ready").status_code == 200
        tab.page.context.close()


def test_ctrl_c_while_weights_arrive_keeps_what_has_come(shelf: Shelf, empty: Home) -> None:
    shelf.put(["starter"], slow=[LLM])
    with started(empty) as server:
        server.wait(lambda: engines(server)["llm"].get("done", 0) > 100_000)
        family = server.family()
        assert server.stop() == 0
        assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    (kept,) = (empty.folder / "cache" / "weights" / ".incoming" / LLM / "partial").iterdir()
    assert kept.stat().st_size > 100_000
