import pytest

from myna.text.tool_calls.openings import (
    CUT,
    MORE,
    NO,
    Part,
    blanks,
    either,
    follow,
    identifier,
    maybe,
    quoted,
    sure,
    unless,
    word,
)


@pytest.mark.parametrize(
    ("part", "text", "answer"),
    [
        (word("get", "get_time"), "get_time(", 8),
        (word("get", "get_time"), "get(", 3),
        (word("get", "get_time"), "get", MORE),
        (word("get", "get_time"), "gone", NO),
        (word("get"), "", MORE),
        (word(), "get", NO),
        (quoted(["a"]), "'a'", 3),
        (quoted(["a"]), '"a', MORE),
        (identifier, "a-b.c ", 5),
        (identifier, "a-b.c", MORE),
        (identifier, "(", NO),
        (follow(word("a"), blanks, word("b")), "a \n b", 5),
        (follow(word("a"), blanks, word("b")), "a  ", MORE),
        (follow(word("a"), sure, blanks, word("b")), "a  ", CUT),
        (follow(word("a"), sure, blanks, word("b")), "a c", NO),
        (follow(word("a"), blanks, word("b")), "a" + " " * 65 + "b", NO),
        (either(word("ab"), word("a")), "a", MORE),
        (either(word("ab"), word("a")), "ac", 1),
        (follow(maybe(word("a")), word("b")), "b", 1),
        (follow(maybe(word("a")), word("b")), "ab", 2),
        (follow(unless(word("ab")), word("a")), "ab", NO),
        (follow(unless(word("ab")), word("a")), "a", MORE),
        (follow(unless(word("ab")), word("a")), "ac", 1),
    ],
)
def test_a_part_says_where_it_ends_or_that_more_is_needed(part: Part, text: str, answer: int) -> None:
    assert part(text, 0) == answer
