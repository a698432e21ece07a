"""``docs/characters.md`` and its Chinese twin: every block runs as it stands there."""

import re
import shlex
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.personas.cards.wild import V2, png_card
from tests.server.serving import Clients, serving_engines
from typer.testing import CliRunner

from myna.cli import persona
from myna.core.emotion import Emotions
from myna.personas.cards import limits
from myna.personas.cards.card import read_card_file
from myna.personas.cards.macros import unfilled
from myna.personas.cards.persona import OWN_FIELDS
from myna.personas.load import Personas
from myna.personas.lore.choose import called_up
from myna.personas.lore.model import MOST_ENTRIES, Lorebook, LoreEntry
from myna.personas.reading import read_persona
from myna.weights.locate import Weights

DOCS = Path(__file__).parents[2] / "docs"
PAGE, TWIN = ((DOCS / name).read_text(encoding="utf-8") for name in ("characters.md", "characters.zh-CN.md"))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lighthouse.png").write_bytes(png_card(V2))
    return tmp_path


def test_both_pages_have_the_same_blocks_and_headings() -> None:
    for language in ("sh", "toml"):
        assert blocks(PAGE, language) == blocks(TWIN, language) != []
    for mark in (r"^## ", r"^\| ", r"^- "):
        assert len(re.findall(mark, PAGE, re.MULTILINE)) == len(re.findall(mark, TWIN, re.MULTILINE))


def test_the_commands_work_as_written(folder: Path) -> None:
    for line in "".join(blocks(PAGE, "sh")).splitlines():
        program, group, *words = shlex.split(line)
        if program == "curl":
            continue
        assert (program, group) == ("myna", "persona")
        assert CliRunner().invoke(persona.app, words, catch_exceptions=False).exit_code == 0, line
    assert read_card_file(folder / "a-deng.charx").document == V2
    assert read_card_file(folder / "a-deng-v3.json").version == 3
    assert read_card_file(folder / "wukong.png").data["name"] == "孙悟空"


@pytest.fixture
async def clients(tmp_path: Path, weights: Weights) -> AsyncGenerator[Clients]:
    async with serving_engines(weights, {}, personas=Personas(tmp_path)) as made:
        yield made


@pytest.mark.anyio
async def test_the_request_works_as_written(clients: Clients) -> None:
    curl, form, part, url = shlex.split(blocks(PAGE, "sh")[-1])
    assert (curl, form, part) == ("curl", "-F", "file=@lighthouse.png")
    path = url.removeprefix("http://127.0.0.1:8765")
    answer = await clients.http.post(path, files={"file": ("lighthouse.png", png_card(V2))})
    assert answer.json()["persona"]["id"] == "a-deng"
    told = re.findall(r"^\| `(GET|POST|PUT|PATCH|DELETE) (/api/personas[^?`]*)", PAGE, re.MULTILINE)
    described = (await clients.http.get("/openapi.json")).json()["paths"]
    known = {
        (method.upper(), path.replace("{persona_id}", "{id}"))
        for path, methods in described.items()
        if path.startswith("/api/personas")
        for method in methods
    }
    assert set(told) == known


def test_what_stands_on_top_of_a_card_is_set(tmp_path: Path) -> None:
    (tmp_path / "a-deng.png").write_bytes(png_card(V2))
    (tmp_path / "a-deng.toml").write_text(blocks(PAGE, "toml")[0], encoding="utf-8")
    lamp = Personas(tmp_path).find("a-deng")
    assert (lamp.name, lamp.greeting) == ("阿灯", "船长，收音机又响了。")
    assert "她管小明叫" in lamp.system_prompt
    assert (lamp.tools, lamp.voice.speed) == (("get_current_weather",), 0.95)
    assert lamp.emotions_spoken(Emotions()).find("害怕")


def test_the_lorebook_does_what_it_says_and_shows_every_field(tmp_path: Path) -> None:
    (tmp_path / "keeper.toml").write_text(blocks(PAGE, "toml")[1], encoding="utf-8")
    book = read_persona(tmp_path / "keeper.toml").lorebook
    assert called_up(book, ["The lighthouse", "has a ghost?"], 0) == ("灯塔里有个不伤人的鬼，叫阿潮。",)
    assert called_up(book, ["故事书里的灯塔有鬼吗"], 0) == called_up(book, ["灯塔好看吗"], 0) == ()
    for field in {*Lorebook.model_fields, *LoreEntry.model_fields} - {"entries"}:
        assert re.search(rf"^{field} = ", blocks(PAGE, "toml")[1], re.MULTILINE), field


def test_macros_and_decorators_are_those_that_there_are() -> None:
    (told,) = re.findall(r"Macros are filled when the card is read: (.*?), in upper", PAGE, re.DOTALL)
    assert unfilled(told) == ()
    assert unfilled("{{time}}") == ("{{time}}",)
    assert OWN_FIELDS[:2] == ("language", "avatar")


def test_the_limits_are_as_told() -> None:
    mb = limits.MB
    for page in (PAGE, TWIN):
        flat = re.sub(r"\s+", " ", page)
        for number in (
            f"{limits.LARGEST_FILE // mb} MB",
            f"{limits.LONGEST_JSON // mb} MB",
            f"{limits.DEEPEST_JSON} ",
            f"{limits.MOST_MEMBERS:,} ",
            f"{limits.LARGEST_MEMBER // mb} MB",
            f"{limits.MOST_UNPACKED // mb} MB",
            f"{limits.HIGHEST_RATIO} ",
            f"{MOST_ENTRIES:,} ",
            f"{limits.MOST_KEYS:,}",
            f"{limits.LONGEST_TEXT:,}",
            f"{limits.MOST_EXAMPLES} ",
        ):
            assert number in flat
