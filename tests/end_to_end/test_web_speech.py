"""People's recorded Mandarin in the page's microphone, and the pictures of the docs; real models."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.processes import Server
from tests.end_to_end.test_web_app import answered, choose, notes, state
from tests.engines.recordings import Recording, needs_recordings, recording

from myna.testing.microphone import likeness

pytestmark = [pytest.mark.models, pytest.mark.long]

LIKE = 0.6
"""How much of what was said has to be understood, as in the spoken dialogues."""

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 780},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
SEEN: dict[str, dict[str, Any]] = {
    "web": {},
    "web-zh": {"locale": "zh-CN"},
    "web-dark": {"color_scheme": "dark"},
    "web-phone": {"locale": "zh-CN", **PHONE},
}
"""The pictures of the docs."""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


def meet(browse: Callable[..., Tab], server: Server, name: str, **options: Any) -> Tab:
    """With somebody who has greeted."""
    tab = browse(server.url, **options)
    choose(tab, name)
    answered(tab, 1)
    return tab


def turn_on(tab: Tab, said: Recording) -> None:
    tab.hear(said.samples)
    tab.page.get_by_role("button", name="打开麦克风").click()


@needs_recordings
@pytest.mark.parametrize("name", ["SSB00730374.wav", "SSB02460212.wav"])
def test_recorded_mandarin_is_heard_and_answered(browse: Callable[..., Tab], steady: Server, name: str) -> None:
    said = recording(name)
    tab = meet(browse, steady, "孙悟空", locale="zh-CN")
    turn_on(tab, said)
    heard = tab.page.locator("[data-kind=user] .text")
    tab.wait(lambda: heard.count() == 1)
    assert answered(tab, 2)
    assert likeness(heard.inner_text(), said.text) >= LIKE, heard.inner_text()
    assert notes(tab) == []
    assert not tab.problems
    tab.page.context.close()


@needs_recordings
def test_recorded_mandarin_interrupts(browse: Callable[..., Tab], steady: Server) -> None:
    tab = meet(browse, steady, "孙悟空", locale="zh-CN")
    tab.page.get_by_label("你的消息").fill("给我讲一个很长很长的故事，至少二十句话。")
    tab.page.keyboard.press("Enter")
    tab.wait(lambda: state(tab) == "speaking")
    turn_on(tab, recording("SSB00730374.wav"))
    tab.wait(lambda: tab.page.locator("[data-state=interrupted]").count() == 1)
    tab.wait(lambda: tab.page.locator("[data-kind=user]").count() == 2)
    tab.page.context.close()


@pytest.mark.parametrize("picture", SEEN)
def test_a_conversation_has_its_picture(
    browse: Callable[..., Tab], steady: Server, picture: str, tmp_path: Path
) -> None:
    """``PICTURES=docs/pictures`` makes those of the docs."""
    chinese = "locale" in SEEN[picture]
    tab = meet(browse, steady, "孙悟空" if chinese else "Myna", **SEEN[picture], reduced_motion="reduce")
    said = tab.page.get_by_label("你的消息" if chinese else "Your message")
    said.fill("你是谁？" if chinese else "What is the capital of France?")
    tab.page.keyboard.press("Enter")
    answered(tab, 2)
    said.blur()
    tab.page.screenshot(path=Path(os.environ.get("PICTURES", tmp_path)) / f"{picture}.png")
    assert tab.violations() == []
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.page.context.close()
