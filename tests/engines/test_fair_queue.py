"""The queue against what it promises, for any jobs in any order."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from myna.engines.fair_queue import FairQueue


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    urgency: int
    owner: str


JOBS = st.lists(st.builds(Job, st.integers(0, 2), st.sampled_from("abcd")), max_size=30)


def drained(queue: FairQueue[Job]) -> Iterator[Job]:
    while job := queue.take(least_urgent=9):
        yield job


@given(JOBS)
def test_everything_comes_out_once_the_urgent_first_and_an_owners_own_in_order(jobs: list[Job]) -> None:
    queue = FairQueue[Job](limit=30)
    assert all(queue.put(job) is None for job in jobs)
    assert len(queue) == len(jobs)
    taken = list(drained(queue))
    assert len(queue) == 0
    assert [job.urgency for job in taken] == sorted(job.urgency for job in jobs)
    for one in {(job.urgency, job.owner) for job in jobs}:
        assert [j for j in taken if (j.urgency, j.owner) == one] == [j for j in jobs if (j.urgency, j.owner) == one]


@given(JOBS)
def test_no_owner_is_served_twice_while_an_equal_waits(jobs: list[Job]) -> None:
    queue = FairQueue[Job](limit=30)
    for job in jobs:
        queue.put(job)
    waiting = Counter((job.urgency, job.owner) for job in jobs)
    since: dict[tuple[int, str], int] = Counter()
    for job in drained(queue):
        since[job.urgency, job.owner] = 0
        waiting[job.urgency, job.owner] -= 1
        for other in waiting:
            if other != (job.urgency, job.owner) and other[0] == job.urgency and waiting[other]:
                since[other] += 1
                assert since[other] <= 3, "of four owners nobody waits for more than the three others"


@given(JOBS, st.integers(1, 5))
def test_it_never_holds_more_than_its_limit_and_the_least_urgent_leave(jobs: list[Job], limit: int) -> None:
    queue = FairQueue[Job](limit)
    held: list[Job] = []
    for job in jobs:
        leaving = queue.put(job)
        held.append(job)
        if leaving:
            least = [each for each in held if each.urgency == max(each.urgency for each in held)]
            most = max(Counter(each.owner for each in least).values())
            assert leaving in least
            assert [each.owner for each in least].count(leaving.owner) == most
            assert leaving is [each for each in least if each.owner == leaving.owner][-1]
            held.remove(leaving)
        assert len(queue) == len(held) <= limit
    assert sorted(drained(queue), key=id) == sorted(held, key=id)


def test_who_has_a_place_keeps_it_against_an_equal() -> None:
    queue = FairQueue[Job](1)
    first, equal, urgent = Job(1, "a"), Job(1, "b"), Job(0, "b")
    assert queue.put(first) is None
    assert queue.put(equal) is equal
    assert queue.put(urgent) is first


@given(JOBS, st.sets(st.integers(0, 29)))
def test_what_was_taken_out_does_not_come(jobs: list[Job], out: set[int]) -> None:
    queue = FairQueue[Job](limit=30)
    for job in jobs:
        queue.put(job)
    for job in (gone := [job for place, job in enumerate(jobs) if place in out]) * 2:
        queue.remove(job)
    assert sorted(drained(queue), key=id) == sorted((job for job in jobs if job not in gone), key=id)


def test_what_is_not_urgent_enough_stays() -> None:
    queue = FairQueue[Job](5)
    queue.put(patient := Job(2, "a"))
    assert queue.take(least_urgent=1) is None
    assert queue.take(least_urgent=2) is patient
    assert queue.take(least_urgent=2) is None
