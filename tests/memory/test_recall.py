from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from myna.core.ids import MemoryId, UserId
from myna.memory.base import Memory, Scope
from myna.memory.recall import FITS, Candidate, fit, nearest, recalled

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1000)
SHARES = st.floats(0, 1)


def memory(
    name: str, *, pinned: bool = False, uses: int = 0, changed_at: datetime = LONG_AGO, used_at: datetime | None = None
) -> Memory:
    return Memory(
        MemoryId(name), Scope(UserId("anne")), name, LONG_AGO, changed_at, pinned=pinned, uses=uses, used_at=used_at
    )


def names(candidates: list[Candidate], limit: int = 9) -> list[str]:
    return [each.memory.text for each in recalled(candidates, limit, NOW)]


def test_what_does_not_fit_is_left_out_and_the_best_come_first() -> None:
    far, near, nearer = (Candidate(memory(str(cosine)), 0, cosine) for cosine in (0.1, 0.42, 0.5))
    assert names([far, near, nearer]) == ["0.5", "0.42"]
    assert names([far, near, nearer], limit=1) == ["0.5"]


def test_what_fits_is_left_out_beside_what_fits_far_better() -> None:
    some = Candidate(memory("some"), 0, 0.3)
    assert names([some]) == ["some"]
    assert names([some, Candidate(memory("plainly"), 0, 0.6)]) == ["plainly"]


def test_pinned_ones_come_first_however_little_they_fit() -> None:
    assert names([Candidate(memory("fits"), 0, 0.9), Candidate(memory("pinned", pinned=True), 0, -0.5)]) == [
        "pinned",
        "fits",
    ]


def test_what_is_newer_or_used_more_often_comes_first_among_those_that_fit_alike() -> None:
    old = Candidate(memory("old"), 0, 0.3)
    for other in (memory("new", changed_at=NOW), memory("just used", used_at=NOW), memory("often used", uses=20)):
        assert names([old, Candidate(other, 0, 0.3)]) == [other.text, "old"]


def test_age_and_use_do_not_beat_what_fits_better() -> None:
    fits = Candidate(memory("fits"), 0, 0.4)
    assert names([Candidate(memory("often used", uses=100, used_at=NOW), 0, 0.3), fits])[0] == "fits"


def test_a_question_all_of_whose_words_are_in_a_memory_fits_whatever_the_meaning() -> None:
    assert fit(Candidate(memory("a"), 1.0, 0.0)) >= FITS > fit(Candidate(memory("a"), 0.33, 0.0))


def test_without_meaning_words_decide() -> None:
    assert names([Candidate(memory("most"), 0.8), Candidate(memory("all"), 1.0), Candidate(memory("none"), 0.0)]) == [
        "all",
        "most",
    ]


@given(SHARES, SHARES, st.floats(-1, 1), st.floats(-1, 1))
def test_more_of_either_fits_better(fewer: float, more: float, further: float, nearer: float) -> None:
    (fewer, more), (further, nearer) = sorted((fewer, more)), sorted((further, nearer))
    one = memory("a")
    assert 0 <= fit(Candidate(one, fewer, further)) <= fit(Candidate(one, more, nearer)) <= 1
    assert 0 <= fit(Candidate(one, fewer)) <= fit(Candidate(one, more)) <= 1


def test_the_nearest_are_given_however_far() -> None:
    found = nearest([Candidate(memory("far"), 0, -0.5), Candidate(memory("farther"), 0, -0.9)], 9)
    assert [each.memory.text for each in found] == ["far", "farther"]
