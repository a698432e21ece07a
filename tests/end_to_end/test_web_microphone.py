"""The microphone in the page: who may not have it is told what to do, and who has it is heard when he wants to be."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocket
from tests.end_to_end.browser import FAKE_MICROPHONE, Tab, open_browser
from tests.end_to_end.conftest import OTHER_NAME
from tests.end_to_end.parrot import HEARD
from tests.end_to_end.processes import Server
from tests.end_to_end.test_web_app import answered, choose, notes, replies, state, write
from tests.end_to_end.utterance import babble

FAKE_DEVICE = "--use-fake-device-for-media-stream"
SHORTEST_FRAMES = 10
"""Push-to-talk of less than 200 ms is taken for a mistake."""

DENIED = {
    "NotAllowedError": "Allow it beside the address",
    "SecurityError": "Allow it beside the address",
    "NotFoundError": "Plug one in",
    "OverconstrainedError": "Plug one in",
    "NotReadableError": "Close it there",
    "AbortError": "Close it there",
    "UnknownError": "could not be opened",
}
"""What a browser says, and what the page says then."""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture
def sent() -> list[str]:
    """The types of all events that pages send."""
    return []


@pytest.fixture
def tab(browse: Callable[..., Tab], parrot: Server, sent: list[str]) -> Iterator[Tab]:
    """With the English assistant, who has greeted."""

    def watch(context: BrowserContext) -> None:
        def note(message: str | bytes) -> None:
            sent.append(json.loads(message)["type"])

        def listen(socket: WebSocket) -> None:
            socket.on("framesent", note)

        def watch_page(page: Page) -> None:
            page.on("websocket", listen)

        context.on("page", watch_page)
        context.add_init_script(_STREAMS)
        context.add_init_script(SILENT)

    tab = browse(parrot.url, prepare=watch)
    choose(tab, "Myna")
    answered(tab, 1)
    yield tab
    assert not tab.problems
    assert notes(tab) == []
    tab.page.context.close()


SILENT = "localStorage.myna ??= JSON.stringify({ voice: 'none' })"
"""Replies are text alone, so that nobody waits until they are spoken."""

_STREAMS = """
window.streams = []
if (navigator.mediaDevices) {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted)
    window.streams.push({ stream })
    return stream
  }
}
"""


def greeted(tab: Tab) -> None:
    choose(tab, "Myna")
    tab.wait(lambda: replies(tab).count() == 1 and state(tab) == "idle")


def told(tab: Tab) -> str:
    """What the page says of the microphone."""
    alert = tab.page.locator(".composer").get_by_role("alert")
    tab.wait(lambda: alert.count() == 1)
    return alert.inner_text()


def assert_text_works(tab: Tab) -> None:
    before = replies(tab).count()
    write(tab, "a b c")
    assert answered(tab, before + 1) == "a b c"
    assert notes(tab) == []


# -------------------------------------------------------------------------------------------------- no microphone


def test_who_refuses_the_microphone_is_told_how_to_allow_it(parrot: Server, tmp_path: Path) -> None:
    with open_browser(tmp_path, [FAKE_DEVICE]) as browse:
        tab = browse(parrot.url)
        greeted(tab)
        tab.page.context.grant_permissions([])  # which refuses all others
        tab.page.get_by_role("button", name="microphone on").click()
        assert DENIED["NotAllowedError"] in told(tab)
        assert tab.violations() == []
        assert_text_works(tab)
        tab.page.context.grant_permissions(["microphone"])
        tab.page.get_by_role("button", name="microphone on").click()
        tab.wait(lambda: tab.page.get_by_role("button", name="microphone off").count() == 1)
        assert tab.page.locator(".composer").get_by_role("alert").count() == 0


def test_a_page_that_is_not_secure_says_how_it_would_be(parrot: Server, tmp_path: Path) -> None:
    arguments: Sequence[str] = (*FAKE_MICROPHONE, f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1")
    with open_browser(tmp_path, arguments) as browse:
        tab = browse(parrot.url.replace("127.0.0.1", OTHER_NAME))
        assert tab.page.evaluate("isSecureContext") is False
        choose(tab, "Myna")
        tab.wait(lambda: tab.page.get_by_role("button", name="microphone on").count() == 1)
        tab.page.get_by_role("button", name="microphone on").click()
        assert "myna serve --https" in told(tab)
        assert tab.violations() == []
        assert_text_works(tab)


def test_whatever_the_browser_says_the_page_says_what_to_do(tab: Tab) -> None:
    for error, advice in DENIED.items():
        tab.page.evaluate(
            """(name) => {
              navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Said by a browser', name))
            }""",
            error,
        )
        tab.page.get_by_role("button", name="microphone on").click()
        tab.wait(lambda advice=advice: advice in told(tab))
        assert "Writing works" in told(tab)
    assert_text_works(tab)


def test_a_microphone_that_is_unplugged_is_told(tab: Tab) -> None:
    tab.speak(babble(0.1))
    tab.wait(lambda: tab.page.get_by_role("button", name="microphone off").count() == 1)
    tab.page.evaluate("streams.at(-1).stream.getTracks()[0].dispatchEvent(new Event('ended'))")
    assert DENIED["NotFoundError"] in told(tab)
    assert tab.page.evaluate("streams.at(-1).stream.getTracks()[0].readyState") == "ended"
    assert_text_works(tab)


# --------------------------------------------------------------------------------------------------------- heard


def settings(tab: Tab, change: Callable[[Page], object]) -> None:
    tab.page.get_by_role("link", name="Settings").click()
    change(tab.page)
    tab.page.get_by_role("link", name="Talk").click()


def frames(sent: list[str]) -> int:
    return sent.count("input_audio_buffer.append")


@pytest.mark.parametrize("by", ["space", "pointer", "keys on the button"])
def test_push_to_talk_sends_what_is_said_while_it_is_held(tab: Tab, sent: list[str], by: str) -> None:
    settings(tab, lambda page: page.get_by_label("Hands-free").uncheck())
    tab.speak(babble(20))
    button = tab.page.get_by_role("button", name="Hold to talk")
    tab.wait(lambda: button.count() == 1)
    tab.page.locator(".stage h1").click()
    if by == "pointer":
        button.hover()
        press, let_go = tab.page.mouse.down, tab.page.mouse.up
    else:
        if by != "space":
            button.focus()
        press, let_go = (lambda: tab.page.keyboard.down("Space")), (lambda: tab.page.keyboard.up("Space"))

    tab.page.wait_for_timeout(300)
    assert frames(sent) == 0
    press()
    tab.wait(lambda: frames(sent) > 3 * SHORTEST_FRAMES)
    let_go()
    tab.wait(lambda: "response.create" in sent)
    assert sent[sent.index("input_audio_buffer.commit") + 1] == "response.create"
    assert answered(tab, 2) == HEARD
    tab.wait(lambda: tab.page.locator("[data-kind=user] .text").inner_text() == HEARD)
    assert frames(sent[sent.index("input_audio_buffer.commit") :]) == 0


def test_a_touch_of_the_button_is_a_mistake(tab: Tab, sent: list[str]) -> None:
    settings(tab, lambda page: page.get_by_label("Hands-free").uncheck())
    tab.speak(babble(20))
    tab.page.get_by_role("button", name="Hold to talk").click()
    tab.page.wait_for_timeout(300)
    assert ("input_audio_buffer.commit" in sent) == (frames(sent) >= SHORTEST_FRAMES)
    assert sent[-1] == "input_audio_buffer.clear" or frames(sent) >= SHORTEST_FRAMES


def test_a_space_in_the_message_is_a_space(tab: Tab, sent: list[str]) -> None:
    settings(tab, lambda page: page.get_by_label("Hands-free").uncheck())
    tab.speak(babble(20))
    tab.wait(lambda: tab.page.get_by_role("button", name="Hold to talk").count() == 1)
    box = tab.page.get_by_label("Your message")
    box.press_sequentially("a b")
    tab.wait(lambda: box.input_value() == "a b")
    assert frames(sent) == 0


def test_the_level_is_that_of_the_microphone_and_mute_sends_nothing(tab: Tab, sent: list[str]) -> None:
    tab.page.evaluate(
        """() => {
          window.levels = []
          setInterval(() => levels.push(document.querySelector('meter')?.value ?? -1), 20)
        }"""
    )
    tab.speak(babble(30))
    tab.wait(lambda: tab.page.evaluate("Math.max(...levels)") > 0.3)
    tab.wait(lambda: frames(sent) > 20)
    tab.page.get_by_role("button", name="Mute").click()
    tab.page.wait_for_timeout(300)  # what was on its way
    muted = frames(sent)
    tab.page.evaluate("levels.length = 0")
    tab.wait(lambda: tab.page.evaluate("levels.length") > 20)
    assert tab.page.evaluate("Math.max(...levels)") == 0
    assert frames(sent) == muted
    tab.page.get_by_role("button", name="Mute").click()
    tab.wait(lambda: frames(sent) > muted + 10)
    tab.wait(lambda: tab.page.evaluate("Math.max(...levels)") > 0.3)


def test_what_is_said_is_heard_and_answered(tab: Tab) -> None:
    tab.speak(babble(1.5))
    assert answered(tab, 2) == HEARD
    tab.wait(lambda: tab.page.locator("[data-kind=user] .text").inner_text() == HEARD)


def test_the_microphone_is_that_of_the_settings_and_echo_cancellation_is_asked_for(tab: Tab) -> None:
    tab.speak(babble(0.1))
    tab.wait(lambda: tab.page.get_by_role("button", name="microphone off").count() == 1)
    tab.page.get_by_role("link", name="Settings").click()  # by now it may know what there is
    choice = tab.page.get_by_role("combobox", name="Microphone")
    tab.wait(lambda: choice.locator("option").count() > 2)
    for index in (1, 2):
        choice.select_option(index=index)
        tab.wait(lambda index=index: tab.page.evaluate("streams.length") == index + 1)
        opened = tab.page.evaluate("streams.at(-1).stream.getTracks()[0].getSettings()")
        assert opened["deviceId"] == choice.input_value()
        assert opened["echoCancellation"]
    states = tab.page.evaluate("streams.map(({ stream }) => stream.getTracks()[0].readyState)")
    assert states == ["ended", "ended", "live"]
