import threading
import time

from rdk_chat.turns import Turns


def never() -> bool:
    return False


def test_no_more_than_there_are_places() -> None:
    turns = Turns(concurrent=1, queue=1)
    first, second = turns.take(), turns.take()
    assert first is not None
    assert second is not None
    assert turns.take() is None
    first.leave()
    first.leave()
    assert turns.take() is not None
    assert (turns.running, turns.waiting) == (1, 1)


def test_they_are_answered_in_the_order_in_which_they_came() -> None:
    turns, order, ended = Turns(concurrent=2, queue=20), list[int](), list[threading.Thread]()
    places = [turns.take() for _ in range(22)]
    lock = threading.Lock()
    running: list[int] = []

    def wait(number: int) -> None:
        place = places[number]
        assert place is not None
        assert place.wait(never)
        with lock:
            order.append(number)
            running.append(number)
            assert len(running) <= 2
        time.sleep(0.005)
        with lock:
            running.remove(number)
        place.leave()

    for number in reversed(range(22)):
        ended.append(threading.Thread(target=wait, args=(number,)))
        ended[-1].start()
    for thread in ended:
        thread.join(30)
    assert all(abs(place - number) <= 1 for place, number in enumerate(order)), order  # two begin at a time


def test_one_who_waits_may_leave() -> None:
    turns = Turns(concurrent=1, queue=1)
    first, second = turns.take(), turns.take()
    assert first is not None
    assert second is not None
    assert not second.wait(lambda: True)
    second.leave()
    assert turns.waiting == 0
    assert first.wait(never)
    assert not turns.wait_empty(0)
    first.leave()
    assert turns.wait_empty(0)
