"""The clients of docs/ros2.md, as they are written there, with a real Myna and its starter LLM."""

import re
from collections.abc import Iterator

import pytest
from tests.end_to_end.processes import Server
from tests.ros2.robot import ROOT, Robot

pytestmark = [pytest.mark.ros, pytest.mark.models]


@pytest.fixture(scope="module")
def nodes(robot: Robot, steady: Server) -> Iterator[None]:
    given = {"url": steady.url, "silence_timeout_s": 300}
    with robot.node("chat_service", **given), robot.node("chat_action", **given):
        yield


@pytest.mark.parametrize(("page", "answer"), [("ros2.md", "Paris"), ("ros2.zh-CN.md", "巴黎")])
def test_the_clients_of_the_docs_work_as_written(nodes: None, robot: Robot, page: str, answer: str) -> None:
    told = (ROOT / "docs" / page).read_text(encoding="utf-8")
    of_service, of_action = re.findall(r"```python\n(.*?)```", told, re.DOTALL)
    asked = robot.run("python", "-c", of_service, limit_s=300)
    assert asked.returncode == 0, asked.stderr
    assert answer in asked.stdout
    listened = robot.run("python", "-c", of_action, limit_s=300)
    assert listened.returncode == 0, listened.stderr
    pieces, _, whole = listened.stdout.partition("\nwhole: ")
    assert pieces == whole.removesuffix("\n") != ""
    assert not re.search(r"\[\w+\]|<tool_call>|```", pieces), "what is meant for Myna alone"
