"""The clients of docs/ros2.md where things have other names: another package of types, other services."""

import re
from dataclasses import replace

import pytest
from tests.end_to_end.processes import Server
from tests.ros2.robot import ROOT, Robot

pytestmark = pytest.mark.ros

OURS = ROOT / "ros2" / "jobot_interfaces"
THEIRS = {"jobot_interfaces": "jobot_ai_msgs", "LLMChat": "AiChat"}
OF_SERVICE, OF_ACTION = re.findall(r"```python\n(.*?)```", (ROOT / "docs/ros2.md").read_text(), re.DOTALL)


def renamed(text: str) -> str:
    for ours, theirs in THEIRS.items():
        text = text.replace(ours, theirs)
    return text


@pytest.fixture(scope="module")
def theirs(robot: Robot, tmp_path_factory: pytest.TempPathFactory) -> Robot:
    """A robot whose vendor has types of his own, with the same fields."""
    workspace = tmp_path_factory.mktemp("theirs")
    for file in OURS.rglob("*.*"):
        copy = workspace / "src" / renamed(str(file.relative_to(OURS.parent)))
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(renamed(file.read_text()))
    build, install = workspace / "build", workspace / "install"
    python = ROOT / ".venv-ros" / "bin" / "python"
    cmake = ("-G", "Ninja", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={python}")
    words = ("--base-paths", workspace / "src", "--build-base", build, "--install-base", install, "--merge-install")
    ended = robot.run("colcon", "--log-base", workspace / "log", "build", *words, "--cmake-args", *cmake)
    assert ended.returncode == 0, ended.stderr
    paths = {
        "AMENT_PREFIX_PATH": install,
        "LD_LIBRARY_PATH": install / "lib",
        "PYTHONPATH": next(install.rglob("site-packages")),
    }
    return replace(robot, environ={**robot.environ, **{name: str(path) for name, path in paths.items()}})


def answer(robot: Robot, client: str, *arguments: str) -> str:
    ended = robot.run("python", "-c", client, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_the_types_may_be_those_of_another_package(theirs: Robot, parrot: Server) -> None:
    given = {"url": parrot.url, "interfaces_package": "jobot_ai_msgs"}
    with (
        theirs.node("chat_service", service_type="AiChat", **given),
        theirs.node("chat_action", action_type="AiChatAction", **given),
    ):
        assert answer(theirs, renamed(OF_SERVICE)) == "What is the capital of France?"
        assert answer(theirs, renamed(OF_ACTION)) == "Count to five.\nwhole: Count to five."


def test_the_names_may_be_others_by_parameter_or_remapping(robot: Robot, parrot: Server) -> None:
    with (
        robot.node("chat_service", "-r", "chat_service:=/br/chat", "-r", "__node:=br_chat", url=parrot.url),
        robot.node("chat_action", "-r", "__ns:=/robot1", url=parrot.url, action_name="/br/told"),
    ):
        assert answer(robot, OF_SERVICE.replace('"chat_service"', '"/br/chat"')).endswith("France?")
        assert answer(robot, OF_SERVICE, "--ros-args", "-r", "chat_service:=/br/chat").endswith("France?")
        assert answer(robot, OF_ACTION.replace('"chat_action"', '"/br/told"')).endswith("five.")
