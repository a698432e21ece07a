"""*Inside*: what the web app shows of what goes on, in Chromium, with real engines."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, WebSocket
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.processes import Server
from tests.end_to_end.voices import spoken

from myna.core.audio import HEARING_RATE

pytestmark = pytest.mark.models

WATCH = """
() => {
  window.seen = { speech: [], states: [] }
  const look = () => {
    const [meter, state] = [document.querySelector('[role=meter]'), document.querySelector('.state')]
    if (meter) seen.speech.push(Number(meter.getAttribute('aria-valuenow')))
    if (state && seen.states.at(-1) !== state.dataset.state) seen.states.push(state.dataset.state)
    requestAnimationFrame(look)
  }
  look()
}
"""
"""Has the page keep what its first meter and its state showed."""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go: ``PICTURES=docs/pictures`` makes those of the docs."""
    return Path(os.environ.get("PICTURES", tmp_path))


@pytest.fixture
def tab(browse: Callable[..., Tab], steady: Server) -> Iterator[Tab]:
    """With the English assistant, who has greeted."""
    tab = browse(steady.url)
    greeted(tab)
    yield tab
    assert not [problem for problem in tab.problems if "axe" not in problem]
    tab.page.context.close()


def greeted(tab: Tab) -> None:
    tab.page.get_by_role("button").filter(has=tab.page.get_by_text("Myna", exact=True)).click()
    idle(tab, 1)


def idle(tab: Tab, replies: int) -> None:
    """Until so many replies are written and spoken."""
    tab.wait(
        lambda: (
            tab.page.locator("[data-kind=reply]").count() == replies
            and tab.page.locator(".stage").get_attribute("data-state") == "idle"
            and tab.page.locator("[aria-busy=true]").count() == 0
        )
    )


def write(tab: Tab, text: str) -> None:
    tab.page.get_by_label("Your message").fill(text)
    tab.page.keyboard.press("Enter")


def inside(tab: Tab) -> None:
    tab.page.get_by_role("link", name="Inside").click()


def stages(tab: Tab) -> list[str | None]:
    """The rows of the waterfall."""
    return [row.get_attribute("data-stage") for row in tab.page.locator("tr[data-stage]").all()]


def bars(tab: Tab) -> dict[str, tuple[float, float]]:
    """From where to where the bars of the waterfall reach, in pixels."""
    found: dict[str, tuple[float, float]] = {}
    for row in tab.page.locator("tr[data-stage]").all():
        box = row.locator(".bar").bounding_box()
        assert box
        found[row.get_attribute("data-stage") or ""] = (box["x"], box["x"] + box["width"])
    return found


def turns(tab: Tab) -> Locator:
    return tab.page.get_by_role("radio")


def test_the_meters_move_with_speech_and_the_waterfall_is_filled_after_the_turn(
    tab: Tab, steady: Server, pictures: Path
) -> None:
    inside(tab)
    tab.wait(tab.page.get_by_text("The microphone is off.").is_visible)
    said = spoken(steady.url, "What is the capital of France, and what is the capital of Italy?")
    tab.page.evaluate(WATCH)
    tab.speak(np.concatenate([np.zeros(2 * HEARING_RATE, np.float32), said]))
    tab.wait(lambda: tab.page.locator(".state[data-state=speech]").count() == 1)
    tab.page.screenshot(path=pictures / "inside-speech.png")
    here = tab.page.get_by_role("link", name="This conversation")  # until then the newest turn of the server is shown
    tab.wait(lambda: here.is_visible() and "first_played" in stages(tab))
    assert stages(tab) == [
        "sure",
        "heard",
        *(["recalled"] if "recalled" in stages(tab) else []),
        "first_token",
        "first_segment",
        "first_audio",
        "first_played",
    ]
    seen: dict[str, Any] = tab.page.evaluate("seen")
    assert max(seen["speech"]) > 0.8
    assert min(seen["speech"]) < 0.1
    states = seen["states"]
    assert states.index("silence") < states.index("speech") < states.index("waiting")
    drawn = bars(tab)
    assert drawn["heard"][0] == drawn["sure"][0]
    assert drawn["first_token"][1] == pytest.approx(drawn["first_segment"][0], abs=4)
    assert drawn["first_audio"][1] >= drawn["sure"][1] - 4  # nothing is said before it is sure
    tab.wait(lambda: tab.page.get_by_text("all said after").is_visible())
    tab.page.screenshot(path=pictures / "inside.png")


def test_a_turn_of_another_conversation_is_chosen_with_the_keyboard_and_opened(tab: Tab) -> None:
    write(tab, "What is the capital of Norway?")
    idle(tab, 2)
    tab.page.get_by_role("button", name="New").click()
    idle(tab, 1)
    write(tab, "What is the capital of Sweden?")
    idle(tab, 2)
    tab.page.reload()
    inside(tab)
    tab.wait(lambda: turns(tab).count() >= 2)
    newest = turns(tab).last
    tab.wait(newest.is_checked)
    tab.wait(tab.page.get_by_role("link", name="This conversation").is_visible)
    newest.focus()
    tab.page.keyboard.press("ArrowLeft")
    tab.wait(lambda: not newest.is_checked())
    tab.wait(turns(tab).nth(turns(tab).count() - 2).is_checked)
    tab.wait(lambda: "first_token" in stages(tab))
    tab.page.get_by_role("button", name="Later turn").click()
    tab.wait(newest.is_checked)
    tab.page.get_by_role("button", name="Earlier turn").click()
    tab.page.get_by_role("button", name="Open the conversation with Myna").click()
    tab.wait(lambda: tab.page.locator("[data-kind=user]").count() == 1)
    tab.wait(lambda: "Norway" in tab.page.locator("[data-kind=user] .text").inner_text())


def test_levels_are_sent_only_while_somebody_looks(tab: Tab) -> None:
    told: list[str] = []
    asked: list[list[str]] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: told.append(json.loads(frame)["type"]))
        socket.on("framesent", lambda frame: note(json.loads(frame)))

    def note(sent: dict[str, Any]) -> None:
        if sent["type"] == "session.update":
            asked.append(sent["session"]["myna"]["events"])

    tab.page.on("websocket", listen)
    tab.page.reload()
    tab.wait(lambda: bool(asked))
    tab.speak(np.zeros(HEARING_RATE, np.float32))
    tab.page.wait_for_timeout(1000)
    assert "myna.levels" not in told
    inside(tab)
    tab.wait(lambda: told.count("myna.levels") > 5)
    tab.page.get_by_role("link", name="Talk").click()
    tab.wait(lambda: "levels" not in asked[-1])
    tab.wait(lambda: told[-1] == "session.updated" or "session.updated" in told[-3:])
    before = told.count("myna.levels")
    tab.page.wait_for_timeout(1000)
    assert told.count("myna.levels") - before <= 1  # one may have been on its way
    assert [("levels" in events) for events in asked][-2:] == [True, False]


def test_without_a_turn_it_says_so(tab: Tab) -> None:
    tab.page.route("**/api/turns?*", lambda route: route.fulfill(json={"turns": []}))
    inside(tab)
    tab.wait(lambda: tab.page.get_by_text("No turn yet.").is_visible())
    assert turns(tab).count() == 0
    assert tab.violations() == []


def test_what_the_server_does_not_tell_is_told_to_be_missing_and_live_turns_are_there(tab: Tab) -> None:
    why = {"code": "store_unavailable", "message": "The store did not answer.", "hint": "Look after its disk."}
    tab.page.route("**/api/turns?*", lambda route: route.fulfill(status=503, json={"error": why}))
    write(tab, "What is the capital of Portugal?")
    idle(tab, 2)
    inside(tab)
    tab.wait(lambda: tab.page.get_by_role("alert").count() == 1)
    tab.wait(lambda: tab.page.get_by_role("alert").inner_text() == "The store did not answer. Look after its disk.")
    tab.wait(lambda: "first_played" in stages(tab))
    assert turns(tab).count() == 1
    tab.problems.clear()  # the browser itself tells of the 503


@pytest.mark.parametrize("look", ["light", "dark", "phone", "zh"])
def test_it_can_be_used_and_read_by_everybody(
    browse: Callable[..., Tab], steady: Server, look: str, pictures: Path
) -> None:
    body = {"messages": [{"role": "user", "content": "What is the capital of Spain?"}], "session_id": f"inside-{look}"}
    assert httpx.post(f"{steady.url}/llm", json=body, timeout=300).status_code == 200
    options: dict[str, Any] = {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
        "zh": {"locale": "zh-CN"},
    }[look]
    tab = browse(steady.url, **options, reduced_motion="reduce")
    tab.page.goto(f"{steady.url}/#/inside")
    tab.wait(lambda: turns(tab).count() > 0 and tab.page.locator("tr[data-stage]").count() > 0)
    assert tab.violations() == []
    assert tab.page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), "it is wider than the screen"
    tab.page.screenshot(path=pictures / f"inside-{look}.png")
    tab.page.locator("fieldset").scroll_into_view_if_needed()
    tab.page.screenshot(path=pictures / f"inside-plot-{look}.png")
    assert not [problem for problem in tab.problems if "axe" not in problem]
    tab.page.context.close()
