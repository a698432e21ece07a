"""``docs/mcp.md`` tells every key of ``[mcp.NAME]``, and its examples hold; so does its Chinese twin."""

import json
import re
from pathlib import Path

import pytest

from myna.config.load import load_settings
from myna.tools.mcp.options import MCPServer

DOCS = Path(__file__).parents[3] / "docs"
ENGLISH, CHINESE = ((DOCS / name).read_text(encoding="utf-8") for name in ("mcp.md", "mcp.zh-CN.md"))


def test_the_table_tells_every_key_with_its_default_and_its_meaning():
    rows: list[str] = []
    for name, item in MCPServer.model_fields.items():
        default = item.get_default(call_default_factory=True)
        shown = "" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
        rows.append(f"| `{name}` | {shown} | {item.description} |")
    table = ENGLISH.partition("| key of")[2].partition("\n\n")[0].splitlines()[2:]
    assert table == rows, "\n".join(rows)


def test_the_chinese_table_tells_every_key_with_its_default():
    (english, chinese) = (
        re.findall(r"^\| (`\w+` \| [^|]*) \| [^|]+ \|$", page, re.MULTILINE) for page in (ENGLISH, CHINESE)
    )
    assert chinese[: len(MCPServer.model_fields)] == english[: len(MCPServer.model_fields)]


@pytest.mark.parametrize("text", re.findall(r"^```toml\n(.*?)^```", ENGLISH + CHINESE, re.MULTILINE | re.DOTALL))
def test_the_examples_of_a_file_hold(tmp_path: Path, text: str):
    (tmp_path / "myna.toml").write_text(text, encoding="utf-8")
    assert load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})


@pytest.mark.parametrize("text", re.findall(r"^```json\n(.*?)^```", ENGLISH + CHINESE, re.MULTILINE | re.DOTALL))
def test_the_examples_for_agents_start_the_command(text: str):
    assert json.loads(text)["mcpServers"]["myna"] == {"command": "myna", "args": ["mcp"]}
