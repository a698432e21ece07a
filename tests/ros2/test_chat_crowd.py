"""Twenty clients, each a process of its own, that come at once."""

import time
from collections.abc import Generator

import pytest
from tests.end_to_end.processes import Server
from tests.ros2.robot import Driver, Robot, Told

pytestmark = pytest.mark.ros

TOGETHER = 20


@pytest.fixture(scope="module")
def crowd(robot: Robot, parrot: Server) -> Generator[list[Driver]]:
    given = {"url": parrot.url, "conversation": "none"}
    with (
        robot.node("chat_service", **given),
        robot.node("chat_action", **given),
        robot.crowd(TOGETHER) as crowd,
    ):
        yield crowd


def step(kind: str, prompt: str) -> Told:
    if kind == "service":
        return {"do": "ask", "name": "chat_service", "prompt": prompt}
    return {"do": "goal", "name": "chat_action", "prompt": prompt}


@pytest.mark.parametrize("kind", ["service", "action"])
def test_clients_that_come_at_once_get_their_own_answers_in_fair_order(crowd: list[Driver], kind: str) -> None:
    for driver in crowd:  # so that all of them are known before it matters who comes first
        assert driver.do(step(kind, "Hi"))[0]["text"] == "Hi"
    for number, driver in enumerate(crowd):
        driver.begin(step(kind, f"10 times every 15 ms {number}."))
        time.sleep(0.03)
    answers = [driver.ended()[0] for driver in crowd]
    assert [answer["text"] for answer in answers] == [f"{number}. " * 10 for number in range(TOGETHER)]
    order = sorted(range(TOGETHER), key=lambda number: answers[number]["at"])
    assert max(abs(place - number) for place, number in enumerate(order)) <= 2, order
