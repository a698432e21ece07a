import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.events import TranscriptPart
from myna.engines.base import Transcript, TranscriptSegment
from myna.session.transcripts import Draft, agreed, join


@pytest.mark.parametrize(
    ("left", "right", "joined"),
    [
        ("我想去", "北京。", "我想去北京。"),
        ("I want", "to go.", "I want to go."),
        ("I live in", "北京", "I live in北京"),
        ("我用", "Python", "我用Python"),
        ("", "hello", "hello"),
        ("hello ", "", "hello"),
    ],
)
def test_pieces_join_with_a_space_between_words_only(left: str, right: str, joined: str):
    assert join(left, right) == joined


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("今天", "今天天气", 2),
        ("今天。", "今天天气", 2),
        ("今天。", "今天。", 2),
        ("I want to go", "I want to going", len("I want to")),
        ("I want to go", "I want to go home", len("I want to go")),
        ("hello", "yellow", 0),
        ("", "hello", 0),
    ],
)
def test_two_hypotheses_agree_in_whole_words(before: str, after: str, same: int):
    assert agreed(before, after) == same


def _heard(text: str) -> Transcript:
    return Transcript(text, "zh" if text else None)


def test_a_window_that_is_settled_stays_in_front():
    draft = Draft()
    draft.propose(_heard("今天天气"))
    draft.settle(_heard("今天天气"), 0, 16_000)
    assert draft.propose(_heard("很好"))
    assert (draft.text, draft.stable) == ("今天天气很好", 4)
    assert draft.utterance(_heard("很好。"), 16_000, 32_000).parts == (
        TranscriptPart("今天天气", 0, 1000),
        TranscriptPart("很好。", 1000, 2000),
    )


def test_the_parts_of_an_utterance_are_where_the_asr_says_in_all_the_audio():
    heard = Transcript("一二", "zh", (TranscriptSegment("一", 0.5, 1.0), TranscriptSegment("二", 1.0, 9.0)))
    assert Draft().utterance(heard, 16_000, 48_000).parts == (
        TranscriptPart("一", 1500, 2000),
        TranscriptPart("二", 2000, 3000),
    )


def test_the_language_is_that_of_the_first_window_and_of_nothing_none():
    draft = Draft()
    draft.settle(Transcript("你好", "zh"), 0, 100)
    draft.propose(Transcript("hello", "en"))
    assert draft.utterance(Transcript("hello", "en"), 100, 200).language == "zh"
    assert Draft().utterance(Transcript("", None), 0, 100).language is None


@given(texts=st.lists(st.text("今天气 ab.", max_size=8), max_size=12))
def test_stable_text_is_a_prefix_of_what_two_in_a_row_said(texts: list[str]):
    draft, before = Draft(), ""
    for text in texts:
        changed = draft.propose(_heard(text))
        assert changed == (draft.text != before)
        assert 0 <= draft.stable <= len(draft.text)
        before = draft.text
    draft.propose(_heard(before))
    draft.propose(_heard(before))
    assert draft.text[: draft.stable].strip(" .") == before.strip().rstrip(" .")[: draft.stable].strip(" .")
