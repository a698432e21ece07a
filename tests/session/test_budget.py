from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.errors import PromptTooLong
from myna.core.tools import ToolSpec
from myna.engines.base import LLMInfo, LLMMessage, Sampling
from myna.session.budget import (
    EARLY_SHARE,
    EARLY_TOKENS,
    ESTIMATED,
    Budget,
    at_most,
    check_input,
    fit,
    fit_and_sum_up,
    roundest,
)
from myna.session.prompt import Prompt
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import ScriptedLLM


class CountingLLM(ScriptedLLM):
    """Remembers the texts that it was asked to count."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: set[str] = set()

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        self.counted.update(message.content for message in messages)
        return await super().count_tokens(messages)


def budget(tokens: int) -> Budget:
    return Budget("bird", prompt_tokens=tokens, answer_tokens=100)


def said(length: int, place: int) -> tuple[LLMMessage, LLMMessage]:
    text = f"{place} ".ljust(length, "话")
    return LLMMessage("user", text), LLMMessage("assistant", text[::-1])


def conversation(lengths: Sequence[int], *, text: str = "早", head: int = 40, left_out: int = 0) -> Prompt:
    return Prompt(
        system=LLMMessage("system", "你" * head),
        examples=(LLMMessage("user", "谁？"), LLMMessage("assistant", "鸟。")),
        rounds=tuple(said(length, place) for place, length in enumerate(lengths)),
        input=(LLMMessage("user", text),),
        left_out=left_out,
    )


async def tokens_of(prompt: Prompt) -> int:
    return await ScriptedLLM().count_tokens(prompt.messages)


# ------------------------------------------------------------------------------------------------------ properties

lengths = st.lists(st.integers(1, 400), max_size=40)
quickly = settings(deadline=None, max_examples=60)


@given(lengths, st.integers(1, 300), st.integers(150, 4000))
@quickly
@on_virtual_clock
async def test_a_prompt_is_never_over_budget_and_keeps_the_newest_rounds_in_order(
    lengths: list[int], input_length: int, limit: int
) -> None:
    prompt = conversation(lengths, text="早" * input_length)
    try:
        fitted = await fit(prompt, ScriptedLLM(), budget(limit))
    except PromptTooLong:
        assert await tokens_of(prompt.without(len(lengths))) > limit
        return
    assert await tokens_of(fitted) <= limit
    assert fitted == prompt.without(fitted.left_out)
    assert fitted.input == prompt.input


@given(lengths, st.integers(150, 4000))
@quickly
@on_virtual_clock
async def test_a_round_stays_unless_there_is_no_room_for_it(lengths: list[int], limit: int) -> None:
    prompt = conversation(lengths)
    fitted = await fit(prompt, ScriptedLLM(), budget(limit))
    if lengths and not fitted.rounds:
        assert await tokens_of(prompt.without(len(lengths) - 1)) > limit


@given(lengths, st.integers(150, 4000))
@quickly
@on_virtual_clock
async def test_what_fits_is_not_cut_and_what_is_cut_leaves_more_than_half(lengths: list[int], limit: int) -> None:
    prompt = conversation(lengths)
    fitted = await fit(prompt, ScriptedLLM(), budget(limit))
    if fitted.left_out:
        assert await tokens_of(prompt) > limit
        with_one_more = prompt.without(fitted.left_out - 1)
        half = (await ScriptedLLM().count_tokens(prompt.head) + limit) / 2
        assert await tokens_of(fitted) > half - 1 or await tokens_of(with_one_more) > limit


@given(st.lists(st.integers(1, 200), min_size=2, max_size=40), st.integers(700, 2000), st.integers(0, 5))
@settings(deadline=None, max_examples=30)
@on_virtual_clock
async def test_between_cuts_a_prompt_goes_on_where_the_last_one_ended_and_cuts_never_go_back(
    lengths: list[int], limit: int, left_out: int
) -> None:
    before = await fit(conversation((), left_out=left_out), ScriptedLLM(), budget(limit))
    for turn in range(1, len(lengths)):
        newest = said(lengths[turn], turn)[0].content
        prompt = conversation(lengths[:turn], text=newest, left_out=left_out)
        fitted = await fit(prompt, ScriptedLLM(), budget(limit))
        assert fitted.left_out >= before.left_out
        if fitted.left_out == before.left_out and turn > 1:
            assert fitted.messages[: len(before.messages)] == before.messages
        before = fitted


@given(st.integers(10, 60), st.integers(500, 2000))
@settings(deadline=None, max_examples=15)
@on_virtual_clock
async def test_cuts_are_rare(length: int, limit: int) -> None:
    of_half = (limit - 60) // (2 * 2 * (length + 4)) - 1  # rounds; each of two messages
    turns = 100
    starts = [
        (await fit(conversation([length] * turn), ScriptedLLM(), budget(limit))).left_out for turn in range(turns)
    ]
    assert len(set(starts)) - 1 <= 2 * turns / max(1, of_half) + 2


@given(st.integers(0, 1 << 20), st.integers(0, 1 << 12))
def test_the_roundest_number_is_the_one_with_the_most_zeros_in_binary(low: int, width: int) -> None:
    def zeros(number: int) -> float:
        return (number & -number).bit_length() if number else float("inf")

    chosen = roundest(low, low + width)
    assert low <= chosen <= low + width
    assert zeros(chosen) == max(map(zeros, range(low, low + width + 1)))


# ------------------------------------------------------------------------------------------------------- summaries


class Summing:
    """Sums up in as many tokens as it may, or so many times more, and remembers what it was asked."""

    def __init__(self, *, too_long: int = 1, at_least: int = 0) -> None:
        self.asked: list[tuple[int, int]] = []
        self._too_long = too_long
        self._at_least = at_least

    async def __call__(self, left_out: int, most_tokens: int) -> str:
        self.asked.append((left_out, most_tokens))
        return f"{left_out}".ljust(max(self._at_least, most_tokens * self._too_long), "早")


times_too_long = st.integers(1, 4)


@given(lengths, st.integers(1, 300), st.integers(150, 4000), times_too_long)
@quickly
@on_virtual_clock
async def test_with_a_summary_too_a_prompt_is_never_over_budget(
    lengths: list[int], input_length: int, limit: int, too_long: int
) -> None:
    prompt, summing = conversation(lengths, text="早" * input_length), Summing(too_long=too_long)
    try:
        fitted = await fit_and_sum_up(prompt, ScriptedLLM(), budget(limit), summing)
    except PromptTooLong:
        with pytest.raises(PromptTooLong):
            await fit(prompt, ScriptedLLM(), budget(limit))
        return
    assert await tokens_of(fitted) <= limit
    assert replace(fitted, earlier="") == prompt.without(fitted.left_out)
    without = await fit(prompt, ScriptedLLM(), budget(limit))
    assert bool(fitted.left_out) == bool(without.left_out)
    assert bool(fitted.rounds) == bool(without.rounds)
    if fitted.earlier:
        most = min(EARLY_TOKENS, limit // EARLY_SHARE)
        assert summing.asked[0] == (fitted.left_out, most)
        assert len(summing.asked) == (1 if too_long == 1 else 2)
        assert await tokens_of(fitted) - await tokens_of(prompt.without(fitted.left_out)) <= round(most * ESTIMATED)


@given(
    st.lists(st.integers(1, 100), min_size=2, max_size=40), st.integers(700, 2000), st.integers(0, 5), times_too_long
)
@settings(deadline=None, max_examples=50)
@on_virtual_clock
async def test_between_cuts_a_prompt_with_a_summary_goes_on_where_the_last_one_ended(
    lengths: list[int], limit: int, left_out: int, too_long: int
) -> None:
    before = conversation((), left_out=left_out)
    for turn in range(1, len(lengths)):
        newest = said(lengths[turn], turn)[0].content
        prompt = conversation(lengths[:turn], text=newest, left_out=left_out)
        fitted = await fit_and_sum_up(prompt, ScriptedLLM(), budget(limit), Summing(too_long=too_long))
        assert fitted.left_out >= before.left_out
        assert bool(fitted.earlier) == bool(fitted.left_out)
        if fitted.left_out == before.left_out and turn > 1:
            assert fitted.messages[: len(before.messages)] == before.messages
        before = fitted


@on_virtual_clock
async def test_nothing_is_summed_up_where_nothing_is_left_out() -> None:
    summing = Summing()
    assert (await fit_and_sum_up(conversation([20] * 10), ScriptedLLM(), budget(4000), summing)).earlier == ""
    assert summing.asked == []


@on_virtual_clock
async def test_a_summary_that_is_longer_than_was_estimated_is_asked_for_again_in_fewer_tokens() -> None:
    summing = Summing(too_long=2)
    fitted = await fit_and_sum_up(conversation([100] * 20), ScriptedLLM(), budget(1000), summing)
    assert summing.asked == [(fitted.left_out, 125), (fitted.left_out, 125 * 156 // 250)]
    assert len(fitted.earlier) == 156


@pytest.mark.parametrize("rounds", [3, 20])
@on_virtual_clock
async def test_a_summary_that_stays_too_long_is_left_out_however_much_room_there_is(rounds: int) -> None:
    prompt, summing = conversation([100] * rounds, left_out=5), Summing(at_least=400)
    fitted = await fit_and_sum_up(prompt, ScriptedLLM(), budget(2000), summing)
    assert fitted.left_out
    assert fitted.earlier == ""
    assert len(summing.asked) == 2


@on_virtual_clock
async def test_the_last_round_goes_before_the_summary() -> None:
    fitted = await fit_and_sum_up(conversation([100, 100], head=10), ScriptedLLM(), budget(260), Summing())
    assert (len(fitted.rounds), fitted.earlier) == (1, "")


# -------------------------------------------------------------------------------------------------------- counting


@on_virtual_clock
async def test_a_short_conversation_is_not_even_counted() -> None:
    llm = CountingLLM()
    prompt = conversation([20] * 10)
    assert await fit(prompt, llm, budget(4000)) == prompt
    assert not llm.counted


@on_virtual_clock
async def test_of_a_long_history_only_what_may_stay_is_counted() -> None:
    llm = CountingLLM()
    prompt = conversation([50] * 1000)
    fitted = await fit(prompt, llm, budget(4000))
    stays = sum(len(one) for one in fitted.rounds)
    assert stays < len(llm.counted) < 5 * stays


@given(st.lists(st.text(), min_size=1, max_size=5))
@quickly
@on_virtual_clock
async def test_no_estimate_is_above_the_bound(texts: list[str]) -> None:
    prompt = Prompt(
        LLMMessage("system", texts[0]), (), ((LLMMessage("user", "".join(texts)),),), (LLMMessage("user", "x"),)
    )
    assert await tokens_of(prompt) <= at_most(prompt)


# ---------------------------------------------------------------------------------------------------------- budgets


@pytest.mark.parametrize(
    ("context", "max_tokens", "most", "shared"),
    [
        (8192, 512, 20_000, (7680, 512)),
        (None, 512, 20_000, (19_488, 512)),
        (32_768, 768, 20_000, (19_232, 768)),
        (8192, None, 20_000, (7680, 512)),
        (600, 512, 20_000, (300, 300)),
        (8192, 100_000, 20_000, (4096, 4096)),
        (8192, 512, 1, (0, 1)),
    ],
)
def test_the_answer_has_its_room_but_never_more_than_half_of_the_context(
    context: int | None, max_tokens: int | None, most: int, shared: tuple[int, int]
) -> None:
    info = LLMInfo("bird", context, native_tools=True, output_schema=True)
    given = Budget.of(info, Sampling(max_tokens=max_tokens), most)
    assert (given.prompt_tokens, given.answer_tokens) == shared


def test_tools_take_their_part_of_the_context_only_where_they_stand_in_the_prompt() -> None:
    info = LLMInfo("bird", 8192, native_tools=True, output_schema=True)
    tools = [ToolSpec(f"tool_{number}", "Does something. " * 40, {"type": "object"}) for number in range(48)]
    sampling = Sampling(max_tokens=512)
    assert Budget.of(info, sampling, 8192, tools).prompt_tokens == 0
    assert Budget.of(replace(info, tools_in_prompt=False), sampling, 8192, tools) == Budget.of(info, sampling, 8192)


# --------------------------------------------------------------------------------------------------------- too long


@on_virtual_clock
async def test_an_utterance_that_no_prompt_holds_is_refused_with_its_length_and_what_fits() -> None:
    prompt = conversation([10] * 5, text="话" * 500)
    with pytest.raises(
        PromptTooLong, match=r"message is 504 tokens long, and 244 fit into the context of bird"
    ) as told:
        await fit(prompt, ScriptedLLM(), budget(300))
    assert "parts" in told.value.hint
    with pytest.raises(PromptTooLong, match="504 tokens"):
        await check_input(prompt, ScriptedLLM(), budget(300))


@on_virtual_clock
async def test_a_system_prompt_that_leaves_no_room_is_named_as_the_cause() -> None:
    with pytest.raises(PromptTooLong, match="system prompt and its examples take 1016 tokens") as told:
        await fit(conversation((), head=1000), ScriptedLLM(), budget(300))
    assert "max_context_tokens" in told.value.hint


@on_virtual_clock
async def test_an_utterance_as_long_as_there_is_room_is_taken_and_costs_the_history() -> None:
    prompt = conversation([10] * 5, text="话" * 240)
    fitted = await fit(prompt, ScriptedLLM(), budget(300))
    assert fitted.rounds == ()
    assert fitted.left_out == 5
