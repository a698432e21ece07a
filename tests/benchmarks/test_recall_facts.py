import re
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
import rjieba
from benchmarks.distractors import LARGEST, distractors

WRITTEN = tomllib.loads((Path(__file__).parents[2] / "benchmarks" / "recall_facts.toml").read_text(encoding="utf-8"))
FACTS: list[dict[str, str]] = WRITTEN["facts"]
UNRELATED: list[dict[str, str]] = WRITTEN["unrelated"]
KINDS = ["zh-zh", "en-en", "zh-en", "en-zh"]
TOPICS = {entry["topic"] for entry in FACTS}
EMPTY = re.compile(
    r"""a|about|after|again|am|an|and|any|are|at|be|because|before|by|can|can't|could|did|do|does|doesn't|for|from|had|has|
    have|he|her|him|his|how|i|i'm|i've|if|in|into|is|it|it's|its|just|let|may|me|might|my|never|next|no|not|of|off|on|
    only|or|our|out|s|shall|she|should|so|some|t|than|that|the|their|them|then|there|there's|these|they|this|those|to|up|
    us|use|was|we|were|what|what's|when|where|which|who|whom|whose|why|will|with|won't|would|you|your|
    用户|什么|怎么|哪儿|哪里|哪个|一个|自己|我们|这个|那个|没有|可以|时候""",
    re.VERBOSE,
)


def words(text: str) -> set[str]:
    """Those that carry meaning: English ones without endings, Chinese ones of two characters or more."""
    english = {re.sub(r"'s$", "", word) for word in re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text.lower())}
    chinese = {word for word in rjieba.cut(text) if len(word) > 1 and re.fullmatch(r"[\u4e00-\u9fff]+", word)}
    found = {word for word in english | chinese if not EMPTY.fullmatch(word)}
    return {re.sub(r"(?<=\w{3})(?:ing|ed|es|s|e)$", "", word) for word in found}


def language(text: str) -> str:
    return "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"


def plain(text: str) -> str:
    return re.sub(r"\W", "", text.casefold())


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_sixty_facts_of_a_kind_half_of_them_held_out(kind: str):
    splits = Counter(entry["split"] for entry in FACTS if entry["kind"] == kind)
    assert splits.keys() == {"tuning", "held-out"}
    assert splits["tuning"] == splits["held-out"] >= 30


def test_every_entry_is_whole_and_every_topic_is_there():
    for entry in FACTS:
        assert entry.keys() == {"kind", "topic", "split", "fact", "question"}
        assert entry["kind"] in KINDS
        assert all(text == text.strip() != "" for text in entry.values())
    assert len(TOPICS) == 16


@pytest.mark.parametrize("split", ["tuning", "held-out"])
def test_both_splits_have_as_many_facts_of_every_topic(split: str):
    topics = Counter(entry["topic"] for entry in FACTS if entry["split"] == split)
    assert all(abs(2 * topics[topic] - sum(entry["topic"] == topic for entry in FACTS)) <= 2 for topic in TOPICS)


def test_facts_and_questions_are_in_the_languages_of_their_kind():
    for entry in FACTS:
        assert f"{language(entry['fact'])}-{language(entry['question'])}" == entry["kind"], entry


def test_no_fact_and_no_question_is_there_twice():
    assert len({plain(entry["fact"]) for entry in FACTS}) == len(FACTS)
    asked = [plain(entry["question"]) for entry in chain(FACTS, UNRELATED)]
    assert len(set(asked)) == len(asked)


def test_a_fact_and_its_question_share_at_most_one_word():
    shared = {entry["fact"]: words(entry["fact"]) & words(entry["question"]) for entry in FACTS}
    assert not {fact: both for fact, both in shared.items() if len(both) > 1}


def test_sixty_questions_need_no_memory_half_of_them_chinese_and_half_held_out():
    groups = Counter((entry["language"], entry["split"]) for entry in UNRELATED)
    assert groups == {(spoken, split): 15 for spoken in ("zh", "en") for split in ("tuning", "held-out")}
    assert all(language(entry["question"]) == entry["language"] for entry in UNRELATED)


def test_ten_thousand_distractors_are_all_different_and_none_is_a_fact():
    many = distractors(LARGEST, seed=1)
    assert len({plain(text) for text in many}) == LARGEST == 10_000
    assert not {plain(text) for text in many} & {plain(entry["fact"]) for entry in FACTS}
    assert Counter(map(language, many)) == {"zh": LARGEST // 2, "en": LARGEST // 2}


def test_a_seed_gives_the_same_distractors_and_another_gives_others():
    assert distractors(500, seed=7) == distractors(500, seed=7)
    assert distractors(100, seed=7) == distractors(500, seed=7)[:100]
    assert distractors(500, seed=7) != distractors(500, seed=8)


def test_there_are_no_more_distractors_than_can_be_different():
    assert distractors(0, seed=1) == []
    with pytest.raises(ValueError, match="10000"):
        distractors(LARGEST + 1, seed=1)
