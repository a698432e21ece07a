import re
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
import rjieba
from benchmarks.distractors import LARGEST, distractors

Entries = list[dict[str, str]]


def written(name: str) -> dict[str, Entries]:
    return tomllib.loads((Path(__file__).parents[2] / "benchmarks" / f"{name}.toml").read_text(encoding="utf-8"))


HARD = written("recall_facts")
PLAIN = written("recall_questions")
FILES = {"recall_facts": HARD, "recall_questions": PLAIN}
KINDS = ["zh-zh", "en-en", "zh-en", "en-zh"]
TOPICS = {entry["topic"] for entry in HARD["facts"]}
EMPTY = re.compile(
    r"""a|about|after|again|am|an|and|any|are|at|be|because|before|by|can|can't|could|did|do|does|doesn't|for|from|had|has|
    have|he|her|him|his|how|i|i'm|i've|if|in|into|is|it|it's|its|just|let|may|me|might|my|never|next|no|not|of|off|on|
    only|or|our|out|s|shall|she|should|so|some|t|than|that|the|their|them|then|there|there's|these|they|this|those|to|up|
    us|use|was|we|were|what|what's|when|where|which|who|whom|whose|why|will|with|won't|would|you|your|
    用户|什么|怎么|哪儿|哪里|哪个|一个|自己|我们|这个|那个|没有|可以|时候|
    [的地得了着过吗呢吧啊呀我你他她它们谁哪啥几这那是有在去来给把被让对跟和从到里上下会能要想该还又也都只就才最很太不没别每个只]""",
    re.VERBOSE,
)

both_files = pytest.mark.parametrize("entries", FILES.values(), ids=FILES)


def words(text: str) -> set[str]:
    """Those that carry meaning, the English ones without endings."""
    english = {re.sub(r"'s$", "", word) for word in re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text.lower())}
    chinese = {word for word in rjieba.cut(text) if re.fullmatch(r"[\u4e00-\u9fff]+", word)}
    found = {word for word in english | chinese if not EMPTY.fullmatch(word)}
    return {re.sub(r"(?<=\w{3})(?:ing|ed|es|s|e)$", "", word) for word in found}


def language(text: str) -> str:
    return "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"


def plain(text: str) -> str:
    return re.sub(r"\W", "", text.casefold())


def shared(entry: dict[str, str]) -> set[str]:
    return words(entry["fact"]) & words(entry["question"])


@both_files
@pytest.mark.parametrize("kind", KINDS)
def test_there_are_sixty_facts_of_a_kind_half_of_them_held_out(entries: dict[str, Entries], kind: str):
    splits = Counter(entry["split"] for entry in entries["facts"] if entry["kind"] == kind)
    assert splits.keys() == {"tuning", "held-out"}
    assert splits["tuning"] == splits["held-out"] >= 30


@both_files
def test_every_entry_is_whole_and_every_topic_is_there(entries: dict[str, Entries]):
    for entry in entries["facts"]:
        assert entry.keys() == {"kind", "topic", "split", "fact", "question"}
        assert entry["kind"] in KINDS
        assert all(text == text.strip() != "" for text in entry.values())
    assert {entry["topic"] for entry in entries["facts"]} == TOPICS
    assert len(TOPICS) == 16


@both_files
@pytest.mark.parametrize("split", ["tuning", "held-out"])
def test_both_splits_have_as_many_facts_of_every_topic(entries: dict[str, Entries], split: str):
    topics = Counter(entry["topic"] for entry in entries["facts"])
    chosen = Counter(entry["topic"] for entry in entries["facts"] if entry["split"] == split)
    assert all(abs(2 * chosen[topic] - topics[topic]) <= 2 for topic in TOPICS)


@both_files
def test_facts_and_questions_are_in_the_languages_of_their_kind(entries: dict[str, Entries]):
    for entry in entries["facts"]:
        assert f"{language(entry['fact'])}-{language(entry['question'])}" == entry["kind"], entry


def test_no_fact_and_no_question_is_there_twice_in_a_file_or_in_both():
    facts = [entry["fact"] for entries in FILES.values() for entry in entries["facts"]]
    asked = [entry["question"] for entries in FILES.values() for entry in chain(*entries.values())]
    for texts in (facts, asked):
        assert not [text for text, times in Counter(map(plain, texts)).items() if times > 1]


@both_files
def test_a_fact_and_its_question_share_at_most_one_word(entries: dict[str, Entries]):
    assert not {entry["fact"]: shared(entry) for entry in entries["facts"] if len(shared(entry)) > 1}


def test_about_half_of_the_plain_questions_share_a_word_with_their_fact():
    within = [entry for entry in PLAIN["facts"] if entry["kind"] in ("zh-zh", "en-en")]
    assert 0.4 <= sum(bool(shared(entry)) for entry in within) / len(within) <= 0.6


def test_across_languages_plain_questions_share_no_word_with_their_fact():
    across = [entry for entry in PLAIN["facts"] if entry["kind"] in ("zh-en", "en-zh")]
    assert not {entry["fact"]: shared(entry) for entry in across if shared(entry)}


@both_files
def test_sixty_questions_need_no_memory_half_of_them_chinese_and_half_held_out(entries: dict[str, Entries]):
    groups = Counter((entry["language"], entry["split"]) for entry in entries["unrelated"])
    assert groups == {(spoken, split): 15 for spoken in ("zh", "en") for split in ("tuning", "held-out")}
    for entry in entries["unrelated"]:
        assert entry.keys() == {"language", "split", "question"}
        assert language(entry["question"]) == entry["language"], entry


def test_ten_thousand_distractors_are_all_different_and_none_is_a_fact():
    many = distractors(LARGEST, seed=1)
    facts = {plain(entry["fact"]) for entries in FILES.values() for entry in entries["facts"]}
    assert len({plain(text) for text in many}) == LARGEST == 10_000
    assert not {plain(text) for text in many} & facts
    assert Counter(map(language, many)) == {"zh": LARGEST // 2, "en": LARGEST // 2}


def test_a_seed_gives_the_same_distractors_and_another_gives_others():
    assert distractors(500, seed=7) == distractors(500, seed=7)
    assert distractors(100, seed=7) == distractors(500, seed=7)[:100]
    assert distractors(500, seed=7) != distractors(500, seed=8)


def test_there_are_no_more_distractors_than_can_be_different():
    assert distractors(0, seed=1) == []
    with pytest.raises(ValueError, match="10000"):
        distractors(LARGEST + 1, seed=1)
