import csv

import pytest
from benchmarks.round_trip import SENTENCES, TARGETS, Sentence, judge, read_sentences
from benchmarks.words import tokens


@pytest.mark.parametrize(("name", "count"), [("en", 40), ("zh", 40), ("mixed", 20)])
def test_the_lists_are_whole(name: str, count: int) -> None:
    sentences = read_sentences(name)
    assert len({sentence.id for sentence in sentences}) == len(sentences) == count
    assert all(tokens(expected, one.language) for one in sentences for expected in one.expected)


def test_every_list_has_a_target() -> None:
    assert {path.stem for path in SENTENCES.glob("*.tsv")} == set(TARGETS)
    for path in SENTENCES.glob("*.tsv"):
        with path.open(encoding="utf-8", newline="") as table:
            assert {"id", "kind", "text", "heard_as"} <= set(next(csv.reader(table, delimiter="\t")))


def test_the_nearest_of_what_counts_as_right_is_taken() -> None:
    sentence = Sentence("x", "price", "en", "$5", ("five dollars", "five bucks please"))
    assert (judge(sentence, "five bucks").errors, judge(sentence, "five bucks").tokens) == (1, 3)
    assert judge(sentence, "").rate == 1.0
    assert judge(sentence, "Five dollars.").errors == 0
