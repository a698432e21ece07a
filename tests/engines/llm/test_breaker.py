"""When a circuit breaker lets requests through, by a table and by chance."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.engines.llm.breaker import FAILURES, FIRST_S, LONGEST_S, Breaker, BreakerState, Failure

Act: TypeAlias = tuple[float, Failure | Literal["answers", "left", "alive"]]
"""At this time a request, if one may go, comes to this; or a probe finds life."""


def play(*acts: Act) -> Breaker:
    breaker = Breaker()
    for at, act in acts:
        if act == "alive":
            breaker.alive()
        elif breaker.permits(at):
            request(breaker, at, act)
    return breaker


def request(breaker: Breaker, at: float, comes_to: Failure | Literal["answers", "left"]) -> None:
    trial = breaker.begin(at)
    if comes_to == "answers":
        breaker.succeeded()
    elif comes_to == "left":
        breaker.left(trial=trial)
    else:
        breaker.failed(at, comes_to, trial=trial)


@pytest.mark.parametrize(
    ("acts", "at", "state"),
    [
        ([], 0, "closed"),
        ([(0, "refused")], 0, "closed"),
        ([(0, "refused"), (1, "answers"), (2, "refused")], 2, "closed"),
        ([(0, "refused"), (1, "refused")], 5.9, "open"),
        ([(0, "refused"), (1, "refused")], 6, "half_open"),
        ([(0, "gone")], 4.9, "open"),
        ([(0, "silent")], 4.9, "open"),
        ([(0, "gone")], 5, "half_open"),
        ([(0, "gone"), (5, "answers")], 5, "closed"),
        ([(0, "gone"), (5, "left")], 5, "half_open"),
        ([(0, "gone"), (5, "refused")], 14.9, "open"),
        ([(0, "gone"), (5, "refused")], 15, "half_open"),
        ([(0, "gone"), (5, "gone"), (15, "gone"), (35, "gone")], 74.9, "open"),
        ([(0, "gone"), (5, "gone"), (15, "gone"), (35, "gone")], 75, "half_open"),
        ([(0, "gone"), (5, "gone"), (15, "gone"), (35, "gone"), (75, "gone")], 134.9, "open"),
        ([(0, "gone"), (5, "gone"), (15, "answers"), (16, "gone")], 21, "half_open"),
        ([(0, "gone"), (2, "alive")], 2, "closed"),
        ([(0, "silent"), (2, "alive")], 2, "open"),
        ([(0, "gone"), (2, "alive"), (3, "refused")], 12.9, "open"),
        ([(0, "gone"), (2, "alive"), (3, "refused")], 13, "half_open"),
        ([(0, "gone"), (2, "alive"), (3, "answers"), (4, "refused")], 4, "closed"),
    ],
)
def test_it_stands_as_what_came_of_the_requests_says(acts: list[Act], at: float, state: BreakerState) -> None:
    assert play(*acts).state(at) == state


def test_while_the_trial_is_under_way_no_other_request_may_go() -> None:
    breaker = play((0, "gone"))
    assert breaker.permits(5)
    assert breaker.begin(5)
    assert not breaker.permits(5)
    assert not breaker.permits(500)
    breaker.left(trial=True)
    assert breaker.permits(500)


def test_what_was_sent_before_it_opened_does_not_open_it_for_longer() -> None:
    breaker = Breaker()
    trials = [breaker.begin(0) for _ in range(5)]
    for trial in trials:
        breaker.failed(1, "gone", trial=trial)
    assert breaker.state(5.9) == "open"
    assert breaker.state(6) == "half_open"


def test_a_request_that_goes_all_the_same_closes_it_when_it_is_answered_and_changes_nothing_when_not() -> None:
    breaker = play((0, "gone"))
    breaker.failed(2, "gone", trial=breaker.begin(2))
    assert breaker.state(4.9) == "open"
    assert breaker.state(5) == "half_open"
    breaker = play((0, "gone"))
    assert not breaker.begin(2)
    breaker.succeeded()
    assert breaker.state(2) == "closed"


@dataclass
class Model:
    """The same, as plainly as can be: for one request after the other."""

    refused: int = 0
    openings: int = 0
    open_until: float = 0.0


outcomes = st.sampled_from(["answers", "left", "refused", "silent", "gone"])


@given(st.lists(st.tuples(st.floats(0, 90), outcomes), max_size=40))
def test_one_request_after_the_other_it_is_as_its_description_says(
    acts: list[tuple[float, Failure | Literal["answers", "left"]]],
) -> None:
    breaker, model, now = Breaker(), Model(), 0.0
    for after_s, comes_to in acts:
        now += after_s
        assert breaker.permits(now) == (now >= model.open_until)
        if now < model.open_until:
            continue
        tries = model.openings > 0
        request(breaker, now, comes_to)
        if comes_to == "answers":
            model = Model()
        elif comes_to != "left":
            model.refused += 1
            if tries or comes_to != "refused" or model.refused >= FAILURES:
                model.open_until = now + min(FIRST_S * 2**model.openings, LONGEST_S)
                model.openings += 1
