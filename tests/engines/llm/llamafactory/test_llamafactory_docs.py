"""``docs/llamafactory.md`` and its Chinese twin."""

import re
import tomllib
from pathlib import Path

import pytest

from myna.config.plain_names import PLAIN_NAMES
from myna.engines.llm.llamafactory import faults
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions

DOCS = Path(__file__).parents[4] / "docs"
PAGE, TWIN = ((DOCS / name).read_text(encoding="utf-8") for name in ("llamafactory.md", "llamafactory.zh-CN.md"))


def blocks(page: str) -> list[str]:
    return [re.sub(r"(?m)^ +", "", block) for block in re.findall(r"```\w+\n(.*?)```", page, re.DOTALL)]


def test_the_twin_has_the_same_examples():
    assert blocks(PAGE) == blocks(TWIN) != []
    assert [len(line) for line in re.findall(r"(?m)^#+", PAGE)] == [len(line) for line in re.findall(r"(?m)^#+", TWIN)]


def test_the_example_of_a_file_holds():
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert LlamaFactoryOptions.model_validate(tomllib.loads(text)["llamafactory"]).host == "10.0.0.7"


@pytest.mark.parametrize("page", [PAGE, TWIN])
def test_every_name_of_the_environment_is_a_setting(page: str):
    names = set(re.findall(r"MYNA_LLAMAFACTORY__(\w+)", page))
    assert names
    assert names <= {name.upper() for name in LlamaFactoryOptions.model_fields}
    plain = {name for name, key in PLAIN_NAMES.items() if key[0] == "llamafactory"}
    assert plain - {name for name in plain if name in page} == set()


@pytest.mark.parametrize("page", [PAGE, TWIN])
def test_every_message_is_told(page: str):
    options = LlamaFactoryOptions(host="gpu", base_model_path="/data/model", conda_env="llama", work_dir="/w")
    codes = ["conda", "conda_env", "python", "script", "cli_not_found", "pexpect_missing", "work_dir", "no_reply"]
    told = re.findall(r"(?m)^\| (.+?) \| .+ \|$", page.split("\n## ")[4])
    parts = [part.strip(" …") for row in told for part in re.split(r"…|;|；|\(|（", row) if len(part.strip(" …")) > 8]
    for code in codes:
        assert any(part in faults.fault(code, options).message for part in parts), code
