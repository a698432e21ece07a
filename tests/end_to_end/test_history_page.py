"""Conversations as the web app shows and opens them, and what of them is kept."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Response
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.processes import Home, Server
from tests.end_to_end.test_web_app import answered, choose, notes, replies, state, write

pytestmark = pytest.mark.models

MESSAGES = 2000
MOST_BYTES = 100_000
"""Of the answer that opens a conversation, whatever its length."""

LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
    "zh": {"locale": "zh-CN"},
}


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture(scope="module")
def long(steady: Server) -> str:
    """The id of a conversation with many messages, over some days."""
    begun = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=9)
    kept: list[dict[str, str]] = []
    for turn in range(MESSAGES // 2):
        at = (begun + timedelta(minutes=13 * turn)).isoformat()
        said = f"Answer {turn}."
        kept.append({"type": "user", "id": f"u{turn}", "turn": f"t{turn}", "at": at, "text": f"Question {turn}?"})
        told = {"text": said, "heard": said, "raw": said, "outcome": "completed"}
        kept.append({"type": "assistant", "id": f"a{turn}", "turn": f"t{turn}", "at": at} | told)
    file = {
        "format": "myna.conversation",
        "version": 1,
        "exported_at": datetime.now(UTC).isoformat(),
        "conversation": {"id": "any", "persona": "assistant", "title": "Two thousand"},
        "messages": kept,
    }
    answer = httpx.post(f"{steady.url}/api/conversations/import", json=file, timeout=120)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def questions(tab: Tab) -> list[int]:
    """The numbers of the questions that are there, in order, also of those that are not in view."""
    texts = tab.page.locator("[data-kind=user] .text").all_text_contents()
    return [int(text.strip()[9:-1]) for text in texts if "Question" in text]


def open_long(tab: Tab, label: str = "History") -> list[bytes]:
    """Open the long conversation from the list; gives what the server answered, as it comes."""
    bodies: list[bytes] = []

    def keep(response: Response) -> None:
        if "/api/conversations/conv_" in response.url:
            bodies.append(response.body())

    tab.page.on("response", keep)
    tab.page.get_by_role("link", name=label).click()
    tab.page.get_by_role("button").filter(has_text="Two thousand").first.click()
    tab.wait(lambda: MESSAGES // 2 - 1 in questions(tab))
    return bodies


def test_a_greeting_alone_is_neither_kept_nor_listed_and_is_kept_with_the_first_word(
    browse: Callable[..., Tab], steady: Server, home: Home
) -> None:
    tab = browse(steady.url)
    choose(tab, "Myna")
    tab.wait(lambda: replies(tab).count() == 1 and state(tab) == "idle")
    place = "sessionStorage.getItem('myna.conversation').split('\\n')[1]"
    tab.wait(lambda: tab.page.evaluate(place))
    conversation: str = tab.page.evaluate(place)
    address = f"{steady.url}/api/conversations"

    def kept() -> int:
        with closing(sqlite3.connect(home.folder / "data" / "myna.db")) as database:
            wanted = "SELECT count(*) FROM messages WHERE conversation_id = ?"
            return database.execute(wanted, (conversation,)).fetchone()[0]

    def listed() -> list[str]:
        return [each["id"] for each in httpx.get(f"{address}?limit=200").json()["conversations"]]

    assert kept() == 0
    assert conversation not in listed()
    tab.page.reload()
    tab.wait(lambda: replies(tab).count() == 1 and state(tab) == "idle")
    assert tab.page.evaluate(place) == conversation, "its id still holds"
    assert replies(tab).count() == 1, "and it does not greet twice"
    write(tab, "What is the capital of France?")
    assert "Paris" in answered(tab, 2)
    tab.wait(lambda: kept() == 3)
    assert [each["type"] for each in httpx.get(f"{address}/{conversation}").json()["messages"]] == [
        "assistant",
        "user",
        "assistant",
    ]
    assert conversation in listed()
    assert not tab.problems
    assert notes(tab) == []
    tab.page.context.close()


def test_a_long_conversation_opens_with_its_newest_and_goes_back(
    browse: Callable[..., Tab], steady: Server, long: str
) -> None:
    tab = browse(steady.url)
    bodies = open_long(tab)
    newest = questions(tab)
    assert newest == list(range(newest[0], MESSAGES // 2))
    assert len(newest) < 100
    assert len(bodies) == 1
    assert len(bodies[0]) < MOST_BYTES
    tab.page.get_by_role("button", name="Show earlier messages").click()
    tab.wait(lambda: questions(tab)[0] < newest[0])
    box = tab.page.locator(".transcript")
    for _ in range(5):
        first = questions(tab)[0]
        box.evaluate("(box) => { box.scrollTop = 0 }")
        tab.wait(lambda first=first: questions(tab)[0] < first)
        tab.page.wait_for_timeout(200)
        read = tab.page.locator("[data-kind=user]").filter(has_text=f"Question {first}?").bounding_box()
        assert read
        assert -200 < read["y"] < 1000, "what was read is still in view"
    numbers = questions(tab)
    assert numbers == list(range(numbers[0], MESSAGES // 2)), "none twice, none left out"
    box.focus()

    def at_the_beginning() -> bool:
        tab.page.keyboard.press("Home")
        return questions(tab)[0] == 0

    tab.wait(at_the_beginning)
    assert questions(tab) == list(range(MESSAGES // 2))
    assert tab.page.get_by_role("button", name="Show earlier messages").count() == 0
    assert all(len(body) < MOST_BYTES for body in bodies)
    assert not tab.problems
    tab.page.context.close()


@pytest.mark.parametrize("look", list(LOOKS))
def test_messages_and_days_tell_when_they_were_and_everybody_can_read_it(
    browse: Callable[..., Tab], steady: Server, long: str, look: str
) -> None:
    tab = browse(steady.url, **LOOKS[look], reduced_motion="reduce", timezone_id="UTC")
    open_long(tab, "历史" if look == "zh" else "History")
    last = tab.page.locator("[data-kind=user]").last.locator("time")
    at = datetime.fromisoformat(last.get_attribute("datetime") or "")
    shown = f"{at.hour}:{at:%M}" if look == "zh" else f"{at:%-I:%M %p}"
    tab.wait(lambda: last.inner_text().replace("\u202f", " ") == shown)
    tab.wait(tab.page.locator("[data-kind=reply] time").last.is_visible)
    days = tab.page.locator(".day")
    assert days.count() >= 1
    assert ("月" if look == "zh" else "day") in days.last.inner_text().lower() or at.date() >= (
        datetime.now(UTC) - timedelta(days=1)
    ).date()
    for label in ("earlier", "later"):
        assert tab.violations() == [], label
        if label == "earlier":
            tab.page.locator(".earlier").click()
            tab.page.wait_for_timeout(300)
    assert tab.page.evaluate("innerWidth") == (tab.page.viewport_size or {}).get("width"), "it is wider than the screen"
    assert not [problem for problem in tab.problems if "axe" not in problem]
    tab.page.context.close()
