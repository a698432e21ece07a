"""The pages of the docs: what they link to is there, and each that users read has a Chinese twin of the same shape."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHINESE = ".zh-CN.md"
FOR_DEVELOPERS = {"architecture.md", "testing.md"}
WITH_CODE_OF_ITS_OWN = {"llm-chain.md", "ros2.md", "ros2-voice.md", "transformers.md"}
"""Whose twin says and asks in Chinese what the page does in English."""

PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / "ros2").glob("*.md"), ROOT / "benchmarks" / "README.md"]
)
READ_BY_USERS = sorted(
    path for path in DOCS.glob("*.md") if not path.name.endswith(CHINESE) and path.name not in FOR_DEVELOPERS
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def code(page: Path) -> list[str]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in HEADING.findall(prose(page))}


def missing(page: Path) -> Iterator[str]:
    for link in LINK.findall(prose(page)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def linked(page: Path) -> set[str]:
    """Pages that it links to, whatever their language."""
    names = {link.partition("#")[0].replace(CHINESE, ".md") for link in LINK.findall(prose(page))}
    return {name for name in names if name.endswith(".md")} - {page.name.replace(CHINESE, ".md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    assert list(missing(page)) == []


@pytest.mark.parametrize("page", READ_BY_USERS, ids=lambda page: page.name)
def test_a_page_has_a_chinese_twin_of_the_same_shape(page: Path) -> None:
    twin = page.with_name(page.stem + CHINESE)
    assert [len(level) for level, _ in HEADING.findall(prose(twin))] == [
        len(level) for level, _ in HEADING.findall(prose(page))
    ]
    assert len(code(twin)) == len(code(page))
    if page.name not in WITH_CODE_OF_ITS_OWN:
        assert code(twin) == code(page)
    assert linked(twin) == linked(page)
    assert f"[简体中文]({twin.name})" in prose(page)


@pytest.mark.parametrize("twin", [page for page in PAGES if page.name.endswith(CHINESE)], ids=lambda page: page.name)
def test_a_chinese_page_leads_to_chinese_pages(twin: Path) -> None:
    names = {link.partition("#")[0] for link in LINK.findall(prose(twin))}
    english = {name for name in names if name.endswith(".md") and not name.endswith(CHINESE)}
    assert {name for name in english if (twin.parent / name.replace(".md", CHINESE)).exists()} == {
        twin.name.replace(CHINESE, ".md")
    }
