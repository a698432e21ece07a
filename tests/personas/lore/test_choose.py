from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.personas.lore.choose import LONGEST_SCAN, called_up, standing
from myna.personas.lore.decorators import take_decorators
from myna.personas.lore.model import Lorebook, LoreEntry


def book(*entries: dict[str, Any], **settings: Any) -> Lorebook:
    written = [LoreEntry.model_validate({"content": f"entry {n}", **entry}) for n, entry in enumerate(entries)]
    return Lorebook(entries=tuple(written), **settings)


def told(lorebook: Lorebook, *messages: str, replies: int = 0) -> Sequence[str]:
    return called_up(lorebook, messages, replies)


def hit(text: str, **entry: Any) -> bool:
    return bool(told(book(entry), text))


# -------------------------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("entry", "yes", "no"),
    [
        ({"keys": ["cat", "dog"]}, "my DOGS", "my bird"),
        ({"keys": ["Cat"], "case_sensitive": True}, "a Cat", "a cat"),
        ({"keys": ["cat"], "whole_words": True}, "the cat, yes", "a category"),
        ({"keys": ["cat"], "whole_words": True}, "bobcat? No: cat", "concatenate"),
        ({"keys": ["小白"], "whole_words": True}, "我家小白很乖", "小黑"),
        ({"keys": ["AI"], "whole_words": True}, "我喜欢AI吗", "SAID"),
        ({"keys": ["Straße"]}, "die STRASSE", "Strand"),
        ({"keys": [r"^小.猫"], "regex": True}, "小黑猫", "一只小黑猫"),
        ({"keys": ["/cats?/i"]}, "CAT", "dog"),
        ({"keys": ["/x"]}, "a/x", "x"),
        ({"keys": ["猫"]}, "猫", "狗"),
        ({"keys": ["a"], "exclude_keys": ["b"]}, "a", "a b"),
        ({"keys": ["a"], "secondary_keys": ["x", "y"]}, "a y", "a"),
        ({"keys": ["a"], "secondary_keys": ["x", "y"], "logic": "all"}, "a x y", "a x"),
        ({"keys": ["a"], "secondary_keys": ["x", "y"], "logic": "not_any"}, "a", "a x"),
        ({"keys": ["a"], "secondary_keys": ["x", "y"], "logic": "not_all"}, "a x", "a x y"),
    ],
)
def test_keys_are_found_as_the_entry_says(entry: dict[str, Any], yes: str, no: str) -> None:
    assert hit(yes, **entry)
    assert not hit(no, **entry)


def test_an_entry_without_keys_or_that_is_off_or_empty_is_never_told() -> None:
    assert told(book({}, {"keys": ["a"], "enabled": False}, {"keys": ["a"], "content": ""}), "a") == ()
    assert told(Lorebook(), "a") == called_up(None, ["a"], 0) == called_up(book({"keys": ["a"]}), [], 0) == ()


def test_a_pattern_that_is_not_understood_finds_nothing_and_harms_no_other_key() -> None:
    assert not hit("((", keys=["(("], regex=True)
    assert hit("cat", keys=["((", "cat"], regex=True)


def test_bombs_of_regular_expressions_end_and_leave_the_plain_keys() -> None:
    bombs = [{"keys": ["(x+x+)+y"], "regex": True} for _ in range(50)]
    assert told(book(*bombs, {"keys": ["xxx"], "content": "plain"}), "x" * LONGEST_SCAN) == ("plain",)


def test_patterns_that_take_long_to_make_count_as_steps() -> None:
    entries = [{"keys": [f"/{'(?:){190}' * 20}{number}/"]} for number in range(100)]
    assert told(book(*entries), "99") == ("entry 9",)


# ------------------------------------------------------------------------------------------------- when, and how deep


def test_only_the_newest_messages_are_looked_through() -> None:
    lorebook = book(
        {"keys": ["cat"]}, {"keys": ["cat"], "scan_depth": 4}, {"keys": ["cat"], "scan_depth": 0}, scan_depth=2
    )
    assert told(lorebook, "cat", "a", "b", "c") == ("entry 1",)
    assert told(lorebook, "cat", "a") == ("entry 0", "entry 1")
    assert told(lorebook, "cat " + "x" * LONGEST_SCAN) == ()


def test_replies_count_for_entries_that_wait_for_them() -> None:
    lorebook = book({"keys": ["a"], "after_replies": 2}, {"keys": ["a"], "every_replies": 3})
    assert [told(lorebook, "a", replies=n) for n in range(4)] == [
        ("entry 1",),
        (),
        ("entry 0",),
        ("entry 0", "entry 1"),
    ]


def test_what_is_constant_stands_in_the_prompt_and_is_not_called_up() -> None:
    lorebook = book({"constant": True, "position": "after"}, {"constant": True}, {"keys": ["a"]})
    assert (standing(lorebook).before, standing(lorebook).after) == (("entry 1",), ("entry 0",))
    assert told(lorebook, "a") == ("entry 2",)


def test_what_is_constant_but_not_in_every_turn_is_called_up_without_keys() -> None:
    lorebook = book({"constant": True, "after_replies": 2})
    assert standing(lorebook).before == ()
    assert told(lorebook, "hi", replies=1) == ()
    assert told(lorebook, "hi", replies=2) == ("entry 0",)


# ---------------------------------------------------------------------------------------------------- order and budget


def test_entries_stand_by_position_then_the_deeper_first_then_in_their_order() -> None:
    key = {"keys": ["a"]}
    lorebook = book(
        {**key, "position": "depth", "depth": 1},
        {**key, "position": "depth", "depth": 4},
        {**key, "position": "after", "order": 2},
        {**key, "position": "after", "order": 1},
        {**key, "position": "before", "order": 900},
    )
    assert told(lorebook, "a") == ("entry 4", "entry 3", "entry 2", "entry 1", "entry 0")


def test_where_not_all_have_room_the_lowest_priority_goes() -> None:
    entries = [{"keys": ["猫"], "content": f"{n}" + "猫" * 9, "priority": n, "order": n} for n in range(5)]
    kept = told(book(*entries, token_budget=25), "猫")
    assert [text[0] for text in kept] == ["3", "4"]


def test_what_is_constant_takes_of_the_same_budget() -> None:
    lorebook = book({"constant": True, "content": "海" * 20}, {"keys": ["猫"], "content": "猫" * 10}, token_budget=25)
    assert len(standing(lorebook).before) == 1
    assert told(lorebook, "猫") == ()


entries: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "keys": st.lists(st.sampled_from("abcde"), min_size=1, max_size=3),
        "content": st.text("abcde ", min_size=1, max_size=40),
        "constant": st.booleans(),
        "priority": st.integers(0, 3),
        "order": st.integers(0, 3),
    }
)


@given(
    st.lists(entries, max_size=8), st.lists(st.text("abcde", max_size=4), max_size=4), st.integers(0, 40), st.booleans()
)
@settings(max_examples=80, deadline=None)
def test_the_budget_holds_each_entry_comes_once_and_the_same_in_gives_the_same_out(
    raw: list[dict[str, Any]], messages: list[str], budget: int, recursive: bool
) -> None:
    lorebook = book(*raw, token_budget=budget, recursive=recursive)
    texts = called_up(lorebook, messages, 0)
    always = standing(lorebook)
    assert sum(-(-len(text) // 4) for text in (*texts, *always.before, *always.after)) <= budget
    assert len(texts) + len(always.before) + len(always.after) <= len(raw)
    assert texts == called_up(lorebook, messages, 0)


# --------------------------------------------------------------------------------------------------------- recursion


def test_what_is_told_calls_up_more_where_the_book_says_so() -> None:
    chain = [
        {"keys": ["cat"], "content": "dog"},
        {"keys": ["dog"], "content": "bird"},
        {"keys": ["bird"], "content": "end"},
    ]
    assert told(book(*chain, recursive=True), "cat") == ("dog", "bird", "end")
    assert told(book(*chain), "cat") == ("dog",)


def test_a_cycle_ends() -> None:
    cycle = [{"keys": ["cat"], "content": "dog cat"}, {"keys": ["dog"], "content": "cat dog"}]
    assert told(book(*cycle, recursive=True), "cat") == ("dog cat", "cat dog")


def test_a_long_chain_ends_after_some_rounds() -> None:
    chain = [{"keys": [f"<{n}>"], "content": f"<{n + 1}>", "order": n} for n in range(50)]
    assert told(book(*chain, recursive=True), "<0>") == tuple(f"<{n}>" for n in range(1, 7))


def test_entries_may_keep_out_of_it() -> None:
    lorebook = book(
        {"keys": ["cat"], "content": "dog", "wakes_others": False}, {"keys": ["dog"], "content": "x"}, recursive=True
    )
    assert told(lorebook, "cat") == ("dog",)
    lorebook = book(
        {"keys": ["cat"], "content": "dog"}, {"keys": ["dog"], "content": "x", "woken_by_others": False}, recursive=True
    )
    assert told(lorebook, "cat") == ("dog",)
    assert told(lorebook, "cat and dog") == ("dog", "x")


def test_what_is_constant_calls_up_more() -> None:
    lorebook = book({"constant": True, "content": "dog"}, {"keys": ["dog"], "content": "x"}, recursive=True)
    assert told(lorebook, "hi") == ("x",)


# --------------------------------------------------------------------------------------------------------- decorators


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("@@depth 3", {"position": "depth", "depth": 3}),
        ("@@activate_only_after 2", {"after_replies": 2}),
        ("@@activate_only_every 0", {"every_replies": 1}),
        ("@@scan_depth 5", {"scan_depth": 5}),
        ("@@additional_keys a, b,", {"additional_keys": ["a", "b"]}),
        ("@@exclude_keys a", {"exclude_keys": ["a"]}),
        ("@@position after_desc", {"position": "after"}),
        ("@@activate", {"constant": True}),
        ("@@dont_activate", {"enabled": False}),
        ("@@depth x", {}),
        ("@@depth 99999999", {}),
        ("@@role system", {}),
    ],
)
def test_a_decorator_sets_what_it_says_and_leaves_the_content(line: str, changes: dict[str, Any]) -> None:
    decorated = take_decorators(f"{line}\nThe rest.\n@@depth 9")
    assert decorated.changes == changes
    assert decorated.content == "The rest.\n@@depth 9"
    assert bool(decorated.unknown) == (not changes)


def test_a_fallback_counts_only_where_the_decorator_above_is_not_known() -> None:
    assert take_decorators("@@unheard_of\n@@@depth 2\nx").changes == {"position": "depth", "depth": 2}
    assert take_decorators("@@depth 1\n@@@depth 2\nx").changes == {"position": "depth", "depth": 1}


def test_of_two_decorators_that_set_the_same_the_first_counts() -> None:
    assert take_decorators("@@depth 1\n@@depth 2\n@@position after_desc\nx").changes == {
        "position": "depth",
        "depth": 1,
    }


@pytest.mark.parametrize("name", ["reverse_depth", "instruct_depth", "reverse_instruct_depth", "instruct_scan_depth"])
def test_decorators_that_mean_nothing_in_a_chat_give_way_to_their_fallback(name: str) -> None:
    assert take_decorators(f"@@{name} 500\n@@@depth 2\nx").changes == {"position": "depth", "depth": 2}


def test_a_path_is_a_key_and_no_pattern() -> None:
    assert hit("in /etc/passwd it is", keys=["/etc/passwd"])
    assert not hit("ketchup", keys=["/etc/passwd"])


def test_content_without_decorators_stays_as_it_is() -> None:
    assert take_decorators("  a\n@@depth 1").content == "  a\n@@depth 1"


def test_a_book_with_more_keys_than_there_is_time_for_is_looked_through_as_far_as_it_goes() -> None:
    lorebook = book({"keys": ["aa"], "content": "first"}, *[{"keys": ["b"]} for _ in range(1998)], {"keys": ["aa"]})
    assert told(lorebook, "a" * LONGEST_SCAN) == ("first",)
    assert told(lorebook, "aa") == ("first", "entry 1999")
