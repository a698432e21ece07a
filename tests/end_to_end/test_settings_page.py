"""The pages for the server's settings, its models and its engines, in a browser, on a server of their own."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Dialog, Locator, Route, ViewportSize
from tests.end_to_end.browser import LOOKS, Tab, open_browser
from tests.end_to_end.processes import MYNA, Home, Server
from tests.weights.sites import Answer, Site, site

from myna.weights.catalog import load_catalog
from myna.weights.locate import Weights

pytestmark = pytest.mark.models

SMALL = "smart-turn-v3.2"
"""What is fetched: no engine of this server needs it."""

FILE = """\
# as I like it
[llm]
temperature = 0.6 # not too warm

[turn]
engine = "none"
"""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Tab]]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browse:
        yield browse


@pytest.fixture(scope="module")
def hub() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, weights: Weights, hub: Site) -> Home:
    folder = tmp_path_factory.mktemp("home")
    here = folder / "cache" / "weights"
    here.mkdir(parents=True)
    for model in weights.locate("silero-vad").parents[1].iterdir():
        if model.name not in {SMALL, ".incoming"}:
            (here / model.name).symlink_to(model)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
    hubs = {f"MYNA_WEIGHTS__{name}_ENDPOINT": hub.url for name in ("HF", "MODELSCOPE")}
    return Home(folder, environ | {"MYNA_HOME": str(folder)} | hubs)


@pytest.fixture(scope="module")
def server(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    (home.folder / "myna.toml").write_text(FILE, encoding="utf-8")
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [MYNA, "serve", "--port", "0"],
            cwd=home.folder,
            env=home.environ,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    url = re.compile(r"https?://[\w.]+:\d+")
    waiting = Server("", process, log)
    waiting.wait(lambda: url.search(log.read_text()) is not None)
    yield Server(url.findall(log.read_text())[0], process, log)
    process.kill()
    process.wait()


@pytest.fixture
def file(home: Home) -> Iterator[Path]:
    """As it was when the server was started."""
    path = home.folder / "myna.toml"
    path.write_text(FILE, encoding="utf-8")
    yield path
    path.write_text(FILE, encoding="utf-8")


@pytest.fixture
def tab(browse: Callable[..., Tab], server: Server, file: Path) -> Iterator[Tab]:
    """On the page of the server's settings."""
    assert file.exists()
    tab = browse(f"{server.url}/#/settings/server")
    tab.wait(lambda: row(tab, "llm.temperature").count() == 1)
    yield tab
    assert [problem for problem in tab.problems if "422" not in problem] == []
    tab.page.context.close()


def row(tab: Tab, name: str) -> Locator:
    return tab.page.locator(f'[data-setting="{name}"]')


def save(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Save").click()


def told(tab: Tab, text: str) -> None:
    """Wait until the page says so."""
    tab.wait(lambda: tab.page.get_by_text(text).locator("visible=true").count() > 0)


def test_several_settings_are_changed_at_once_and_stand_in_the_file(tab: Tab, file: Path) -> None:
    page = tab.page
    page.get_by_label("Temperature").first.fill("0.5")
    row(tab, "llm.profile").get_by_role("combobox").select_option("fast")
    row(tab, "memory.enabled").get_by_role("checkbox").uncheck()
    tab.wait(page.get_by_text("3 unsaved changes").is_visible)
    save(tab)
    told(tab, "3 settings are saved.")
    told(tab, "What was saved waits for a restart")
    held = file.read_text(encoding="utf-8")
    assert held.startswith("# as I like it\n[llm]\n")
    assert "temperature = 0.5 # not too warm\n" in held
    tables = tomllib.loads(held)
    assert (tables["llm"]["profile"], tables["memory"]["enabled"], tables["turn"]) == (
        "fast",
        False,
        {"engine": "none"},
    )
    page.reload()
    tab.wait(lambda: row(tab, "llm.temperature").count() == 1)
    tab.wait(lambda: row(tab, "llm.temperature").get_by_role("textbox").input_value() == "0.5")
    tab.wait(lambda: "After a restart. Until then: 0.6" in row(tab, "llm.temperature").inner_text())


def test_what_the_schema_forbids_is_told_at_its_field_and_not_sent(tab: Tab, file: Path) -> None:
    field = row(tab, "llm.temperature").get_by_role("textbox")
    field.fill("9")
    tab.wait(row(tab, "llm.temperature").get_by_text("At most 2.").is_visible)
    tab.wait(lambda: field.get_attribute("aria-invalid") == "true")
    assert "At most 2." in described(tab, field)
    save(tab)
    tab.wait(lambda: field.evaluate("(it) => it === document.activeElement"))
    assert file.read_text(encoding="utf-8") == FILE
    field.fill("warm")
    tab.wait(row(tab, "llm.temperature").get_by_text("A number is needed").is_visible)


def test_what_the_server_refuses_is_told_at_its_field_and_nothing_is_lost(tab: Tab, file: Path) -> None:
    row(tab, "llm.temperature").get_by_role("textbox").fill("0.5")
    field = row(tab, "asr.language").get_by_role("textbox")
    field.fill("klingonisch")
    save(tab)
    tab.wait(lambda: row(tab, "asr.language").get_by_text("must be auto, or a language's code").count() == 1)
    assert "must be auto" in described(tab, field)
    tab.wait(tab.page.get_by_text("2 unsaved changes").is_visible)
    assert file.read_text(encoding="utf-8") == FILE
    field.fill("zh")
    save(tab)
    told(tab, "2 settings are saved.")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["asr"] == {"language": "zh"}


def described(tab: Tab, field: Locator) -> str:
    """What a screen reader says of a field beside its name."""
    ids = (field.get_attribute("aria-describedby") or "").split()
    return " ".join(tab.page.locator(f'[id="{each}"]').inner_text() for each in ids)


def test_a_setting_goes_back_to_the_usual(tab: Tab, file: Path) -> None:
    tab.page.get_by_role("button", name="Back to the usual: Temperature").click()
    tab.wait(lambda: row(tab, "llm.temperature").get_by_role("textbox").input_value() == "0.7")
    save(tab)
    told(tab, "The setting is saved.")
    assert "temperature" not in tomllib.loads(file.read_text(encoding="utf-8")).get("llm", {})
    assert "# not too warm" in file.read_text(encoding="utf-8")
    tab.wait(lambda: tab.page.get_by_role("button", name="Back to the usual: Temperature").count() == 0)


def test_unsaved_changes_outlive_another_page_and_are_asked_about_before_the_tab_is_closed(tab: Tab) -> None:
    field = row(tab, "llm.temperature").get_by_role("textbox")
    field.click()
    field.fill("0.5")
    tab.page.get_by_role("link", name="History").click()
    tab.wait(lambda: tab.page.get_by_role("link", name="Settings There are unsaved changes").count() == 1)
    tab.page.get_by_role("link", name="Settings").click()
    tab.page.get_by_role("link", name="Server").click()
    tab.wait(lambda: row(tab, "llm.temperature").get_by_role("textbox").input_value() == "0.5")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    tab.page.on("dialog", stay)
    tab.page.close(run_before_unload=True)
    tab.wait(lambda: asked == ["beforeunload"])
    tab.wait(lambda: row(tab, "llm.temperature").get_by_role("textbox").input_value() == "0.5")
    tab.page.get_by_role("button", name="Discard").click()
    tab.page.get_by_role("button", name="Yes, discard").click()
    tab.wait(lambda: row(tab, "llm.temperature").get_by_role("textbox").input_value() == "0.6")


def test_settings_are_found_by_words_and_the_rare_ones_are_folded(tab: Tab) -> None:
    assert row(tab, "kokoro.threads").count() == 0
    tab.page.get_by_role("searchbox").fill("kokoro thr")
    tab.wait(lambda: row(tab, "kokoro.threads").count() == 1)
    tab.wait(tab.page.get_by_text("1 setting", exact=True).is_visible)
    tab.page.get_by_role("searchbox").fill("stolen host")
    told(tab, "No setting has all of these words.")
    tab.page.get_by_role("searchbox").fill("server.host")
    tab.wait(lambda: row(tab, "server.host").count() == 1)
    assert row(tab, "server.host").get_by_role("textbox").count() == 0
    tab.wait(lambda: "Can only be changed on the server’s machine" in row(tab, "server.host").inner_text())
    tab.page.get_by_role("searchbox").fill("hf_endpoint")
    tab.wait(lambda: row(tab, "weights.hf_endpoint").count() == 1)
    tab.wait(lambda: "From the environment: MYNA_WEIGHTS__HF_ENDPOINT" in row(tab, "weights.hf_endpoint").inner_text())
    tab.page.get_by_role("searchbox").fill("")
    tab.page.get_by_text("All other settings").click()
    tab.wait(row(tab, "kokoro.threads").is_visible)


def test_a_secret_is_written_and_never_shown(tab: Tab, file: Path) -> None:
    field = row(tab, "openai.api_key").locator("input")
    tab.wait(lambda: (field.get_attribute("type"), field.get_attribute("placeholder")) == ("password", "None is set"))
    field.fill("a-secret-of-mine")
    save(tab)
    told(tab, "The setting is saved.")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["openai"] == {"api_key": "a-secret-of-mine"}
    tab.wait(lambda: field.get_attribute("placeholder") == "One is set; it is not shown")
    assert field.input_value() == ""
    assert "a-secret-of-mine" not in tab.page.content()


def test_all_of_it_can_be_done_with_the_keyboard(tab: Tab, file: Path) -> None:
    tab.page.get_by_role("searchbox").focus()
    tab.page.keyboard.type("llm.temperature")
    tab.wait(lambda: tab.page.locator("[data-setting]").count() == 1)
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("ControlOrMeta+A")
    tab.page.keyboard.type("0.25")
    for _ in range(4):  # undo, back to the usual, discard
        tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    told(tab, "The setting is saved.")
    assert "temperature = 0.25 # not too warm" in file.read_text(encoding="utf-8")


def test_a_model_is_fetched_cancelled_and_fetched_on(tab: Tab, home: Home, hub: Site, weights: Weights) -> None:
    model = next(each for each in load_catalog().models if each.name == SMALL)
    content = weights.locate(SMALL).read_bytes()
    address = "/pipecat-ai/smart-turn-v3/resolve/f766f81d3cfdf7737ac64aad813d91bbfd56bf93/smart-turn-v3.2-cpu.onnx"
    hub.answers[address] = Answer(content, stalls_after=len(content) // 2)
    page = tab.page
    page.get_by_role("link", name="Models").click()
    listed = page.get_by_role("listitem").filter(has=page.get_by_role("link", name=f"About {SMALL}"))
    tab.wait(lambda: listed.count() == 1)
    tab.wait(lambda: "8.68 MB · BSD-2-Clause · not fetched" in listed.inner_text())
    tab.wait(page.get_by_text(str(home.folder / "cache" / "weights")).is_visible)
    page.get_by_role("button", name=f"Fetch {SMALL}").click()
    tab.wait(lambda: page.get_by_role("heading", name="Fetching models").count() == 1)
    progress = page.locator("progress").first
    tab.wait(lambda: 0 < float(progress.get_attribute("value") or 0) < len(content))
    page.get_by_role("button", name="Cancel").click()
    told(tab, "Cancelled. What has come is kept")
    hub.answers[address] = Answer(content)
    page.get_by_role("button", name=f"Fetch {SMALL}").click()
    tab.wait(lambda: "on this server" in listed.inner_text())
    told(tab, f"Everything is here: {SMALL}.")
    assert (home.folder / "cache" / "weights" / SMALL / model.files[0].path).read_bytes() == content
    began = hub.ranges(address)[-1]
    assert began is not None
    assert began.startswith("bytes=")


def test_what_cannot_be_fetched_is_told_with_what_to_do_and_the_sources_that_were_tried(tab: Tab) -> None:
    page = tab.page
    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Fetch whisper-small").click()
    tab.wait(lambda: page.get_by_role("heading", name="It could not be fetched").count() == 1)
    tab.wait(lambda: "docs/models.md" in page.get_by_role("alert").inner_text())
    page.get_by_text("Sources that could not give something").click()
    tab.wait(page.get_by_text("Hugging Face answered 404").first.is_visible)


def test_a_set_is_used_after_a_restart(tab: Tab, home: Home, file: Path) -> None:
    catalog = load_catalog()
    folders: list[Path] = []
    for model in catalog.expand(["standard"]):
        folder = home.folder / "cache" / "weights" / model.name
        if not folder.exists():
            folder.mkdir()
            folders.append(folder)
            for each in model.files:
                with (folder / each.path).open("wb") as out:
                    out.truncate(each.size)  # nobody reads it: it is there by its size
    page = tab.page
    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Use the set standard").click()
    told(tab, "Myna uses the set standard when it is started again.")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["weights"] == {"set": "standard"}
    tab.wait(page.get_by_text("in use after a restart").is_visible)
    page.get_by_role("button", name="Use the set starter").click()
    tab.wait(lambda: page.get_by_text("in use after a restart").count() == 0)
    assert page.get_by_role("button", name="Use the set gpu").count() == 0
    for folder in folders:
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()


def test_the_engines_tell_how_they_are(tab: Tab) -> None:
    tab.page.get_by_role("link", name="Engines").click()
    engine = tab.page.locator('[data-kind="llm"]')
    tab.wait(lambda: engine.count() == 1 and engine.get_attribute("data-status") == "ready")
    tab.wait(lambda: "llamacpp" in engine.inner_text())
    assert tab.page.locator('[data-kind="turn"]').count() == 0
    tab.wait(lambda: re.search(r"\d+ of 200 live", tab.page.inner_text("dl")))


def test_of_a_chain_of_models_each_is_shown_and_who_answers(tab: Tab) -> None:
    def fulfill(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        first = {"engine": "openai", "status": "ready", "code": "engine_timeout", "breaker": "open", "failovers": 3}
        second = {"engine": "llamacpp", "status": "ready", "breaker": "closed", "failovers": 0}
        told["engines"]["llm"] |= {"members": [first, second], "answers": "llamacpp"}
        route.fulfill(response=answer, json=told)

    tab.page.route("**/health", fulfill)
    tab.page.get_by_role("link", name="Engines").click()
    members = tab.page.locator('[data-kind="llm"]').get_by_role("listitem")
    tab.wait(lambda: members.count() == 2)
    tab.wait(lambda: "failed, left out for a while" in members.first.inner_text())
    tab.wait(lambda: "3 ×" in members.first.inner_text())
    assert "answers now" not in members.first.inner_text()
    tab.wait(lambda: "answers now" in members.last.inner_text())
    assert tab.violations() == []


def test_who_is_not_the_owner_is_told_so(browse: Callable[..., Tab], server: Server, home: Home) -> None:
    assert home.run("key", "create", "--name", "mine").returncode == 0
    guest = home.run("key", "create", "--name", "guest").stdout.strip()
    try:
        kept = json.dumps(json.dumps({"key": guest}))

        def prepare(context: BrowserContext) -> None:
            context.add_init_script(f"localStorage.myna = {kept}")

        tab = browse(server.url, prepare=prepare)
        for part in ("server", "models"):
            tab.page.goto(f"{server.url}/#/settings/{part}")
            told(tab, "This is for the owner of the server")
            tab.wait(tab.page.get_by_text("myna key create --user owner").is_visible)
        tab.page.context.close()
    finally:
        for name in ("mine", "guest"):
            assert home.run("key", "revoke", name).returncode == 0
    assert httpx.get(f"{server.url}/api/settings").status_code == 200


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_can_be_used_and_read_by_everybody(
    browse: Callable[..., Tab], server: Server, file: Path, look: str, tmp_path: Path
) -> None:
    assert file.exists()
    tab = browse(server.url, **LOOKS[look], reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    for part, there in {
        "": "select",
        "server": "[data-setting]",
        "models": "progress, .sets li",
        "engines": "[data-kind]",
    }.items():
        tab.page.goto(f"{server.url}/#/settings/{part}")
        tab.wait(lambda there=there: tab.page.locator(there).count() > 0)
        if part == "server":
            row(tab, "llm.temperature").get_by_role("textbox").fill("9")
            tab.page.locator("summary").click()
            row(tab, "llm.temperature").scroll_into_view_if_needed()
        found[part] = tab.violations()
        tab.page.screenshot(path=tmp_path / f"{look}-{part or 'browser'}.png")
        size: ViewportSize | None = tab.page.viewport_size
        assert size
        wide = tab.page.evaluate("[innerWidth, document.querySelector('main').scrollWidth]")
        assert max(wide) <= size["width"], "it is wider than the screen"
    assert {part: rules for part, rules in found.items() if rules} == {}
    tab.page.context.close()
