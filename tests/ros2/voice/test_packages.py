"""What the packages say of themselves: launch files, `setup.py`, `package.xml`, the YAML and the docs agree."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from myna_ros.settings import PARAMETERS

ROOT = Path(__file__).parents[3]
ROS = ROOT / "ros2"
PACKAGES = ("myna_ros", "myna_ros_example")
DOCS = [ROOT / "docs" / name for name in ("ros2-voice.md", "ros2-voice.zh-CN.md")]


def modules(package: str) -> list[Path]:
    return sorted((ROS / package / package).glob("*.py"))


def executables(package: str) -> dict[str, str]:
    text = (ROS / package / "setup.py").read_text()
    return dict(re.findall(r'"(\w+) = ([\w.]+:\w+)"', text))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_executable_is_there(package: str) -> None:
    assert executables(package)
    for target in executables(package).values():
        module, function = target.split(":")
        tree = ast.parse((ROS / package / f"{module.replace('.', '/')}.py").read_text())
        assert function in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_import_is_declared(package: str) -> None:
    declared = {
        element.text for element in ET.parse(ROS / package / "package.xml").getroot() if element.tag.endswith("depend")
    }
    declared |= {"websockets"} if "python3-websockets" in declared else set()
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in (name.split(".")[0] for name in names):
                assert name in declared | {package} | sys.stdlib_module_names, f"{path.name}: {name}"


def test_what_is_launched_is_there() -> None:
    for package in PACKAGES:
        for path in (ROS / package / "launch").glob("*.launch.py"):
            text = path.read_text()
            ast.parse(text)
            for of, executable in re.findall(r'package="(\w+)",\s+executable="(\w+)"', text):
                assert executable in executables(of)
    voice = (ROS / "myna_ros" / "launch" / "voice.launch.py").read_text()
    names = re.search(r"PARAMETERS = \{(.*?)\n\}", voice, re.DOTALL)
    assert names
    assert set(re.findall(r'"(\w+)":', names[1])) <= {parameter.name for parameter in PARAMETERS}
    (named,) = set(re.findall(r'texts\(\{"(\w+)":', voice))
    for device in ("microphone", "loudspeaker"):
        assert f'Parameter("{named}",' in (ROS / "myna_ros" / "myna_ros" / f"{device}.py").read_text()
    for line in re.findall(r"ros2 launch myna_ros.*", "".join(path.read_text() for path in DOCS)):
        for name in re.findall(r"(\w+):=", line):
            assert f'"{name}": ' in voice


@pytest.mark.skipif(
    shutil.which("ros2") is None, reason="ROS 2 is not installed, and launch is not to be had as a wheel"
)
@pytest.mark.parametrize(("package", "file"), [("myna_ros", "voice"), ("myna_ros_example", "drive")])
def test_a_launch_file_is_understood_by_ros(package: str, file: str) -> None:
    command = ["ros2", "launch", package, f"{file}.launch.py", "--show-args"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert "api_key_file" in told.stdout


def test_the_file_of_parameters_holds_parameters_and_their_defaults() -> None:
    text = (ROS / "myna_ros" / "config" / "voice.yaml").read_text()
    for commented in (False, True):
        uncommented = re.sub(r"^    # (\w+:)", r"    \1", text, flags=re.MULTILINE) if commented else text
        given: dict[str, Any] = yaml.safe_load(uncommented)["/**"]["ros__parameters"]
        flat: dict[str, Any] = {name: value for name, value in given.items() if "audio_" not in name}
        flat |= {f"audio_in.{name}": value for name, value in given["audio_in"].items()}
        flat |= {f"audio_out.{name}": value for name, value in given["audio_out"].items()}
        flat |= {name: value for name, value in given.items() if name == "audio_type"}
        known = {parameter.name: parameter for parameter in PARAMETERS}
        assert set(flat) <= set(known)
        assert not [name for name, value in flat.items() if known[name].wrong(value)]
        assert commented or all(known[name].default == value for name, value in flat.items())


@pytest.mark.parametrize("path", DOCS)
def test_the_docs_name_each_parameter(path: Path) -> None:
    text = path.read_text()
    for parameter in PARAMETERS:
        assert f"`{parameter.name}`" in text or f"`.{parameter.name.split('.')[-1]}`" in text
    example = (ROS / "myna_ros_example" / "myna_ros_example" / "drive.py").read_text()
    for name, default in re.findall(r'Parameter\("(\w+)", ([\d.]+),', example):
        assert f"| `{name}` | {default} |" in text


def test_both_docs_show_the_same_programs() -> None:
    blocks = [re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL) for path in DOCS]
    assert blocks[0] == blocks[1]
    for block in blocks[0]:
        ast.parse(block)
