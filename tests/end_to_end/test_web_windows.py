"""Two windows on one conversation, what a reload finds, and a server that wants a key."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.parrot import environ_of, serving_parrot
from tests.end_to_end.processes import MYNA, Server
from tests.end_to_end.test_web_app import answered, choose, notes, replies, write

ELSEWHERE = "This conversation goes on in another window."


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


def lost(tab: Tab) -> bool:
    return tab.page.get_by_text(ELSEWHERE).is_visible()


def second_window(tab: Tab) -> Tab:
    """On the conversation of the first one, as the user finds it in the history."""
    page: Page = tab.page.context.new_page()
    page.goto(tab.page.url.partition("#")[0])
    other = Tab(page, [], tab.microphone)
    other.page.get_by_role("link", name="History").click()
    other.page.get_by_role("button").filter(has_text="one e").first.click()
    other.wait(lambda: other.page.locator("[data-kind=user]").count() == 1)
    return other


def test_the_newest_window_goes_on_and_the_first_one_says_so_and_can_have_it_back(
    browse: Callable[..., Tab], parrot: Server
) -> None:
    first = browse(parrot.url)
    choose(first, "Myna")
    answered(first, 1)
    write(first, "one e")
    answered(first, 2)

    second = second_window(first)
    first.wait(lambda: lost(first))
    write(second, "two o")
    assert answered(second, 3) == "two o"
    assert first.violations() == []
    first.page.wait_for_timeout(1000)
    assert lost(first), "they take it from each other for ever"
    assert not lost(second)

    write(first, "three e")  # what is written here waits, and is not lost
    first.wait(first.page.get_by_text("Waits for the connection: three e").is_visible)
    first.page.get_by_role("button", name="Go on here").click()
    assert answered(first, 4) == "three e"
    first.wait(lambda: replies(first).nth(2).locator(".markdown").inner_text() == "two o")
    assert not lost(first)
    second.wait(lambda: lost(second))
    assert {*notes(first), *notes(second)} <= {"The conversation goes on over another connection."}
    assert not first.problems
    first.page.context.close()


def test_a_reload_goes_on_where_there_is_something_and_asks_for_nothing_else(
    browse: Callable[..., Tab], parrot: Server
) -> None:
    told: list[str | bytes] = []

    def note(frame: str | bytes) -> None:
        told.append(frame)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", note)

    tab = browse(f"{parrot.url}/#/talk")
    tab.page.on("websocket", listen)
    for _ in range(2):  # nobody has touched it: there is no greeting
        told.clear()
        tab.page.reload()
        tab.wait(lambda: told)
    tab.page.get_by_role("link", name="Personas").click()
    choose(tab, "Polly")
    answered(tab, 1)  # what nobody has heard is not there afterwards
    before = place(tab)
    assert "conv_" in before
    tab.page.reload()
    tab.wait(lambda: replies(tab).count() == 1)
    assert place(tab) == before
    assert replies(tab).inner_text().count("Hi.") == 1
    assert not tab.problems, "what is not there was asked for"
    tab.page.context.close()


def place(tab: Tab) -> str:
    """Where a reload goes on."""
    kept: str = tab.page.evaluate("sessionStorage.getItem('myna.conversation') ?? ''")
    return kept


def test_a_key_is_asked_for_until_it_is_right_and_one_that_cannot_be_sent_is_none(
    browse: Callable[..., Tab], tmp_path: Path
) -> None:
    made = subprocess.run(
        [MYNA, "key", "create", "--name", "phone"],
        cwd=tmp_path,
        env=environ_of(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    key = made.stdout.strip()
    with serving_parrot(tmp_path) as server:
        tab = browse(server.url)
        box = tab.page.get_by_label("Key")
        tab.wait(box.is_visible)
        assert tab.violations() == []
        for wrong in ("钥匙", "naïve"):
            box.fill(wrong)
            box.press("Enter")
            assert box.evaluate("box => box.matches(':invalid')")
            assert tab.page.evaluate("localStorage.getItem('myna')") is None
        box.fill("wrong")
        box.press("Enter")
        tab.wait(lambda: "wrong" in (tab.page.evaluate("localStorage.getItem('myna')") or ""))
        tab.wait(tab.page.get_by_label("Key").is_visible)

        # As an older page, or another hand, may have left it.
        tab.page.evaluate("localStorage.setItem('myna', JSON.stringify({ key: '钥匙' }))")
        tab.page.reload()
        tab.wait(tab.page.get_by_label("Key").is_visible)
        tab.page.get_by_label("Key").fill(f" {key} ")
        tab.page.get_by_label("Key").press("Enter")
        choose(tab, "Myna")
        answered(tab, 1)
        write(tab, "a e i")
        assert answered(tab, 2) == "a e i"
        unexpected = [problem for problem in tab.problems if "401" not in problem]
        assert not unexpected, "what a server refuses is in the console, and nothing else"
        tab.page.context.close()
