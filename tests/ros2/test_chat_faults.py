"""The nodes, when what they depend on dies, hangs, or does not want them."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.end_to_end.parrot import environ_of, serving_parrot
from tests.end_to_end.processes import MYNA, Server
from tests.ros2.faulty import HEAD, faulty, piece, sends
from tests.ros2.robot import ABORTED, ENDS_S, STARTS_S, SUCCEEDED, Driver, Robot, Told

pytestmark = pytest.mark.ros

STARTS = int(os.environ.get("ROS_STARTS", "24"))
AT_A_TIME = 4
KILLS = 4
EXECUTABLES = ("chat_service", "chat_action")
GONE = re.compile("went away in the middle|cannot be reached")


def goal(prompt: str, **more: object) -> Told:
    return {"do": "goal", "name": "chat_action", "prompt": prompt} | more


def ask(prompt: str, **more: object) -> Told:
    return {"do": "ask", "name": "chat_service", "prompt": prompt} | more


def step(executable: str, prompt: str) -> Told:
    return ask(prompt) if executable == "chat_service" else goal(prompt)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def wait_for(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + STARTS_S
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def shared_memory() -> set[Path]:
    """The files of it, but those of LTTng, which has one for the whole machine."""
    return {file for file in Path("/dev/shm").iterdir() if not file.name.startswith("lttng")}


def test_a_server_that_dies_starts_and_comes_back(robot: Robot, driver: Driver, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with robot.node("chat_action", url=url), robot.node("chat_service", url=url):
        dead = driver.do(goal("Hi"), ask("Hi"))
        assert dead[0]["status"] == ABORTED
        assert all(f"cannot be reached at {url}" in answer["text"] for answer in dead)
        moments = random.Random(5)
        for _ in range(KILLS):
            with serving_parrot(tmp_path, "--port", str(port)) as server:
                alive = driver.do(goal("Hi"), ask("Hi"))
                assert [answer["text"] for answer in alive] == ["Hi", "Hi"]
                driver.begin(goal("endless times every 10 ms word"), ask("endless times every 10 ms word"))
                time.sleep(moments.uniform(0, 0.8))
                server.process.kill()
                streamed, whole = driver.ended()
                assert streamed["status"] == ABORTED
                said = "".join(streamed["pieces"])
                assert streamed["text"] == said if said else GONE.search(streamed["text"])
                assert set(said.split()) <= {"word"}
                assert GONE.search(whole["text"])
                server.process.wait()
        assert driver.do(goal("Hi"))[0]["status"] == ABORTED


def test_a_server_that_still_loads_says_so(robot: Robot, driver: Driver) -> None:
    body = b'{"error":{"message":"The LLM still loads.","code":"engine_unavailable"}}'
    head = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: %d\r\n\r\n" % len(body)
    with faulty(sends(head, body)) as url, robot.node("chat_service", url=url):
        assert driver.do(ask("Hi"))[0]["text"] == "Myna cannot answer yet: The LLM still loads."


@pytest.mark.parametrize("executable", EXECUTABLES)
def test_a_key_that_is_wrong_or_right(robot: Robot, driver: Driver, tmp_path: Path, executable: str) -> None:
    environ = environ_of(tmp_path)
    made = subprocess.run(
        [MYNA, "key", "create", "--name", "robot"], env=environ, capture_output=True, text=True, check=True
    )
    key = max(made.stdout.split(), key=len)
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    wrong.write_text("not-a-key\n")
    right.write_text(f"{key}\n")
    with (
        serving_parrot(tmp_path) as server,
        robot.node(executable, url=server.url, api_key_file=str(wrong)) as node,
    ):
        prompt = step(executable, "Hi")
        (answer,) = driver.do(prompt)
        assert answer["text"].startswith("Myna does not take the API key")
        assert "not-a-key" not in node.log.read_text()
        setting = {"do": "set", "name": f"{executable}/set_parameters", "parameter": "api_key_file"}
        assert driver.do(setting | {"value": str(right)})[0]["success"]
        assert driver.do(prompt)[0]["text"] == "Hi"
        assert key not in node.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("executable", EXECUTABLES)
def test_a_node_ends_in_time_while_the_server_hangs(robot: Robot, driver: Driver, executable: str, number: int) -> None:
    """And all whom it keeps waiting, as many as it has places for, hear of it."""
    seen: list[bytes] = []
    clients = [{"client": place % 4} for place in range(33)]  # none asks more at a time than ROS keeps for it
    with faulty(sends(HEAD, piece("Half"), then_hangs=True), seen) as url:
        node = robot.start(executable, url=url)
        node.wait_logged("Answers through")
        driver.begin(*(step(executable, "Hi") | client for client in clients))
        wait_for(lambda: bool(seen))
        time.sleep(2)
        status, took_s = node.end(number)
        answers = driver.ended()
        assert status == 0, node.log.read_text()
        assert took_s < ENDS_S + 3
        if executable == "chat_action":
            assert [answer["status"] for answer in answers] == [ABORTED] * len(clients)
            assert [answer["text"] for answer in answers].count("Half") == 1
        else:
            assert [answer["text"] for answer in answers] == ["The node is shutting down."] * len(clients)


@pytest.mark.parametrize("after_s", [0, 0.15, 0.4])
def test_goals_after_the_end_began_hang_nobody(robot: Robot, driver: Driver, parrot: Server, after_s: float) -> None:
    node = robot.start("chat_action", url=parrot.url)
    node.wait_logged("Answers through")
    assert driver.do(goal("Hi"))[0]["status"] == SUCCEEDED
    node.process.send_signal(signal.SIGINT)
    time.sleep(after_s)
    for answer in driver.do(*[goal("Hi", wait_s=0.5, within_s=3)] * 10):
        if answer.get("accepted"):
            assert answer.get("status") in {SUCCEEDED, ABORTED}, "it was accepted, and has no result"
            assert answer["text"] in {"Hi", "The node is shutting down."}
    assert node.process.wait(10) == 0, node.log.read_text()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        # As on a robot: what stays on one machine goes through shared memory.
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
    ],
    ids=["network", "shared memory"],
)
def test_starts_and_stops_leave_nothing_behind(robot: Robot, parrot: Server, environ: dict[str, str]) -> None:
    robot = replace(robot, environ={**robot.environ, **environ})
    moments, before = random.Random(3), shared_memory()
    for begin in range(0, STARTS // 2, AT_A_TIME):
        nodes = [
            robot.start("chat_action" if place % 2 else "chat_service", "-r", f"__node:=n{place}", url=parrot.url)
            for place in range(min(AT_A_TIME, STARTS // 2 - begin))
        ]
        for node in nodes:
            node.wait_logged("Answers through")
        time.sleep(moments.uniform(0, 0.3))
        for node in nodes:
            status, took_s = node.end(moments.choice([signal.SIGINT, signal.SIGTERM]))
            assert status == 0, node.log.read_text()
            assert took_s < ENDS_S + 3
            assert "rror" not in node.log.read_text(), node.log.read_text()
    assert shared_memory() <= before
