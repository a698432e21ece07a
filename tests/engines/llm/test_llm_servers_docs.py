"""What ``docs/llm-servers.md`` shows is understood, its errors are those that are told, and its twin has the same."""

import re
from pathlib import Path

import pytest

from myna.config.load import load_settings
from myna.engines.llm import faults
from myna.engines.llm.chat_families import CHATML, FAMILIES
from myna.engines.llm.chat_template import RENDER_S
from myna.engines.llm.openai_options import OpenAIOptions
from myna.engines.llm.retries import LATER, LONGEST_S

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "llm-servers.md").read_text(encoding="utf-8")
TWIN = (DOCS / "llm-servers.zh-CN.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def test_the_twins_show_the_same() -> None:
    for language in ("ini", "toml", "console"):
        assert blocks(PAGE, language) == blocks(TWIN, language) != []
    for marks in (r"^## ", r"^\| `"):
        assert len(re.findall(marks, PAGE, re.MULTILINE)) == len(re.findall(marks, TWIN, re.MULTILINE))


@pytest.mark.parametrize("block", blocks(PAGE, "ini"))
def test_each_line_of_an_env_file_chooses_the_server(tmp_path: Path, block: str) -> None:
    (tmp_path / ".env").write_text(block, encoding="utf-8")
    chosen = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)}).choice("llm")
    assert chosen.name == "openai"
    assert isinstance(chosen.options, OpenAIOptions)
    given = dict(line.split("=", 1) for line in block.splitlines())
    assert chosen.options.base_url == given["LLAMA_BASE"]
    assert chosen.options.model == given.get("LLAMA_MODEL")
    assert (chosen.options.api_key is not None) == ("MYNA_OPENAI__API_KEY" in given)


@pytest.mark.parametrize("block", blocks(PAGE, "toml"))
def test_each_myna_toml_is_understood_and_its_secrets_are_masked(tmp_path: Path, block: str) -> None:
    (tmp_path / "myna.toml").write_text(block, encoding="utf-8")
    loaded = load_settings({"llm": {"engine": "openai"}}, cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})
    options = loaded.choice("llm").options
    assert isinstance(options, OpenAIOptions)
    shown = {each.key: str(each.value) for each in loaded.provenance()}
    assert options.base_url == shown["openai.base_url"]
    assert "sk-" not in str(shown)
    assert "robots" not in str(shown)


def test_the_errors_say_what_the_page_says_that_they_do() -> None:
    source = Path(faults.__file__).read_text(encoding="utf-8")
    quoted = [text for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for text in re.findall("`(.*?)`", row)]
    assert len(quoted) > 12
    assert [text for text in quoted if text not in source] == []


def test_the_numbers_and_names_are_those_of_the_code() -> None:
    assert "(429, 502,\n503, 504)" in PAGE
    assert {429, 502, 503, 504} == LATER
    assert f"up\nto {LONGEST_S:g} s" in PAGE
    assert RENDER_S == 3
    for family in (CHATML, *FAMILIES):
        assert family.name.split("-")[0].split(" ")[0].removesuffix("3") in PAGE
