"""What ``docs/gpu.md`` calls computed is what Myna computes, and its twin has the same figures."""

import re
from pathlib import Path

import pytest
from benchmarks.random_model import SHAPES

from myna.engines.llm.transformers.budget import RUNTIME_BYTES, budget_of
from myna.engines.llm.transformers.torch_loading import CHUNK_ON_GPU

DOCS = Path(__file__).parents[4] / "docs"
PAGES = [(DOCS / name).read_text(encoding="utf-8") for name in ("gpu.md", "gpu.zh-CN.md")]
CONTEXTS = re.compile(
    r"^\| \**([\d,]+)\**.*? \| ([\d.]+) GB \| ([\d.]+) GB \| ([\d.]+) GB \| ([\d.]+) GB \|", re.MULTILINE
)


def figures(page: str) -> list[list[str]]:
    """Those with a unit in each row of its tables, in no order: sentences have their own."""
    rows = (row for row in page.splitlines() if row.startswith("|"))
    return [sorted(re.findall(r"\d+(?:[.,]\d+)*(?= ?(?:GB|GiB|TFLOP|ms|s\b))", row)) for row in rows]


def test_the_twins_tell_the_same() -> None:
    page, twin = PAGES
    assert figures(page) == figures(twin) != []
    for marks in (r"^#+ ", r"^```console\n(.*?)^```"):
        found = [re.findall(marks, each, re.MULTILINE | re.DOTALL) for each in PAGES]
        assert found[0] == found[1] != []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_context_takes_is_what_is_computed(page: str) -> None:
    rows = CONTEXTS.findall(page)
    assert len(rows) == 5
    for context, *told in rows:
        budget = budget_of(
            SHAPES["qwen2.5-14b"],
            weights=9_980_000_000,
            context_tokens=int(context.replace(",", "")),
            chunk_tokens=CHUNK_ON_GPU,
            reserve=4 << 30,
            free=0,
        )
        computing = budget.computing + RUNTIME_BYTES
        without = budget.needed - budget.reserve
        for said, taken in zip(told, (budget.cache, computing, without, budget.needed), strict=True):
            assert float(said) == pytest.approx(taken / 1e9, abs=0.051 if taken > 10e9 else 0.0051), context
