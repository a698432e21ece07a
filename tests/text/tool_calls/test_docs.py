import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "tool-formats.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_code_of_the_page_runs(block: str) -> None:
    exec(compile(block, str(PAGE), "exec"), {})


def test_the_page_has_code() -> None:
    assert len(BLOCKS) == 3
