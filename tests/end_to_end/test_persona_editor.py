"""Writing personas in the web app, with the real models."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Locator, ViewportSize, expect
from tests.end_to_end.browser import LOOKS, PATIENCE_MS, Tab, open_browser
from tests.end_to_end.processes import Server
from tests.end_to_end.voices import heard_meanwhile

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    expect.set_options(timeout=PATIENCE_MS)
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture
def tab(browse: Callable[..., Tab], steady: Server) -> Iterator[Tab]:
    tab = browse(f"{steady.url}/#/personas")
    expect(tab.page.get_by_role("link", name="New persona")).to_be_visible(timeout=PATIENCE_MS)
    yield tab
    tab.page.context.close()


def edit(tab: Tab, name: str) -> None:
    tab.page.get_by_role("link", name=f"Edit {name}", exact=True).click()
    expect(tab.page.get_by_label("Name", exact=True)).to_have_value(name)


def save(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Save", exact=True).click()
    expect(tab.page.get_by_text("Saved. New conversations begin with it.")).to_be_visible(timeout=PATIENCE_MS)


def away(tab: Tab) -> None:
    """The pointer leaves the bar with the undo, whose time stands still as long as it is there."""
    tab.page.mouse.move(5, 5)


def preview(tab: Tab) -> Locator:
    return tab.page.get_by_role("region", name="Preview")


def make(server: Server, name: str, **fields: Any) -> str:
    body = {"fields": {"name": name, "language": "en", "voice": {"voice": "af_heart"}, "greeting": "Hi.", **fields}}
    made = httpx.post(f"{server.url}/api/personas", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def test_a_persona_is_made_heard_and_talked_with(tab: Tab, steady: Server) -> None:
    page = tab.page
    page.get_by_role("link", name="New persona").click()
    page.get_by_label("Name", exact=True).fill("Juniper")
    page.get_by_label("Greeting", exact=True).fill("Ahoy! My name is {{char}}, and I keep the lighthouse.")
    page.get_by_label("Voice", exact=True).select_option("bf_emma")
    page.get_by_label("System prompt").fill("You are Juniper, who keeps a lighthouse. Say little.")
    shown = preview(tab)
    expect(shown.get_by_text("Ahoy! My name is Juniper")).to_be_visible()
    expect(page.get_by_placeholder("juniper")).to_be_visible()
    shown.get_by_role("button", name="Happy").hover()
    expect(shown.locator(".face").first).to_have_attribute("data-emotion", "happy")
    shown.get_by_role("button", name="Sad").focus()
    page.get_by_role("heading", name="Preview").hover()
    expect(shown.locator(".face").first).to_have_attribute("data-emotion", "sad")
    tab.played()
    shown.get_by_role("button", name="Hear the greeting").click()
    expect(shown.locator(".face").first).to_have_attribute("data-state", "playing")
    expect(shown.locator(".face").first).to_have_attribute("data-state", "silent")
    assert "lighthouse" in heard_meanwhile(steady.url, tab.played(), "en").lower()
    page.get_by_text("What the model is given").click()
    expect(shown.get_by_text("You are Juniper, who keeps a lighthouse.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/#/personas/juniper/edit")
    page.get_by_role("link", name="All personas").click()
    page.get_by_role("button").filter(has=page.get_by_text("Juniper", exact=True)).click()
    reply = page.locator("[data-kind=reply]")
    expect(reply).to_have_count(1)
    expect(reply).to_contain_text("Ahoy! My name is Juniper")
    assert not tab.problems


def test_what_is_wrong_is_told_at_its_field_and_has_the_focus(tab: Tab) -> None:
    page = tab.page
    page.get_by_role("link", name="New persona").click()
    page.get_by_label("Greeting", exact=True).fill("Nobody yet.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This is needed.")).to_be_visible()
    expect(page.get_by_text("1 field needs another look")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill("Somebody")
    page.get_by_label("Id", exact=True).fill("wukong")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("There is a persona wukong already")).to_be_visible()
    page.get_by_role("button", name="Discard changes").click()


def test_what_was_not_saved_is_there_again(tab: Tab, steady: Server) -> None:
    make(steady, "Rowan")
    tab.page.reload()
    edit(tab, "Rowan")
    tab.page.get_by_label("Greeting", exact=True).fill("Not saved.")
    tab.page.get_by_role("link", name="All personas").click()
    edit(tab, "Rowan")
    expect(tab.page.get_by_text("What you wrote before, and did not save, is here again.")).to_be_visible()
    expect(tab.page.get_by_label("Greeting", exact=True)).to_have_value("Not saved.")
    tab.page.get_by_role("button", name="Discard changes").click()
    expect(tab.page.get_by_label("Greeting", exact=True)).to_have_value("Hi.")


def test_two_windows_do_not_overwrite_each_other(tab: Tab, steady: Server) -> None:
    name = make(steady, "Hazel")
    tab.page.reload()
    edit(tab, "Hazel")
    tab.page.get_by_label("Greeting", exact=True).fill("Mine.")
    theirs = {"fields": {"reminder": "Theirs.", "greeting": "Theirs."}}
    assert httpx.patch(f"{steady.url}/api/personas/{name}/fields", json=theirs).status_code == 200
    tab.page.get_by_role("button", name="Save", exact=True).click()
    expect(tab.page.get_by_text("This persona was changed meanwhile")).to_be_visible()
    tab.page.get_by_role("button", name="Go on from there").click()
    expect(tab.page.get_by_label("Reminder")).to_have_value("Theirs.")
    save(tab)
    told = httpx.get(f"{steady.url}/api/personas/{name}/fields").json()["fields"]
    assert (told["greeting"], told["reminder"]) == ("Mine.", "Theirs.")


def test_one_that_comes_with_myna_is_replaced_and_comes_back(tab: Tab) -> None:
    page = tab.page
    edit(tab, "孙悟空")
    expect(page.get_by_text("This persona comes with Myna.")).to_be_visible()
    page.get_by_label("Greeting", exact=True).fill("俺老孙今日歇息。")
    save(tab)
    page.get_by_role("link", name="All personas").click()
    expect(page.get_by_text("俺老孙今日歇息。")).to_be_visible()
    edit(tab, "孙悟空")
    page.get_by_role("button", name="Back to the original").click()
    away(tab)
    expect(page.get_by_text("Back to the original: 孙悟空", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Edit 孙悟空")).to_have_count(1)
    expect(page.get_by_text("俺老孙今日歇息。")).to_have_count(0)


def test_what_is_deleted_can_be_taken_back(tab: Tab, steady: Server) -> None:
    name = make(steady, "Willow")
    tab.page.reload()
    edit(tab, "Willow")
    tab.page.get_by_role("button", name="Delete").click()
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.get_by_role("link", name="Edit Willow")).to_be_visible()
    edit(tab, "Willow")
    tab.page.get_by_role("button", name="Delete").click()
    away(tab)
    expect(tab.page.get_by_role("link", name="Edit Willow")).to_have_count(0)
    tab.wait(lambda: httpx.get(f"{steady.url}/api/personas/{name}/fields").status_code == 404)


def test_a_picture_is_given_and_shown(tab: Tab, steady: Server, tmp_path: Path) -> None:
    make(steady, "Aspen")
    picture = io.BytesIO()
    Image.new("RGB", (640, 640), "#27a").save(picture, "PNG")
    tab.page.reload()
    edit(tab, "Aspen")
    tab.page.get_by_label("Greeting", exact=True).fill("Not saved, and still here.")
    with tab.page.expect_file_chooser() as chooser:
        tab.page.get_by_text("Choose a picture").click()
    chooser.value.set_files({"name": "aspen.png", "mimeType": "image/png", "buffer": picture.getvalue()})
    expect(tab.page.get_by_role("button", name="Remove the picture")).to_be_visible()
    expect(preview(tab).locator("image")).to_have_count(1)
    expect(tab.page.get_by_label("Greeting", exact=True)).to_have_value("Not saved, and still here.")
    save(tab)
    assert not tab.problems


def test_a_trial_is_a_private_conversation_with_what_is_written(tab: Tab, steady: Server) -> None:
    copy = httpx.post(f"{steady.url}/api/personas", json={"fields": {"name": "Birch"}, "of": "assistant"})
    assert copy.status_code == 201, copy.text
    tab.page.reload()
    edit(tab, "Birch")
    tab.page.get_by_label("Greeting", exact=True).fill("Good evening, says the draft.")
    preview(tab).get_by_role("button", name="Try it").click()
    replies = preview(tab).locator("[data-kind=reply]")
    expect(replies).to_have_count(1)
    expect(replies.first).to_contain_text("Good evening, says the draft.")
    preview(tab).get_by_label("Your message").fill("What is the capital of France?")
    tab.page.keyboard.press("Enter")
    expect(replies).to_have_count(2)
    expect(replies.last).to_contain_text("Paris")
    tab.page.get_by_label("Greeting", exact=True).fill("Good night, says the draft.")
    preview(tab).get_by_role("button", name="Begin again with the changes").click()
    expect(replies).to_have_count(1)
    expect(replies.first).to_contain_text("Good night, says the draft.")
    kept = httpx.get(f"{steady.url}/api/conversations").json()["conversations"]
    assert not [each for each in kept if each["persona"].startswith("draft-")]
    tab.page.get_by_role("button", name="Discard changes").click()
    assert not tab.problems


@pytest.mark.parametrize("look", LOOKS)
def test_the_editor_can_be_used_and_read_by_everybody(
    browse: Callable[..., Tab], steady: Server, look: str, tmp_path: Path
) -> None:
    tab = browse(steady.url, **LOOKS[look], reduced_motion="reduce")
    tab.wait(lambda: tab.page.locator("nav a").count() > 0)
    found: dict[str, list[str]] = {}
    for place in ("", "/new", "/wukong/edit"):
        tab.page.evaluate(f"location.hash = '#/personas{place}'")
        if place:
            tab.page.locator("form section").first.wait_for()
        if place == "/wukong/edit":
            tab.page.locator(".emotions button").first.wait_for()
            for details in tab.page.locator("form section details, .preview details").all():
                details.evaluate("details => (details.open = true)")
            tab.page.locator("dd").first.wait_for()
            tab.page.locator("form input[required]").fill("")
            tab.page.keyboard.press("Control+s")
            tab.page.locator(".wrong").first.wait_for()
        tab.page.wait_for_timeout(300)
        found[place] = tab.violations()
        tab.page.screenshot(path=tmp_path / f"{look}{place.replace('/', '-')}.png", full_page=True)
        size: ViewportSize | None = tab.page.viewport_size
        assert size
        assert tab.page.evaluate("innerWidth") == size["width"], "it is wider than the screen"
    assert {page: rules for page, rules in found.items() if rules} == {}
    assert not [problem for problem in tab.problems if "axe" not in problem and "422" not in problem]
    tab.page.context.close()
