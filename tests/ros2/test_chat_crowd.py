"""Twenty clients, each a process of its own, that come at once; and one who floods."""

import time
from collections.abc import Generator

import pytest
from tests.end_to_end.processes import Server
from tests.ros2.robot import Driver, Robot, Told

pytestmark = pytest.mark.ros

TOGETHER = 20
SLACK_S = 8


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


@pytest.mark.parametrize("kind", ["service", "action"])
def test_of_clients_that_come_at_the_same_moment_each_gets_its_own_answer(crowd: list[Driver], kind: str) -> None:
    for driver in crowd:
        assert driver.do(step(kind, "Hi"))[0]["text"] == "Hi"
    moment = time.monotonic() + 1
    for number, driver in enumerate(crowd):
        driver.begin(step(kind, f"3 times every 15 ms {number}.") | {"at": moment})
    answers = [driver.ended()[0] for driver in crowd]
    assert [answer["text"] for answer in answers] == [f"{number}. " * 3 for number in range(TOGETHER)]


def test_a_flood_is_refused_without_being_lost_and_keeps_nobody_else_waiting(robot: Robot, parrot: Server) -> None:
    given = {"url": parrot.url, "service_name": "flooded_chat", "queue": 0}
    with robot.node("chat_service", "-r", "__node:=flooded", **given), robot.crowd(2) as (answered, other):
        prompt = step("service", "Hi") | {"name": "flooded_chat"}
        assert [driver.do(prompt)[0]["text"] for driver in (answered, other)] == ["Hi", "Hi"]
        answered.begin(prompt | {"prompt": "100 times every 50 ms word"})
        begins_at = time.monotonic() + 0.5
        flood = [prompt | {"at": begins_at + 0.01 * number} for number in range(400)]
        reset = {"do": "trigger", "name": "flooded/reset", "at": begins_at + 4}
        *refused, forgotten = other.do(*(one | {"within_s": SLACK_S} for one in (*flood, reset)))
        told = sum("All places are taken" in one.get("text", "") for one in refused)
        assert told > len(refused) / 2, "they wait for one another, until ROS forgets them"
        assert forgotten.get("success")
        assert answered.ended()[0]["text"] == "word " * 100
