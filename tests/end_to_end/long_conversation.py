"""A long conversation, kept on the server, and a reply that streams into it."""

from collections.abc import Callable

import httpx
from playwright.sync_api import BrowserContext
from tests.end_to_end.browser import Tab
from tests.end_to_end.processes import Server
from tests.end_to_end.test_web_app import replies, state, write

MESSAGES = 1000
WORDS = 250
"""Of the reply."""


_SOUNDS = """
const play = HTMLMediaElement.prototype.play
HTMLMediaElement.prototype.play = async function () { await play.call(this); window.sounds = true }
"""


def keep(server: Server, messages: int = MESSAGES) -> str:
    """The id of a conversation with so many messages, half of them Markdown."""
    kept: list[dict[str, str]] = []
    for turn in range(messages // 2):
        said = f"Answer **{turn}**: `code`, a [link](https://example.org), and some words more.\n\n- one\n- two"
        user = {"type": "user", "id": f"u{turn}", "turn": f"t{turn}", "text": f"Question {turn}?"}
        told = {"turn": f"t{turn}", "text": said, "heard": said, "raw": said, "outcome": "completed"}
        kept += [user, {"type": "assistant", "id": f"a{turn}"} | told]
    file = {
        "format": "myna.conversation",
        "version": 1,
        "exported_at": "2026-01-01T00:00:00Z",
        "conversation": {"id": "any", "persona": "assistant", "title": "A long one"},
        "messages": kept,
    }
    answer = httpx.post(f"{server.url}/api/conversations/import", json=file, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def going_on(conversation: str) -> Callable[[BrowserContext], None]:
    """Has pages open in the conversation, as after a reload."""

    def prepare(context: BrowserContext) -> None:
        context.add_init_script(_SOUNDS)
        context.add_init_script(f"sessionStorage.setItem('myna.conversation', 'assistant\\n{conversation}')")

    return prepare


def stream(tab: Tab) -> None:
    """Have a reply stream in while it is spoken, until the last of its words is there."""
    tab.page.get_by_label("Your message").click()  # a page that nobody touched must not sound
    tab.wait(lambda: tab.page.evaluate("window.sounds"))
    write(tab, f"{WORDS} times every 15 ms **word** and `code`,")
    tab.wait(lambda: state(tab) == "speaking")
    tab.wait(lambda: replies(tab).last.locator("code").count() == WORDS)
