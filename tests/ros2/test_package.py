"""What can be seen without running: names that have to be the same in several files, and what the nodes import."""

import ast
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.ros2.robot import ROOT, Robot

from rdk_chat.settings import Kind

PACKAGE = ROOT / "ros2" / "rdk_chat"
INTERFACES = ROOT / "ros2" / "jobot_interfaces"
KINDS: tuple[Kind, ...] = ("service", "action")
OF_ROS = {"diagnostic_msgs", "launch", "launch_ros", "lifecycle_msgs", "rcl_interfaces", "rclpy", "std_srvs"}


def constants(call: ast.Call) -> dict[str, object]:
    return {word.arg: word.value.value for word in call.keywords if word.arg and isinstance(word.value, ast.Constant)}


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in found if isinstance(call.func, ast.Name) and call.func.id == name]


def test_the_interfaces_are_those_of_the_contract() -> None:
    assert (INTERFACES / "srv/LLMChat.srv").read_text() == "string prompt\n---\nstring response\n"
    action = (INTERFACES / "action/LLMChatAction.action").read_text()
    assert action == "string prompt\n---\nstring response\n---\nstring partial\n"


def test_only_ros_and_the_standard_library_are_imported() -> None:
    newer = {"tomllib", "compression", "annotationlib"}  # than 3.10
    allowed = (sys.stdlib_module_names - newer) | OF_ROS | {"rdk_chat"}
    for file in PACKAGE.glob("rdk_chat/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, file


def test_what_is_imported_is_declared() -> None:
    declared = {one.text for one in ET.parse(PACKAGE / "package.xml").getroot().iter("exec_depend")}
    assert declared >= OF_ROS | {"jobot_interfaces"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_launch_file_names_what_there_is(kind: Kind) -> None:
    file = PACKAGE / "launch" / f"chat_{kind}.launch.py"
    (launched,) = calls(ast.parse(file.read_text()), "description")
    assert ast.literal_eval(launched.args[0]) == kind
    assert f'"chat_{kind} = rdk_chat.chat_{kind}:main"' in (PACKAGE / "setup.py").read_text()
    assert (PACKAGE / "rdk_chat" / f"chat_{kind}.py").exists()


def test_what_is_launched_asks_for_the_arguments_that_it_declares() -> None:
    tree = ast.parse((PACKAGE / "rdk_chat" / "launching.py").read_text())
    (node,) = calls(tree, "Node")
    assert constants(node)["package"] == "rdk_chat"
    declared = {
        call.args[0].value for call in calls(tree, "DeclareLaunchArgument") if isinstance(call.args[0], ast.Constant)
    }
    used = {call.args[0].value for call in calls(tree, "LaunchConfiguration") if isinstance(call.args[0], ast.Constant)}
    assert used == declared
    assert (PACKAGE / "config" / "chat.yaml").exists()


@pytest.mark.parametrize("page", ["ros2.md", "ros2.zh-CN.md"])
def test_the_docs_launch_what_there_is(page: str) -> None:
    told = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for package, file in re.findall(r"ros2 launch (\w+) (\w+\.launch\.py)", told):
        assert (ROOT / "ros2" / package / "launch" / file).exists()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]+)?\)", told):
        assert "ros2-voice" in link or (ROOT / "docs" / link).exists(), link


@pytest.mark.ros
def test_what_needs_ros_is_typed_and_runs_on_python_3_10(robot: Robot) -> None:
    """Pyright knows of each name in the standard library since which Python there is one."""
    python = ROOT / ".venv-ros" / "bin" / "python"
    ended = robot.run(Path(sys.executable).with_name("pyright"), "-p", ROOT / "ros2", "--pythonpath", python)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.ros
@pytest.mark.skipif(
    shutil.which("ros2") is None, reason="ROS 2 is not installed, and launch is not to be had as a wheel"
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_launch_file_is_understood_by_ros(kind: str) -> None:
    command = ["ros2", "launch", "rdk_chat", f"chat_{kind}.launch.py", "--show-args"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert f"{kind}_name" in told
