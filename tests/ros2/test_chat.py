"""The two nodes of rdk_chat, with a server that says again what it is told."""

import os
import random
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.processes import Server
from tests.ros2.faulty import HEAD, faulty, piece, sends
from tests.ros2.robot import ABORTED, CANCELED, PROGRAMS, ROOT, SUCCEEDED, Driver, Robot, Told

pytestmark = pytest.mark.ros

GOALS = int(os.environ.get("ROS_GOALS", "200"))
CANCELS = int(os.environ.get("ROS_CANCELS", "60"))
SLACK_S = 8
"""For machines that others keep busy: what takes longer hangs."""


def goal(prompt: str, **more: object) -> Told:
    return {"do": "goal", "name": "chat_action", "prompt": prompt} | more


def ask(prompt: str, **more: object) -> Told:
    return {"do": "ask", "name": "chat_service", "prompt": prompt} | more


@pytest.fixture(scope="module")
def service(robot: Robot, parrot: Server) -> Generator[None]:
    with robot.node("chat_service", url=parrot.url, conversation="none"):
        yield


@pytest.fixture(scope="module")
def action(robot: Robot, parrot: Server) -> Generator[None]:
    with robot.node("chat_action", url=parrot.url, conversation="none"):
        yield


def test_the_service_gives_the_whole_answer(service: None, driver: Driver) -> None:
    (answer,) = driver.do(ask("[Happy] 你好！ Hello there."))
    assert answer["text"].strip() == "你好！ Hello there."


def test_the_action_streams_pieces_that_join_to_the_result(action: None, driver: Driver) -> None:
    (answer,) = driver.do(goal("30 times every 30 ms [Sad] word"))
    assert answer["status"] == SUCCEEDED
    assert answer["text"].split() == ["word"] * 30
    assert "".join(answer["pieces"]) == answer["text"]
    assert len(answer["pieces"]) > 10


@pytest.fixture(scope="module")
def several(robot: Robot, action: None) -> Generator[list[Driver]]:
    with robot.crowd(4) as several:
        for driver in several:
            assert driver.do(goal("Hi"))[0]["text"] == "Hi"
        yield several


def test_no_piece_is_lost_or_doubled(several: list[Driver]) -> None:
    for place, driver in enumerate(several):
        numbers = range(place, GOALS, len(several))
        driver.begin_rounds([[goal(f"{5 + number % 7} times every {number % 4} ms {number}.")] for number in numbers])
    for place, driver in enumerate(several):
        answers = driver.ended()
        assert len(answers) == len(range(place, GOALS, len(several)))
        for number, answer in zip(range(place, GOALS, len(several)), answers, strict=True):
            assert answer["status"] == SUCCEEDED
            assert answer["text"] == f"{number}. " * (5 + number % 7)
            assert "".join(answer["pieces"]) == answer["text"]


def test_a_new_client_misses_no_piece_of_its_first_goal(action: None, robot: Robot) -> None:
    for _ in range(3):
        with robot.driver() as driver:
            (answer,) = driver.do(goal("3 times every 1 ms word"))
            assert "".join(answer["pieces"]) == answer["text"] == "word " * 3


def test_a_cancel_at_any_moment_gives_the_text_so_far(several: list[Driver]) -> None:
    moments = random.Random(9)
    for driver in several:
        rounds = (moments.uniform(0, 0.4) for _ in range(CANCELS // len(several)))
        driver.begin_rounds([[goal("endless times every 5 ms word", cancel_after_s=after_s)] for after_s in rounds])
    for driver in several:
        for answer in driver.ended():
            assert answer["ended"] is not None, "it hangs"
            assert answer["status"] == CANCELED
            assert answer["text"].startswith("".join(answer["pieces"]))  # rclpy drops what a slow client has not read
            assert set(answer["text"].split()) <= {"word"}
            assert answer["cancel_s"] < SLACK_S


def test_a_cancel_stops_the_server_too(action: None, driver: Driver, parrot: Server) -> None:
    (answer,) = driver.do(goal("endless times every 20 ms word", cancel_after_pieces=3))
    assert answer["status"] == CANCELED
    assert answer["text"].split()[:3] == ["word"] * 3
    assert driver.do(goal("Still there?"))[0]["text"] == "Still there?"


def test_a_goal_that_is_left_alone_does_not_keep_others(action: None, driver: Driver) -> None:
    driver.do(goal("20 times every 10 ms word", leave=True))
    assert driver.do(goal("Next"))[0]["text"] == "Next"


@pytest.mark.parametrize("kind", ["service", "action"])
def test_prompts_that_cannot_be_answered_say_why(service: None, action: None, driver: Driver, kind: str) -> None:
    step = ask if kind == "service" else goal
    for prompt, said in {
        "": "The prompt is empty.",
        " \n": "The prompt is empty.",
        "x" * 1_000_000: "1000000 char",
    }.items():
        (answer,) = driver.do(step(prompt))
        assert said in answer["text"]
        assert answer.get("status", ABORTED) == ABORTED
    assert driver.do(step("And now?"))[0]["text"] == "And now?"


@pytest.mark.parametrize("kind", ["service", "action"])
def test_bytes_that_are_no_text_end_nobody(
    service: None, action: None, robot: Robot, driver: Driver, kind: str
) -> None:
    ended = robot.run("python", PROGRAMS / "bad_bytes.py", kind)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "good ��� bytes"
    assert driver.do(ask("And now?") if kind == "service" else goal("And now?"))[0]["text"] == "And now?"


def test_what_is_set_counts_for_the_next_prompt_or_is_refused_with_the_reason(service: None, driver: Driver) -> None:
    def set_(parameter: str, value: object) -> Told:
        return driver.do({"do": "set", "name": "chat_service/set_parameters", "parameter": parameter, "value": value})[
            0
        ]

    assert not set_("profile", "slow")["success"]
    assert "fast, balanced, quality" in set_("profile", "slow")["reason"]
    for parameter, value in {
        "persona": 7,
        "reply_timeout_s": "soon",
        "concurrent": 2,
        "silence_timeout_s": -1.0,
    }.items():
        refused = set_(parameter, value)
        assert not refused["success"], parameter
        assert refused["reason"]
    assert set_("persona", "nobody")["success"]
    assert "nobody" in driver.do(ask("Hi"))[0]["text"]
    assert set_("error_text", "Sorry ({code}).")["success"]
    assert driver.do(ask("Hi"))[0]["text"] == "Sorry (refused)."
    assert set_("persona", "")["success"]
    assert set_("error_text", "{message}")["success"]
    assert set_("reply_timeout_s", 60)["success"]
    assert driver.do(ask("Hi"))[0]["text"] == "Hi"


def test_each_parameter_is_described(service: None, driver: Driver) -> None:
    names = ["url", "queue", "service_name"]
    (answer,) = driver.do({"do": "describe", "name": "chat_service/describe_parameters", "names": names})
    assert answer["told"]["url"] == ["Where Myna listens.", False]
    assert answer["told"]["queue"][1]
    assert all(told for told, _ in answer["told"].values())


def test_one_who_comes_when_all_places_are_taken_is_refused(robot: Robot, parrot: Server, driver: Driver) -> None:
    names = {"action_name": "busy_action", "queue": 0}
    with robot.node("chat_action", "-r", "__node:=busy", url=parrot.url, **names) as node:
        slow, more = (goal(f"{n} times every 50 ms word", name="busy_action") for n in (20, 1))
        first, *others = driver.do(slow, *[more] * 3)
        assert (first["accepted"], first["status"]) == (True, SUCCEEDED)
        assert not any(other["accepted"] for other in others)
        node.wait_logged("busy: All places are taken")
        assert driver.do(more)[0]["status"] == SUCCEEDED


def test_several_goals_may_run_at_a_time_and_be_cancelled_then(robot: Robot, parrot: Server, driver: Driver) -> None:
    names = {"action_name": "many_action", "concurrent": 16, "queue": 4, "conversation": "none"}
    with robot.node("chat_action", "-r", "__node:=many", url=parrot.url, **names):
        clients = [{"client": number % 4} for number in range(20)]  # none asks more at a time than ROS keeps for it
        driver.do(*(goal("Hi", name="many_action") | client for client in clients[:4]))
        step = goal("endless times every 20 ms word", name="many_action", cancel_after_s=1.0)
        answers = driver.do(*(step | client for client in clients))
        assert [answer["status"] for answer in answers] == [CANCELED] * 20
        assert sum(bool(answer["pieces"]) for answer in answers) >= 16
        assert all(answer["cancel_s"] < SLACK_S for answer in answers)


def test_each_named_client_has_its_own_name(robot: Robot, parrot: Server, driver: Driver) -> None:
    given = {"conversation": "client", "clients": "kitchen garden", "service_name": "/house/chat"}
    with robot.node("chat_service", "-r", "__node:=house", url=parrot.url, **given):
        names = ["/house/chat", "/house/chat/kitchen", "/house/chat/garden"]
        assert [answer["text"] for answer in driver.do(*(ask(name, name=name) for name in names))] == names


def test_reset_forgets(robot: Robot, driver: Driver) -> None:
    seen: list[bytes] = []
    with (
        faulty(sends(HEAD, piece("Yes."), b"data: [DONE]\n\n"), seen) as url,
        robot.node("chat_service", "-r", "__node:=forgetful", url=url, service_name="forgetful_chat"),
    ):
        step = ask("Hi", name="forgetful_chat")
        driver.do(step)
        driver.do(step)
        assert driver.do({"do": "trigger", "name": "forgetful/reset"})[0]["success"]
        driver.do(step)
    assert [request.count(b'"user"') for request in seen] == [1, 2, 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"interfaces_package": "nobodys_msgs"}, "There is no nobodys_msgs/srv/LLMChat"),
        ({"interfaces_package": "std_srvs"}, "There is no std_srvs/srv/LLMChat"),
        ({"interfaces_package": ""}, "There is no /srv/LLMChat"),
        (
            {"interfaces_package": "std_srvs", "service_type": "Trigger"},
            "std_srvs/srv/Trigger is another type: its Request has",
        ),
        ({"service_name": "no name"}, "Invalid service name"),
    ],
)
def test_a_type_or_a_name_that_cannot_be_is_named_and_nothing_starts(
    robot: Robot, given: dict[str, Any], said: str
) -> None:
    node = robot.start("chat_service", **given)
    assert node.process.wait(30) == 1
    log = node.log.read_text()
    assert said in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"concurrent": "two"}, "concurrent"),
        ({"concurrent": 99}, "concurrent"),
        ({"url": 7}, "url"),
        ({"conversation": "all"}, "conversation must be one of these: node, client, none."),
        ({"conversation": "client"}, "clients names none"),
        ({"reply_timeout_s": "soon"}, "reply_timeout_s"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_starts(robot: Robot, given: dict[str, Any], said: str) -> None:
    node = robot.start("chat_action", **given)
    assert node.process.wait(30) == 1
    log = node.log.read_text()
    assert said in log
    assert "Traceback" not in log


def test_a_name_that_ros_cannot_have_is_named(robot: Robot) -> None:
    node = robot.start("chat_service", "-r", "__node:=no-name")
    assert node.process.wait(30) == 1
    assert "no-name" in node.log.read_text()
    assert "Traceback" not in node.log.read_text()


def test_a_file_sets_the_parameters(robot: Robot, parrot: Server, driver: Driver, tmp_path: Path) -> None:
    defaults = (ROOT / "ros2/rdk_chat/config/chat.yaml").read_text()
    changed = defaults.replace("http://127.0.0.1:8765", parrot.url).replace("name: chat_", "name: filed_")
    (tmp_path / "chat.yaml").write_text(changed)
    arguments = ("--params-file", str(tmp_path / "chat.yaml"), "-r", "__ns:=/kitchen")
    with robot.node("chat_service", *arguments), robot.node("chat_action", *arguments):
        answers = driver.do(ask("Hi", name="/kitchen/filed_service"), goal("Hi", name="/kitchen/filed_action"))
        assert [answer["text"] for answer in answers] == ["Hi", "Hi"]


def test_the_lifecycle_is_a_managers_where_it_is_wanted(robot: Robot, parrot: Server, driver: Driver) -> None:
    def change(to: str) -> bool:
        return driver.do({"do": "change", "name": "managed/change_state", "to": to})[0]["success"]

    def state() -> str:
        return driver.do({"do": "state", "name": "managed/get_state"})[0]["state"]

    given: dict[str, Any] = {"autostart": False, "action_name": "managed_action", "url": parrot.url}
    node = robot.start("chat_action", "-r", "__node:=managed", **given)
    try:
        assert state() == "unconfigured"
        assert change("configure")
        assert not driver.do(goal("Hi", name="managed_action"))[0]["accepted"]
        assert change("activate")
        assert driver.do(goal("Hi", name="managed_action"))[0]["text"] == "Hi"
        driver.begin(goal("endless times every 20 ms word", name="managed_action"))
        node.wait_logged("Answers through")
        time.sleep(0.5)
        with robot.driver() as manager:
            (left,) = manager.do({"do": "change", "name": "managed/change_state", "to": "deactivate"})
            assert left["success"]
        (ended,) = driver.ended()
        assert ended["status"] == ABORTED
        assert ended["text"] == "".join(ended["pieces"])
        assert change("cleanup")
        assert change("configure")
        assert change("activate")
        assert driver.do(goal("Again", name="managed_action"))[0]["text"] == "Again"
        assert change("deactivate")
        assert change("shutdown") or state() == "finalized"
        status, _ = node.end()
        assert status == 0, node.log.read_text()
        assert "Traceback" not in node.log.read_text()
    finally:
        node.process.kill()


def test_diagnostics_tell_how_it_is(robot: Robot, parrot: Server, driver: Driver) -> None:
    with robot.node("chat_service", "-r", "__node:=well", url=parrot.url, service_name="well_chat") as node:
        (told,) = driver.do({"do": "diagnose", "name": "well", "says": "ready"})
        assert (told["level"], told["values"]["url"]) == (0, parrot.url)
        driver.do(ask("", name="well_chat"))
        (told,) = driver.do({"do": "diagnose", "name": "well", "says": "failed"})
        assert (told["level"], told["values"]["last problem"]) == (1, "empty_prompt")
        with robot.node("chat_service", "-r", "__node:=well", url=parrot.url, service_name="other_chat"):
            node.wait_logged("Another node is called /well")
            assert driver.do(ask("Hi", name="well_chat"))[0]["text"] == "Hi"
        driver.do({"do": "set", "name": "well/set_parameters", "parameter": "url", "value": "http://127.0.0.1:9"})
        (told,) = driver.do({"do": "diagnose", "name": "well", "says": "cannot be reached"})
        assert told["level"] == 2
