from tests.engines.llm.transformers.scripted_model import ScriptedModel

from myna.engines.llm.transformers.prefixes import MOST_KEPT, Prefixes

SYSTEM = list(range(100))
"""The beginning that all conversations share."""


def kept(model: ScriptedModel, *conversations: str, most: int = 10_000) -> Prefixes:
    prefixes = Prefixes(model, most)
    for number, key in enumerate(conversations):
        tokens = SYSTEM + [1000 * (number + 1)] * 50
        prefixes.keep(tokens, list(tokens), key)
    return prefixes


def test_a_conversation_goes_on_with_what_it_had():
    prefixes = kept(ScriptedModel(), "a", "b")
    begun = prefixes.begin([*SYSTEM, *[1000] * 50, 7, 8], "a", 0)
    assert (begun.tokens, begun.cache) == (150, SYSTEM + [1000] * 50)


def test_its_cache_is_cut_where_the_prompt_differs():
    prefixes = kept(ScriptedModel(), "a")
    begun = prefixes.begin([*SYSTEM, *[1000] * 20, 7, 8], "a", 0)
    assert (begun.tokens, begun.cache) == (120, SYSTEM + [1000] * 20)
    assert prefixes.tokens == 0


def test_at_least_the_last_token_is_left_to_read():
    prefixes = kept(ScriptedModel(), "a")
    assert prefixes.begin([*SYSTEM, *[1000] * 50], "a", 0).tokens == 149


def test_another_conversation_gets_a_copy_of_the_common_beginning():
    model = ScriptedModel()
    prefixes = kept(model, "a")
    begun = prefixes.begin([*SYSTEM, 7, 8], "b", 0)
    assert (begun.tokens, begun.cache, model.copies) == (100, SYSTEM, [100])
    assert prefixes.begin([*SYSTEM, *[1000] * 50, 7], "a", 0).tokens == 150


def test_what_was_read_for_nobody_is_taken_over():
    model = ScriptedModel()
    prefixes = Prefixes(model, 10_000)
    prefixes.keep([*SYSTEM, 5, 5], [*SYSTEM, 5, 5], None)
    assert prefixes.begin([*SYSTEM, 7, 8], "a", 0).tokens == 100
    assert (prefixes.tokens, model.copies) == (0, [])


def test_what_is_shared_stays_for_the_others():
    model = ScriptedModel()
    prefixes = Prefixes(model, 10_000)
    prefixes.keep(SYSTEM, list(SYSTEM), None, shared=True)
    assert prefixes.begin([*SYSTEM, 7, 8], "a", 0).tokens == 100
    prefixes.keep([*SYSTEM, 7, 8], [*SYSTEM, 7, 8], "a")
    assert prefixes.begin([*SYSTEM, 9, 9], "b", 0).tokens == 100
    assert model.copies == [100, 100]


def test_little_in_common_is_no_beginning():
    prefixes = kept(ScriptedModel(), "a")
    assert prefixes.begin([*SYSTEM[:15], 7, 8], "a", 0).tokens == 0


def test_a_cache_that_cannot_be_cut_is_not_used():
    model = ScriptedModel(can_crop=False)
    prefixes = kept(model, "a")
    begun = prefixes.begin([*SYSTEM, 7, 8], "b", 0)
    assert (begun.tokens, begun.cache) == (0, [])
    begun = prefixes.begin([*SYSTEM, 7, 8], "a", 0)
    assert (begun.tokens, begun.cache) == (0, [])


def test_a_longer_sequence_replaces_its_own_beginning():
    prefixes = kept(ScriptedModel(), "a")
    longer = [*SYSTEM, *[1000] * 60]
    prefixes.keep(longer, list(longer), "a")
    assert prefixes.tokens == 160


def test_no_more_tokens_are_kept_than_may_be():
    prefixes = kept(ScriptedModel(), "a", "b", "c", most=300)
    assert prefixes.tokens == 300
    assert prefixes.begin([*SYSTEM, *[3000] * 50, 1], "c", 0).tokens == 150
    assert prefixes.begin([*SYSTEM, *[1000] * 50, 1], "a", 0).tokens == 100, "a's was the oldest"


def test_those_who_write_have_the_room_first():
    model = ScriptedModel()
    prefixes = kept(model, "a", "b", most=500)
    begun = prefixes.begin([*SYSTEM, *[1000] * 50, 1], "a", beside=480)
    assert (begun.tokens, prefixes.tokens) == (150, 0)


def test_where_there_is_no_room_for_two_a_copy_is_not_made():
    model = ScriptedModel()
    prefixes = kept(model, "a", most=200)
    begun = prefixes.begin([*SYSTEM, 7, 8], "b", beside=102)
    assert (begun.tokens, begun.cache, prefixes.tokens, model.copies) == (100, SYSTEM, 0, [])


def test_the_number_of_sequences_is_bounded():
    prefixes = kept(ScriptedModel(), *map(str, range(MOST_KEPT + 8)), most=1_000_000)
    assert prefixes.tokens == MOST_KEPT * 150


def test_what_is_used_is_not_the_oldest_any_more():
    prefixes = kept(ScriptedModel(), "a", "b", most=300)
    prefixes.begin([*SYSTEM, *[1000] * 20, 5], "x", 0)  # a copy of a's
    prefixes.keep([5] * 100, [5] * 100, "x")
    assert prefixes.begin([*SYSTEM, *[1000] * 50, 1], "a", 0).tokens == 150
