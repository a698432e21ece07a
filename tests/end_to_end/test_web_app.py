import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, ViewportSize
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.processes import Server
from tests.end_to_end.voices import heard_meanwhile, spoken

from myna.server import web_page

pytestmark = pytest.mark.models

MOST_SCRIPT = 150_000
"""Bytes of JavaScript, gzipped."""

HOSTILE = [
    "<script>window.harmed = 1</script><img src=x onerror=window.harmed=1><svg onload=window.harmed=1>",
    "[here](javascript:window.harmed=1) ![a](data:text/html,<script>window.harmed=1</script>) [ok](https://example.org)",
    "<iframe srcdoc='<script>parent.harmed=1</script>'></iframe><style>* { display: none }</style>",
    "\u202egnirts a \u2066 of turns",
    "> " * 3000 + "deep",
    "**a" * 3000,
    "word " * 4000,
]

LONG = "Tell me a long story about a lighthouse."


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture
def tab(browse: Callable[..., Tab], steady: Server) -> Iterator[Tab]:
    """With the English assistant, who has greeted."""
    tab = browse(steady.url)
    choose(tab, "Myna")
    tab.wait(lambda: replies(tab).count() == 1 and state(tab) == "idle")
    yield tab
    assert not tab.problems
    assert notes(tab) == []
    tab.page.context.close()


def choose(tab: Tab, name: str) -> None:
    tab.page.get_by_role("button").filter(has=tab.page.get_by_text(name, exact=True)).click()


def notes(tab: Tab) -> list[str]:
    """What went wrong, as the user is told."""
    return tab.page.locator(".note").all_inner_texts()


def replies(tab: Tab) -> Locator:
    return tab.page.locator("[data-kind=reply]")


def state(tab: Tab) -> str | None:
    return tab.page.locator(".stage").get_attribute("data-state")


def write(tab: Tab, text: str) -> None:
    tab.page.get_by_label("Your message").fill(text)
    tab.page.keyboard.press("Enter")


def answered(tab: Tab, count: int) -> str:
    """The newest of so many replies, when it is written and spoken."""

    def done() -> bool:
        return (
            replies(tab).count() == count and state(tab) == "idle" and tab.page.locator("[aria-busy=true]").count() == 0
        )

    tab.wait(done)
    return replies(tab).last.locator(".markdown").inner_text()


def test_what_is_typed_is_answered_aloud(tab: Tab, steady: Server) -> None:
    tab.played()
    write(tab, "What is the capital of France?")
    reply = answered(tab, 2)
    assert "Paris" in reply
    assert "[" not in reply
    assert "Paris" in heard_meanwhile(steady.url, tab.played(), "en")


def test_what_is_said_is_heard_and_answered_aloud(tab: Tab, steady: Server) -> None:
    tab.played()
    tab.speak(spoken(steady.url, "What is the capital of France?"))
    assert "Paris" in answered(tab, 2)
    tab.wait(lambda: "capital of France" in tab.page.locator("[data-kind=user] .text").inner_text())
    assert "Paris" in heard_meanwhile(steady.url, tab.played(), "en")


def test_who_speaks_interrupts_and_sees_what_was_heard(tab: Tab, steady: Server) -> None:
    write(tab, LONG)
    tab.wait(lambda: state(tab) == "speaking")
    tab.speak(spoken(steady.url, "Stop, stop. What is the capital of France?"))
    tab.wait(lambda: tab.page.locator("[data-state=interrupted]").count() == 1)
    tab.wait(tab.page.get_by_text("Interrupted: you heard it up to here").is_visible)
    tab.wait(lambda: tab.page.locator("[data-kind=user]").count() == 2)


def test_stop_ends_a_reply_at_once(tab: Tab) -> None:
    write(tab, LONG)
    tab.wait(lambda: state(tab) == "speaking")
    tab.page.get_by_role("button", name="Stop").click()
    tab.wait(lambda: state(tab) == "idle")
    tab.wait(lambda: replies(tab).last.get_attribute("data-state") in {"stopped", "interrupted"})
    write(tab, "What is the capital of France?")
    assert "Paris" in answered(tab, 3)


def test_what_was_asked_can_be_asked_otherwise_and_answered_anew(tab: Tab) -> None:
    write(tab, "What is the capital of France?")
    assert "Paris" in answered(tab, 2)
    first = replies(tab).last.element_handle()
    tab.page.get_by_role("button", name="Answer again").click()
    tab.wait(lambda: not first.evaluate("(reply) => reply.isConnected"))
    assert "Paris" in answered(tab, 2)
    tab.page.locator("[data-kind=user]").hover()
    tab.page.get_by_role("button", name="Edit and send again").click()
    tab.page.get_by_role("textbox", name="Edit and send again").fill("What is the capital of Italy?")
    tab.page.keyboard.press("Enter")
    tab.wait(lambda: "Italy" in tab.page.locator("[data-kind=user] .text").inner_text())
    assert "Rome" in answered(tab, 2)


def test_a_reload_goes_on_in_the_same_conversation(tab: Tab) -> None:
    write(tab, "My name is Bartholomew.")
    answered(tab, 2)
    before = tab.page.locator("article").all_inner_texts()
    tab.page.reload()
    tab.wait(lambda: tab.page.locator("article").count() == len(before))
    write(tab, "What is my name? Say only the name.")
    assert "Bartholomew" in answered(tab, 3)


def test_another_persona_begins_anew_in_its_own_language(tab: Tab) -> None:
    write(tab, "Hello!")
    answered(tab, 2)
    tab.page.get_by_role("link", name="Settings").click()
    tab.page.get_by_label("Language").select_option("zh")
    tab.page.get_by_role("link", name="角色").click()
    choose(tab, "孙悟空")
    tab.wait(lambda: replies(tab).count() == 1 and "俺老孙" in replies(tab).inner_text())
    tab.wait(lambda: state(tab) == "idle")
    tab.page.get_by_label("你的消息").fill("你是谁？")
    tab.page.keyboard.press("Enter")
    assert answered(tab, 2)


def test_a_server_that_comes_back_is_talked_to_again(browse: Callable[..., Tab], start: Callable[..., Server]) -> None:
    first = start("--set", "llm.temperature=0")
    first.wait_ready()
    tab = browse(first.url)
    choose(tab, "Myna")
    answered(tab, 1)  # the greeting
    write(tab, "My name is Bartholomew.")
    answered(tab, 2)
    first.stop()
    tab.wait(lambda: tab.page.get_by_text("The connection is lost.").is_visible())
    write(tab, "What is my name? Say only the name.")
    tab.wait(tab.page.get_by_text("Waits for the connection: What is my name?").is_visible)
    start("--set", "llm.temperature=0", "--port", first.url.rpartition(":")[2]).wait_ready()
    assert "Bartholomew" in answered(tab, 3)
    tab.wait(lambda: not tab.page.get_by_text("The connection is lost.").is_visible())
    assert notes(tab) == []
    tab.page.context.close()


def test_what_was_said_is_found_again_and_what_is_remembered_is_shown(tab: Tab) -> None:
    write(tab, "Remember that my cat is called Bartholomew.")
    answered(tab, 2)
    tab.page.get_by_role("link", name="Memory").click()
    tab.wait(lambda: tab.page.get_by_text("Bartholomew").count() > 0 or (tab.page.reload() and False))
    tab.page.get_by_role("link", name="Talk").click()
    tab.page.get_by_role("button", name="New").click()
    answered(tab, 1)
    tab.page.get_by_role("link", name="History").click()
    tab.page.get_by_role("searchbox").fill("bartholomew")
    tab.page.get_by_role("button").filter(has_text="Remember that my cat").first.click()
    tab.wait(lambda: tab.page.locator("[data-kind=user]").count() == 1)
    tab.wait(lambda: "Bartholomew" in tab.page.locator("[data-kind=user] .text").inner_text())


def test_a_reply_that_means_harm_does_none(tab: Tab, steady: Server) -> None:
    attack = "".join(f"{hostile}\n\n" for hostile in HOSTILE)
    said = {"turn": "t1", "heard": attack, "raw": attack, "outcome": "completed"}
    file = {
        "format": "myna.conversation",
        "version": 1,
        "exported_at": "2026-01-01T00:00:00Z",
        "conversation": {"id": "any", "persona": "assistant", "title": "<img src=x onerror=window.harmed=1>"},
        "messages": [
            {"type": "user", "id": "u1", "turn": "t1", "text": "<b>Hi</b>\u202etxt.exe"},
            {"type": "assistant", "id": "a1", "text": attack, **said},
        ],
    }
    assert httpx.post(f"{steady.url}/api/conversations/import", json=file).status_code == 201
    tab.page.get_by_role("link", name="History").click()
    tab.page.get_by_role("button").filter(has_text="<img src=x").first.click()
    tab.wait(lambda: replies(tab).count() == 1)
    assert tab.page.evaluate("window.harmed") is None
    links = tab.page.evaluate("[...document.querySelectorAll('.markdown a')].map(({protocol}) => protocol)")
    assert set(links) <= {"https:"}
    assert tab.page.locator(".transcript :is(img, script, iframe, style, svg[onload])").count() == 0
    assert "\u202e" not in tab.page.locator(".transcript").inner_text()
    write(tab, "What is the capital of France?")
    answered(tab, 2)


def test_the_page_is_small_enough_for_a_slow_network() -> None:
    scripts = [path.read_bytes() for path in (web_page.BUILT / "assets").glob("*.js")]
    assert sum(len(gzip.compress(script)) for script in scripts) < MOST_SCRIPT


@pytest.mark.parametrize("look", ["light", "dark", "phone", "zh"])
def test_every_page_can_be_used_and_read_by_everybody(
    browse: Callable[..., Tab], steady: Server, look: str, tmp_path: Path
) -> None:
    options = {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
        "zh": {"locale": "zh-CN"},
    }
    tab = browse(steady.url, **options[look], reduced_motion="reduce")
    tab.wait(lambda: tab.page.locator("nav a").count() > 0)
    found: dict[str, list[str]] = {}
    for link in tab.page.locator("nav a").all():
        link.click()
        tab.page.wait_for_timeout(200)
        found[link.inner_text()] = tab.violations()
        tab.page.screenshot(path=tmp_path / f"{len(found)}.png")
        size: ViewportSize | None = tab.page.viewport_size
        assert size
        assert tab.page.evaluate("innerWidth") == size["width"], "it is wider than the screen"
    assert {page: rules for page, rules in found.items() if rules} == {}
    assert not [problem for problem in tab.problems if "axe" not in problem]
