import re
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest

from myna.memory.base import Kind

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = ["turns", "dev"]
SETS: dict[str, list[dict[str, Any]]] = {
    name: tomllib.loads((FOLDER / f"extraction_{name}.toml").read_text(encoding="utf-8"))["turns"] for name in NAMES
}


def plain(text: str) -> str:
    return re.sub(r"\W", "", text.casefold())


@pytest.mark.parametrize(("name", "count"), [("turns", 100), ("dev", 60)])
def test_half_of_the_turns_are_chinese_and_about_half_hold_facts(name: str, count: int):
    turns = SETS[name]
    assert Counter(turn["language"] for turn in turns) == {"zh": count // 2, "en": count // 2}
    for language in ("zh", "en"):
        with_facts = sum(bool(turn["facts"]) for turn in turns if turn["language"] == language)
        assert 0.4 <= with_facts / (count // 2) <= 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_turn_says_what_is_to_be_remembered_or_what_tempts(name: str):
    for turn in SETS[name]:
        assert turn.keys() - {"before"} == {"language", "user", "facts", "optional", "without"} - (
            {"without"} if turn["facts"] else set()
        )
        assert len(turn["facts"]) <= 2
        for text in (turn["user"], turn.get("before", "-"), turn.get("without", "-")):
            assert text == text.strip() != ""
        assert bool(re.search(r"[\u4e00-\u9fff]", turn["user"])) == (turn["language"] == "zh")


@pytest.mark.parametrize("name", NAMES)
def test_facts_can_be_counted(name: str):
    for fact in chain.from_iterable(turn["facts"] + turn["optional"] for turn in SETS[name]):
        assert fact.keys() == {"about", "must_have", "wrong_if"}
        assert fact["about"] in get_args(Kind)
        assert fact["must_have"]
        assert all(fact["must_have"])
        for text in chain(fact["wrong_if"], *fact["must_have"]):
            assert text.strip()
            assert text == text.casefold(), "texts are looked for in small letters"


def test_no_turn_is_there_twice_and_none_of_those_to_tune_on_is_among_the_unseen():
    said = [(plain(turn.get("before", "")), plain(turn["user"])) for turn in chain(*SETS.values())]
    assert len(set(said)) == len(said)


def test_the_unseen_ones_are_said_to_be_unseen():
    assert "UNSEEN" in (FOLDER / "extraction_turns.toml").read_text(encoding="utf-8").splitlines()[0]
