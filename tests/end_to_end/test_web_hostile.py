"""Replies and personas that mean harm do none while they come, and what comes without end can be stopped."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.processes import Server
from tests.end_to_end.test_web_app import HOSTILE, answered, choose, notes, replies, state, write

TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""What turns the direction of the text behind it."""

ACTIVE = ":is(img, script, iframe, object, embed, style, link, form, base, meta, [onerror], [onload], [style*=url])"
NAMES = [
    "<img src=x onerror=window.harmed=1>",
    "<script>window.harmed=1</script>",
    "{{constructor.constructor('window.harmed=1')()}}",
    "\u202egnirts a",
    "a\u2067b\u2069\u202e",
    "M" * 3000,
    "\N{COMBINING GRAVE ACCENT}" * 500 + "zalgo",
    "__proto__",
]
PERSONAS = 500
LONG_GREETING = "<b>hello</b> " * 8000
"""100 kB."""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


def silent(context: BrowserContext) -> None:
    """Replies are text alone, so that nobody waits until they are spoken."""
    context.add_init_script("localStorage.myna ??= JSON.stringify({ voice: 'none' })")


@pytest.fixture
def asked() -> list[str]:
    """Where requests went."""
    return []


@pytest.fixture
def tab(browse: Callable[..., Tab], parrot: Server, asked: list[str]) -> Iterator[Tab]:
    tab = browse(parrot.url, prepare=silent)
    tab.page.on("request", lambda request: asked.append(request.url))
    choose(tab, "Myna")
    answered(tab, 1)
    yield tab
    assert tab.page.evaluate("window.harmed") is None
    assert [url for url in asked if not url.startswith((parrot.url, "blob:", "ws://127.0.0.1"))] == []
    assert not tab.problems
    assert notes(tab) == []
    assert len(tab.page.context.pages) == 1
    tab.page.context.close()


def test_a_reply_that_means_harm_does_none_while_it_is_written(tab: Tab) -> None:
    for before, attack in enumerate(HOSTILE, 1):
        write(tab, f"3 times every 10 ms {attack}\n\n")
        answered(tab, before + 1)
        assert tab.page.evaluate("window.harmed") is None
        assert tab.page.locator(f".transcript {ACTIVE}").count() == 0
        links = tab.page.evaluate("[...document.querySelectorAll('.transcript a')].map(({ protocol }) => protocol)")
        assert set(links) <= {"https:", "http:", "mailto:"}
        assert not set(TURNS) & set(tab.page.locator(".transcript").inner_text())
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the screen"
    write(tab, "a e i")
    assert answered(tab, len(HOSTILE) + 2) == "a e i"


def test_a_huge_reply_is_shown_and_the_page_can_still_be_used(tab: Tab) -> None:
    write(tab, f"100 times {'word ' * 1000}")  # half a megabyte
    assert len(answered(tab, 2).split()) == 100_000
    write(tab, "a e i")
    assert answered(tab, 3) == "a e i"


def test_an_endless_reply_can_be_stopped(tab: Tab) -> None:
    write(tab, "endless times every 2 ms **word** [x](https://example.org)")
    tab.wait(lambda: replies(tab).last.locator("a").count() > 100)
    tab.page.get_by_role("button", name="Stop").click()
    tab.wait(lambda: state(tab) == "idle" and tab.page.locator("[aria-busy=true]").count() == 0)
    tab.wait(lambda: replies(tab).last.get_attribute("data-state") == "stopped")
    before = replies(tab).last.inner_text()
    tab.page.wait_for_timeout(300)
    assert replies(tab).last.inner_text() == before
    write(tab, "a e i")
    assert answered(tab, 3) == "a e i"


def test_whether_replies_are_shown_while_they_are_written_is_a_setting(tab: Tab) -> None:
    longest: dict[bool, int] = {}
    for streams in (True, False):
        tab.page.get_by_role("link", name="Settings").click()
        tab.page.get_by_label("Show replies while they are written").set_checked(streams)
        tab.page.get_by_role("link", name="Talk").click()
        tab.wait(lambda: replies(tab).count() > 0)
        count = replies(tab).count()
        tab.page.evaluate(_WATCH, count + 1)
        write(tab, f"40 times every 20 ms {'on' if streams else 'off'}-word")
        answered(tab, count + 1)
        longest[streams] = tab.page.evaluate("longest")
        assert len(replies(tab).last.locator(".markdown").inner_text().split()) == 40
    assert longest[True] > 50
    assert longest[False] == 0


_WATCH = """
(count) => {
  window.longest = 0
  window.watcher?.disconnect()
  window.watcher = new MutationObserver(() => {
    const busy = document.querySelectorAll('[data-kind=reply]')[count - 1]?.closest('[aria-busy=true]')
    window.longest = Math.max(window.longest, busy?.querySelector('.markdown')?.innerText.length ?? 0)
  })
  const all = { subtree: true, childList: true, characterData: true, attributes: true }
  watcher.observe(document.querySelector('.transcript'), all)
}
"""
"""Notes how much of so manieth a reply is shown while it is still being written."""


def hostile_personas(context: BrowserContext) -> None:
    """After the server's own come many that a page should be afraid of."""

    def fulfill(route: Route) -> None:
        answer = route.fetch()
        told: dict[str, Any] = answer.json()
        usual: dict[str, Any] = told["personas"][0]
        greeting = {"greeting": LONG_GREETING, "greetings": [LONG_GREETING] * 3}
        for place in range(PERSONAS):
            hostile = {"id": f"hostile-{place}", "name": NAMES[place % len(NAMES)], "avatar": NAMES[place % 2]}
            told["personas"].append(usual | hostile | (greeting if place < 5 else {}) | {"picture": None})
        route.fulfill(response=answer, json=told)

    silent(context)
    context.route("**/api/personas", fulfill)


def test_personas_that_mean_harm_do_none(browse: Callable[..., Tab], parrot: Server) -> None:
    tab = browse(parrot.url, prepare=hostile_personas)
    page: Page = tab.page
    cards = page.get_by_role("listitem")
    tab.wait(lambda: cards.count() >= PERSONAS)
    assert page.evaluate("window.harmed") is None
    assert page.locator(f"main {ACTIVE}").count() == 0
    assert not set(TURNS) & set(page.locator("main").inner_text())
    tab.wait(page.get_by_text(NAMES[0], exact=True).first.is_visible)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the screen"
    highest = "Math.max(...[...document.querySelectorAll('main li')].map((card) => card.offsetHeight))"
    assert page.evaluate(highest) < 1000
    choose(tab, "Myna")
    answered(tab, 1)
    write(tab, "a e i")
    assert answered(tab, 2) == "a e i"
    assert page.evaluate("window.harmed") is None
    assert not tab.problems
    tab.page.context.close()
