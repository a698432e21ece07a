"""``docs/configuration.md`` tells every setting, with its default, and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from myna.config.engines import engine_sections
from myna.config.plain_names import PLAIN_NAMES
from myna.config.settings import Settings
from myna.config.tree import dotted, grow

DOC, TWIN = (
    (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")
    for name in ("configuration.md", "configuration.zh-CN.md")
)
TREE = grow({(): Settings} | {(name,): plugin.options_model for name, plugin in engine_sections().plugins.items()})
PLAIN = {key: name for name, key in PLAIN_NAMES.items()}


def _row(key: tuple[str, ...]) -> str:
    item = TREE.fields[key]
    default = item.get_default(call_default_factory=True)
    assert default is not PydanticUndefined, f"{dotted(key)} has no default"
    assert item.description, f"{dotted(key)} has no description"
    shown = "" if default is None else f"`{json.dumps(default, ensure_ascii=False, default=str)}`"
    plain = f"`{PLAIN[key]}`" if key in PLAIN else ""
    return f"| `{dotted(key)}` | {plain} | {shown} | {item.description} |"


def test_the_tables_tell_every_setting_with_its_plain_name_its_default_and_its_meaning():
    expected = [_row(key) for key in TREE.fields]
    assert sorted(_rows(DOC)) == sorted(expected), "\n".join(expected)


def test_the_tables_of_the_chinese_twin_have_the_same_settings_names_and_defaults():
    assert [row.split(" | ")[:3] for row in _rows(TWIN)] == [row.split(" | ")[:3] for row in _rows(DOC)]


def _rows(page: str) -> list[str]:
    return [line for line in page.splitlines() if re.match(r"\| `[a-z0-9_.]+` \|", line)]


@pytest.mark.parametrize("text", re.findall(r"^```toml\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL))
def test_the_examples_of_a_file_hold(machine: Any, text: str):
    machine.toml(text)
    assert any("in myna.toml" in str(each.origin) for each in machine.load().provenance())


@pytest.mark.parametrize("text", re.findall(r"^```ini\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL))
def test_the_examples_of_an_env_file_hold(machine: Any, text: str):
    machine.dotenv(text)
    assert any("in .env" in str(each.origin) for each in machine.load().provenance())
