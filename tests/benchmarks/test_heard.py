import pytest
from benchmarks.heard import spoken

from myna.engines.base import Transcript, TranscriptSegment, Word


def transcript(*words: str) -> Transcript:
    """One word a second."""
    timed = tuple(Word(word, at, at + 1) for at, word in enumerate(words))
    return Transcript("".join(words), None, (TranscriptSegment("".join(words), 0, len(words), timed),))


def test_words_count_when_they_have_been_played_whole():
    said = spoken("One, two, three.", transcript(" one", " two", " three"), "en")
    assert [said.played(at_ms) for at_ms in (0, 999, 1000, 2500, 9000)] == [0, 0, 1, 2, 3]


def test_chinese_counts_in_characters_whatever_the_asr_takes_for_a_word():
    said = spoken("今天天气好。", transcript("今天", "天气", "好"), "zh")
    assert [said.played(at_ms) for at_ms in (500, 1000, 1500, 2999, 3000)] == [1, 2, 3, 4, 5]


def test_what_was_misheard_gets_its_time_from_what_stands_around_it():
    said = spoken("one two three four", transcript(" one", " tomb", " tree", " four"), "en")
    assert said.ends_ms == pytest.approx([1000, 2000, 3000, 4000])


@pytest.mark.parametrize(("heard", "error"), [("One,", -1), ("One, two", 0), ("One, two, three.", 1), ("", -2)])
def test_the_error_counts_words_too_many_and_too_few(heard: str, error: int):
    said = spoken("One, two, three.", transcript(" one", " two", " three"), "en")
    assert said.error(heard, 2100) == error


def test_words_behind_the_end_of_the_audio_are_never_played():
    assert spoken("one two three four", transcript(" one", " two"), "en").played(9e9) == 2
