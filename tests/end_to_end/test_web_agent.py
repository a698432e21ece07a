"""An agent of a program's own, in the web app: ``myna.serve(agent)``."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.end_to_end.browser import Tab, open_browser
from tests.end_to_end.test_web_app import answered, notes, write
from tests.library.scripted import CALLED, call

import myna
from myna.testing.llm import ScriptedLLM


@myna.tool
def get_weather(city: str) -> str:
    """Get the current weather in a city.

    Args:
        city: The city.
    """
    return f"22 degrees and sunny in {city}"


@myna.tool(confirm=True)
def open_door(which: str) -> str:
    """Open a door.

    Args:
        which: The door.
    """
    return f"The {which} door is open"


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path) as browse:
        yield browse


def meet(browse: Callable[..., Tab], server: myna.Server) -> Tab:
    """Whoever answers where nobody was chosen: the agent, who has no greeting."""
    tab = browse(server.url)
    tab.page.get_by_role("link", name="Talk").click()
    tab.wait(lambda: tab.page.get_by_label("Your message").is_visible())
    return tab


def test_an_agent_answers_in_the_page_and_its_tool_is_a_card(browse: Callable[..., Tab]) -> None:
    engine = ScriptedLLM([call("get_weather", {"city": "Tokyo"}), CALLED], "It is 22 degrees in Tokyo.")
    agent = myna.Agent(engine, [get_weather], instructions="Tell the weather.")
    with myna.serve(agent, port=0, block=False, voice=False) as server:
        tab = meet(browse, server)
        write(tab, "What is the weather in Tokyo?")
        assert answered(tab, 1) == "It is 22 degrees in Tokyo."
        card = tab.page.locator("details").filter(has_text="get_weather")
        tab.wait(lambda: "done" in card.locator("summary").inner_text())
        card.locator("summary").click()
        shown = card.inner_text()
        assert '"city": "Tokyo"' in shown
        assert "22 degrees and sunny in Tokyo" in shown
        assert "Tell the weather." in engine.calls[0].request.messages[0].content
        assert tab.violations() == []
        assert notes(tab) == []
        assert not [problem for problem in tab.problems if "axe" not in problem]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_tool_that_needs_consent_asks_for_it_in_the_page(browse: Callable[..., Tab], allowed: bool) -> None:
    engine = ScriptedLLM([call("open_door", {"which": "garden"}), CALLED], "Well.")
    agent = myna.Agent(engine, [open_door], instructions="Open doors.")
    with myna.serve(agent, port=0, block=False, voice=False) as server:
        tab = meet(browse, server)
        write(tab, "Open the garden door.")
        asks = tab.page.get_by_role("alert").filter(has_text="open_door")
        tab.wait(asks.is_visible)
        tab.wait(lambda: "garden" in tab.page.locator("details").inner_text())
        assert tab.violations() == []
        asks.get_by_role("button", name="Allow" if allowed else "Refuse").click()
        assert answered(tab, 1) == "Well."
        said = engine.calls[1].request.messages[-1].content
        assert ("The garden door is open" in said) == allowed
        tab.wait(lambda: "done" in tab.page.locator("summary").inner_text() or not allowed)
