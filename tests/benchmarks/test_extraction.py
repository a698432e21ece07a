from pathlib import Path

import pytest
from benchmarks.extraction import Counts, Wanted, load_turns

FOLDER = Path("benchmarks")
CAT = Wanted((("小白", "snow"), ("猫", "cat")), ("狗",))


@pytest.mark.parametrize("file", ["extraction_dev.toml", "extraction_tuning.toml", "extraction_turns.toml"])
def test_every_file_of_turns_is_read(file: str) -> None:
    assert len(load_turns(FOLDER / file)) >= 60


@pytest.mark.parametrize(
    ("memory", "met"),
    [
        ("用户的猫叫小白", True),
        ("The user's CAT is called Snow", True),
        ("用户叫小白", False),
        ("用户的猫和狗叫小白", False),
    ],
)
def test_a_fact_is_met_by_its_words(memory: str, *, met: bool) -> None:
    assert CAT.is_met_by(memory) is met


def test_memories_are_right_wrong_or_free() -> None:
    turn = load_turns(FOLDER / "extraction_dev.toml")[0]
    wanted = type(turn)("…", "", (CAT,), (Wanted((("奶",),), ()),))
    counts = Counts()
    counts.add(wanted, ["用户的猫叫小白", "用户喝奶", "用户叫小明"])
    assert (counts.facts, counts.found, counts.memories, counts.right) == (1, 1, 2, 1)
