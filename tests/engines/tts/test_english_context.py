import pytest

from myna.engines.tts.english_context import reading


@pytest.mark.parametrize(
    ("clause", "word", "readings"),
    [
        ("I read the book last week", "read", ["VBD"]),
        ("now I want to read it again", "read", ["DEFAULT"]),
        ("Have you read it", "read", ["VBD"]),
        ("Did she read it", "read", ["DEFAULT"]),
        ("She read it", "read", ["VBD"]),
        ("The lead singer stepped on a lead pipe", "lead", ["DEFAULT", "METAL"]),
        ("They live near the hall where the band plays live music", "live", ["VERB", "DEFAULT"]),
        ("We are live on TV", "live", ["DEFAULT"]),
        ("Please record the song before you break the record", "record", ["VERB", "NOUN"]),
        ("The wind was so strong that we had to wind up the rope", "wind", ["DEFAULT", "VERB"]),
        ("Close the door", "close", ["VERB"]),
        ("the fire is too close to a close friend at the close of day", "close", ["DEFAULT", "DEFAULT", "NOUN"]),
        ("A tear ran down when she saw the tear in her dress", "tear", ["DEFAULT", "VERB"]),
        ("a tear in her eye", "tear", ["DEFAULT"]),
        ("I use it and it is of no use", "use", ["VERB", "NOUN"]),
        ("the wound that he wound a bandage around", "wound", ["DEFAULT", "VBD"]),
        ("she plays bass guitar", "bass", ["ADJ"]),
        ("we caught a bass in the lake", "bass", ["DEFAULT"]),
        ("an estimate", "estimate", ["NOUN"]),
        ("Estimate the cost", "estimate", ["VERB"]),
        ("a deliberate mistake", "deliberate", ["ADJ"]),
        ("the content of it", "content", ["NOUN"]),
        ("I am content", "content", ["DEFAULT"]),
    ],
)
def test_the_neighbours_tell_the_reading(clause: str, word: str, readings: list[str]) -> None:
    words = clause.split()
    assert [reading(words, at) for at, one in enumerate(words) if one.lower() == word] == readings


def test_a_word_alone_has_a_reading() -> None:
    assert reading(["Read"], 0) == reading(["live"], 0) == "DEFAULT"
