"""What ``docs/llama-cpp.md`` shows is understood, its figures and errors are the code's, and its twin has the same."""

import re
from pathlib import Path

import pytest

from myna.config.load import load_settings
from myna.engines.llm import llamacpp
from myna.engines.llm.llamacpp import IDLE_S, RESTART_WAIT_S, LlamaCppOptions
from myna.engines.scheduler import LONGEST_REST_S
from myna.weights import store
from myna.weights.catalog import load_catalog
from myna.weights.recommend import KV_BYTES_PER_TOKEN

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "llama-cpp.md").read_text(encoding="utf-8")
TWIN = (DOCS / "llama-cpp.zh-CN.md").read_text(encoding="utf-8")
SIZES = re.compile(r"^\| `(\S+)` \| ([\d.]+) GB \| ([\d,]+) \S+ \| ([\d.]+) GB \|", re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def test_the_twins_show_the_same() -> None:
    for language in ("toml", "console"):
        assert blocks(PAGE, language) == blocks(TWIN, language) != []
    assert SIZES.findall(PAGE) == SIZES.findall(TWIN) != []
    for marks in (r"^## ", r"^\| `[^`]*`", r"^- "):
        assert len(re.findall(marks, PAGE, re.MULTILINE)) == len(re.findall(marks, TWIN, re.MULTILINE))


@pytest.mark.parametrize("block", blocks(PAGE, "toml"))
def test_each_myna_toml_is_understood(tmp_path: Path, block: str) -> None:
    (tmp_path / "myna.toml").write_text(block, encoding="utf-8")
    chosen = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)}).choice("llm")
    assert "llamacpp" in {member.name for member in chosen.members}


@pytest.mark.parametrize(("model", "file", "token", "cache"), SIZES.findall(PAGE))
def test_what_a_model_takes_is_what_is_computed(model: str, file: str, token: str, cache: str) -> None:
    (found,) = load_catalog().expand([model])
    assert float(file) == pytest.approx(found.files[0].size / 1e9, abs=0.006)
    assert int(token.replace(",", "")) == KV_BYTES_PER_TOKEN[model]
    options = LlamaCppOptions()
    assert float(cache) == pytest.approx(
        KV_BYTES_PER_TOKEN[model] * options.slots * options.context_tokens / 1e9, abs=0.006
    )
    assert (options.slots, options.context_tokens) == (2, 8192)


def test_the_errors_say_what_the_page_says_that_they_do() -> None:
    source = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (llamacpp, store))
    source = source.replace("{IDLE_S:g}", f"{IDLE_S:g}").replace("{name}", "…")
    quoted = re.findall(r"^\| `([^`]*)` \|", PAGE.partition("## Errors")[2], re.MULTILINE)
    assert len(quoted) == 8
    assert [text for text in quoted if text not in source] == []


def test_the_times_are_those_of_the_code() -> None:
    for page in (PAGE, TWIN):
        assert f"{RESTART_WAIT_S:g} s" in page
        assert f"{LONGEST_REST_S:g} s" in page
