import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.store.words import LONGEST_INDEXED, LONGEST_QUERY, SNIPPET, Phrase, fold, phrases_of, snippet, words_of


def test_chinese_is_cut_into_pairs_and_the_last_character() -> None:
    assert words_of("我的小白") == ["我的", "的小", "小白", "白"]


def test_other_scripts_are_cut_into_words() -> None:
    assert words_of("Don't, node.js 3.5!") == ["don", "t", "node", "js", "3", "5"]


def test_both_stand_in_one_order() -> None:
    assert words_of("买iPhone15手机") == ["买", "iphone15", "手机", "机"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("貓", "猫"),
        ("ＡＢＣ", "abc"),
        ("Café", "cafe"),
        ("Cafe\u0301", "café"),
        ("STRASSE", "straße"),
        ("ﬁn", "fin"),
        ("が", "か\u3099"),
    ],
)
def test_what_makes_no_difference_is_folded(one: str, other: str) -> None:
    assert words_of(one) == words_of(other)


def test_a_dakuten_makes_a_difference() -> None:
    assert fold("が") != fold("か")


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ("小白", [Phrase(["小白"], begins=False)]),
        ("白", [Phrase(["白"], begins=True)]),
        ("我的小白", [Phrase(["我的", "的小", "小白"], begins=False)]),
        ("peanut", [Phrase(["peanut"], begins=True)]),
        ("a", [Phrase(["a"], begins=False)]),
        ("猫 cat", [Phrase(["猫"], begins=True), Phrase(["cat"], begins=True)]),
        ("手机iPhone", [Phrase(["手机", "机", "iphone"], begins=True)]),
        ("node.js", [Phrase(["node", "js"], begins=False)]),
        (" \"'*() ", []),
    ],
)
def test_a_query_is_a_phrase_for_each_part(query: str, phrases: list[Phrase]) -> None:
    assert phrases_of(query) == phrases


def is_there(words: list[str], phrase: Phrase) -> bool:
    """As databases look for it."""
    *wanted, last = phrase.words
    for place in range(len(words) - len(wanted)):
        end = words[place + len(wanted)]
        if words[place : place + len(wanted)] == wanted and (end.startswith(last) if phrase.begins else end == last):
            return True
    return False


@given(st.text(alphabet="小白猫黑的", min_size=1, max_size=12), st.data())
def test_any_part_of_a_chinese_text_is_found(text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin + 1, len(text)))
    words = words_of(f"abc{text}，def")
    assert all(is_there(words, phrase) for phrase in phrases_of(text[begin:end]))


@given(
    st.lists(st.sampled_from(["小白", "猫", "Cat", "peanuts", "我的", "3.5", "don't"]), min_size=1, max_size=5),
    st.data(),
)
def test_what_stands_beside_one_another_is_found_so(parts: list[str], data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(parts) - 1))
    end = data.draw(st.integers(begin + 1, len(parts)))
    together = ",".join(parts[begin:end])
    assert all(is_there(words_of(",".join(parts)), phrase) for phrase in phrases_of(together))


@given(st.text(max_size=50), st.text(max_size=20))
def test_nothing_breaks(text: str, query: str) -> None:
    for words in (words_of(text), *(phrase.words for phrase in phrases_of(query))):
        for word in words:
            assert word
            assert not set(word) & set(" \x00\"'*():&|!<>\\")
    assert len(snippet(text, query)) <= SNIPPET + 2


def test_long_texts_and_queries_have_an_end() -> None:
    assert len(words_of("a b " * LONGEST_INDEXED)) == LONGEST_INDEXED
    assert sum(len(phrase.words) for phrase in phrases_of("小白 b " * 1000)) <= LONGEST_QUERY


def test_a_snippet_shows_what_was_found() -> None:
    assert snippet("x " * 100 + "我的貓 Café", "猫").endswith("我的貓 Café")
    assert snippet("x " * 100 + "我的貓 Café " + "y " * 100, "cafe").startswith("…")
    assert snippet("short\n text", "none") == "short text"


def test_a_snippet_of_a_long_text_is_found_at_once_by_a_query_of_many_parts() -> None:
    text = "一二三四五六七八九十ÀßﬁÏ " * 20_000 + "peanut"
    assert snippet(text, "x " * 1_000 + "peanut").startswith("一二")  # only the first parts of a query count
    assert snippet(text, "x " * 60 + "PEANÚT").endswith("peanut")
