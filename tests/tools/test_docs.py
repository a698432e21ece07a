"""Every code block of docs/tools.md runs, and its Chinese twin has the same."""

import re
from pathlib import Path
from typing import Any

import pytest

import myna
from myna.config.load import load_settings
from myna.core.errors import BadInput
from myna.personas.load import read_persona
from myna.tools.load import load_tools

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tools.md").read_text(encoding="utf-8")
TWIN = (DOCS / "tools.zh-CN.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_twins_show_the_same_code() -> None:
    for language in ("python", "toml"):
        assert blocks(PAGE, language) == blocks(TWIN, language) != []
    assert len(re.findall("^## ", PAGE, re.MULTILINE)) == len(re.findall("^## ", TWIN, re.MULTILINE))
    assert PAGE.count("\n| ") == TWIN.count("\n| ")


def test_the_tools_load_as_files(tmp_path: Path) -> None:
    for block in blocks(PAGE, "python")[:2]:
        name = re.match(r"# tools/(\w+\.py)", block)
        assert name is not None
        (tmp_path / name[1]).write_text(block, encoding="utf-8")
    tools = {tool.spec.name: tool for source in load_tools(tmp_path) for tool in source.tools}
    assert sorted(tools) == ["get_current_weather", "set_light", "unlock_door"]
    weather = tools["get_current_weather"].spec
    assert weather.description == "Get the current weather in a given location."
    assert weather.parameters["properties"]["unit"]["enum"] == ["celsius", "fahrenheit"]
    with pytest.raises(BadInput, match="brightness"):
        tools["set_light"].check({"room": "hall", "brightness": 200})
    assert tools["set_light"].timeout_s == 10
    door = tools["unlock_door"]
    assert (door.confirm, door.cancellable) == (True, False)
    assert door.mask({"door": "front", "pin": "1234"}) == {"door": "front", "pin": "***"}


def test_the_python_blocks_run_one_after_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    names: dict[str, Any] = {"myna": myna}
    for block in blocks(PAGE, "python"):
        exec(compile(block, "tools.md", "exec"), names)
    assert names["agent"].strategy is names["look_first"]
    assert names["get_current_weather"]("Oslo")["temperature"] == 22


def test_the_settings_are_understood(tmp_path: Path) -> None:
    persona, settings = blocks(PAGE, "toml")
    (tmp_path / "keeper.toml").write_text(persona, encoding="utf-8")
    assert read_persona(tmp_path / "keeper.toml").tools == ("get_current_weather", "notes_*")
    (tmp_path / "myna.toml").write_text(settings, encoding="utf-8")
    loaded = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})
    assert loaded.settings.tools.for_all == ("get_*",)
    assert loaded.settings.tools.most_rounds == 8
