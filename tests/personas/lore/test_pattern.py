import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.personas.lore.pattern import MOST_INSTRUCTIONS, BadPattern, Steps, compile_pattern


def found(source: str, text: str, *, ignore_case: bool = False) -> bool:
    return compile_pattern(source, ignore_case=ignore_case).is_in(text, Steps(1_000_000))


@pytest.mark.parametrize(
    ("source", "yes", "no"),
    [
        ("cat", "a cat", "a cot"),
        ("^cat$", "cat", "a cat"),
        (r"\bcat\b", "the cat sat", "category"),
        (r"\Bcat", "bobcat", "cat"),
        ("c[aou]t", "cut", "cet"),
        ("c[^aou]t", "cet", "cat"),
        (r"[\d-]+x", "1-2x", "ax"),
        ("[a-c-]z", "-z", "dz"),
        (r"[\]\b]", "]", "b"),
        ("小(白|黑)猫?", "我的小黑", "小花猫"),
        ("a{2,3}b", "xaab", "ab"),
        ("^a{2}$", "aa", "aaa"),
        ("^a{2,}$", "aaaa", "a"),
        ("a{x}", "a{x}", "a"),
        ("(?:ab)+c", "ababc", "aab"),
        ("(?<n>x)y", "xy", "x"),
        ("a.c", "abc", "a\nc"),
        ("/a.c/s", "a\nc", "ac"),
        ("/^b/m", "a\nb", "ab"),
        ("/CAT/i", "cat", "dog"),
        (r"/a\/b/", "a/b", "ab"),
        (r"\u732b|\x63at|\u{1F600}", "猫", "dog"),
        ("a*?b+?", "b", "a"),
        ("(|x)y", "y", "x"),
        (r"\w+\s\W", "ab !", "ab c"),
        (r"\S\D\.", "ab.", "1."),
    ],
)
def test_it_finds_what_javascript_finds(source: str, yes: str, no: str) -> None:
    assert found(source, yes)
    assert not found(source, no)


def test_case_is_ignored_where_asked_also_in_what_is_excluded() -> None:
    assert found("[a-c]AT", "Cat", ignore_case=True)
    assert not found("^[^a]$", "A", ignore_case=True)


atoms = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", r"\w", r"\b", "^", "$", "(a|b)", "(?:ab)", "(a|)"])
pieces = st.tuples(atoms, st.sampled_from(["", "", "*", "+", "?", "{1,2}", "{2}"])).filter(
    lambda piece: not (piece[0] in (r"\b", "^", "$") and piece[1])
)
patterns = st.lists(pieces.map("".join), min_size=1, max_size=5).map("".join)


@given(patterns, patterns, st.text("ab c", max_size=12))
@settings(max_examples=200, deadline=None)
def test_it_agrees_with_python_wherever_both_understand(one: str, other: str, text: str) -> None:
    source = f"{one}|(?:{other})+"
    expected = re.search(source.replace("$", r"\Z"), text, re.ASCII) is not None
    assert found(source, text) == expected


@pytest.mark.parametrize(
    ("source", "text"),
    [("(a+)+b", "a" * 8000), ("(a|aa)*$", "a" * 8000 + "!"), ("(x+x+)+y", "x" * 8000), (".*.*.*.*.*.*=", "x" * 8000)],
)
def test_a_pattern_that_would_take_for_ever_ends_after_so_many_steps(source: str, text: str) -> None:
    steps = Steps(50_000)
    compile_pattern(source).is_in(text, steps)
    assert steps.left > -MOST_INSTRUCTIONS


def test_a_class_of_many_characters_counts_as_the_work_that_it_is() -> None:
    steps = Steps(100_000)
    many = "".join(chr(0x5000 + number) for number in range(990))
    compile_pattern(f"[{many}]x", ignore_case=True).is_in("a" * 8000, steps)
    assert steps.left <= 0
    assert found("[" + "a" * 990 + r"\d" * 100 + "]x", "ax")


@pytest.mark.parametrize("empty", ["()", "(|)", "()()"])
def test_a_pattern_of_nothing_many_times_over_is_refused_at_once(empty: str) -> None:
    for _ in range(25):
        empty = f"({empty}){{200}}"
    with pytest.raises(BadPattern, match="too long"):
        compile_pattern(empty)


BAD = ["(", ")", "[a", "a**", "*a", "(?=x)", "(?<!x)y", r"(a)\1", r"\p{L}", "a{9999}", "((a{200}){200})", "\\", "[b-a]"]


@pytest.mark.parametrize("source", [*BAD, "(" * 100 + ")" * 100])
def test_what_is_not_understood_is_refused(source: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(source)
