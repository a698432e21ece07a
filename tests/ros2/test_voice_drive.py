"""From sound to ``cmd_vel``, with the starter models: what is said was spoken by the server's own voice."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.conftest import PATIENT
from tests.end_to_end.processes import Server
from tests.end_to_end.voices import spoken
from tests.ros2.robot import ROOT, Robot, RunningNode
from tests.ros2.voice_robot import LIMIT_S, News, User, running, serving, talking, write_wav

from myna.weights.locate import Weights

pytestmark = [pytest.mark.ros, pytest.mark.models]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, weights: Weights) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "cache").mkdir()
    (folder / "cache" / "weights").symlink_to(weights.locate("silero-vad").parents[1])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
    with serving(environ | {"MYNA_HOME": str(folder)} | PATIENT, folder, 0, "--set", "llm.temperature=0") as server:
        yield server


class Speaker:
    """Says commands, in a language."""

    def __init__(self, server: Server, user: User, folder: Path, voice: str) -> None:
        self._server = server
        self._user = user
        self._folder = folder
        self._voice = voice

    def says(self, words: str) -> float:
        """Say it; when that began."""
        path = write_wav(self._folder / "said.wav", spoken(self._server.url, words, self._voice))
        self._user.wait("state", lambda news: news["text"] == "listening")
        begun = self._user.do("say", path=str(path))
        self._user.wait("said", since=begun)
        return begun

    def sees(self, drives: int, turns: int, since: float) -> News:
        """Waits for a motion of these signs."""
        return self._user.wait(
            "cmd_vel", lambda news: (_sign(news["drives"]), _sign(news["turns"])) == (drives, turns), since=since
        )


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


@pytest.mark.parametrize(
    ("voice", "commands"),
    [
        ("zf_xiaobei", [("左转。", 0, 1), ("向右转。", 0, -1), ("前进。", 1, 0), ("后退。", -1, 0)]),
        (
            "af_heart",
            [("Turn left.", 0, 1), ("Turn right.", 0, -1), ("Go forward.", 1, 0), ("Move back.", -1, 0)],
        ),
    ],
)
def test_a_robot_drives_where_it_is_told_to(
    server: Server, robot: Robot, tmp_path: Path, voice: str, commands: list[tuple[str, int, int]]
) -> None:
    language = "zh" if voice.startswith("z") else "en"
    persona = "assistant-zh" if language == "zh" else "assistant"
    own = {"url": server.url, "language": language, "persona": persona, "greeting": False}
    with running(robot, "drive", package="myna_ros_example", **own) as node, talking(robot) as user:
        speaker = Speaker(server, user, tmp_path, voice)
        for words, drives, turns in commands:
            begun = speaker.says(words)
            moved = speaker.sees(drives, turns, begun)
            speaker.sees(0, 0, moved["at"])  # by itself, in the end
            user.wait("reply", since=begun)
        assert node.process.poll() is None


@pytest.mark.parametrize(
    ("voice", "go", "stop"),
    [("zf_xiaoni", "左转。", "停！"), ("zf_xiaobei", "左转。", "停下来！"), ("af_heart", "Turn left.", "Stop!")],
)
def test_a_call_to_stop_stops_it_before_the_model_has_thought(
    server: Server, robot: Robot, tmp_path: Path, voice: str, go: str, stop: str
) -> None:
    language = "zh" if voice.startswith("z") else "en"
    persona = "assistant-zh" if language == "zh" else "assistant"
    own = {"url": server.url, "language": language, "persona": persona, "greeting": False}
    moving = {"motion_s": 50.0, "longest_motion_s": 55.0}
    with running(robot, "drive", package="myna_ros_example", **own, **moving), talking(robot) as user:
        speaker = Speaker(server, user, tmp_path, voice)
        moved = speaker.sees(0, 1, speaker.says(go))
        user.wait("reply", since=moved["at"])
        begun = speaker.says(stop)
        stopped = speaker.sees(0, 0, begun)
        user.wait("transcript", since=begun)
        user.wait("reply", since=begun)
        late = [news for news in user.of("cmd_vel", stopped["at"]) if news["drives"] or news["turns"]]
        assert not late
        answers = user.of("reply/partial", begun)
        assert answers[0]["at"] > stopped["at"]


def test_the_robot_of_the_docs_does_what_it_is_told_to(server: Server, robot: Robot, tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ros2-voice.md").read_text(), re.DOTALL)
    program = tmp_path / "lamp.py"
    program.write_text(f"{block}\n\nmain()\n")
    given = ["-p", f"url:={server.url}", "-p", "persona:=assistant", "-p", "greeting:=false"]
    log = tmp_path / "lamp.log"
    with log.open("wb") as out:
        command = robot.command("python", program, "--ros-args", *given)
        process = subprocess.Popen(command, env=robot.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    node = RunningNode(process, log)
    try:
        with talking(robot) as user:
            user.wait("state", lambda news: news["text"] == "listening")
            user.do("ask", text="Switch the lamp to red.")
            node.wait_logged("lamp: red", within_s=LIMIT_S)
            user.wait("reply")
        assert node.end()[0] == 0
    finally:
        process.kill()
        process.wait()


def test_a_lost_server_stops_it(server: Server, robot: Robot, tmp_path: Path, weights: Weights) -> None:
    """And so does its own end."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").symlink_to(weights.locate("silero-vad").parents[1])
    moving = {"motion_s": 50.0, "longest_motion_s": 55.0, "language": "en", "greeting": False}
    with serving(environ | {"MYNA_HOME": str(tmp_path)} | PATIENT, tmp_path) as own:
        node = robot.start("drive", package="myna_ros_example", url=own.url, persona="assistant", **moving)
        try:
            with talking(robot) as user:
                speaker = Speaker(own, user, tmp_path, "af_heart")
                user.wait("state", lambda news: news["text"] == "listening")
                moved = speaker.sees(0, 1, user.do("ask", text="turn left"))
                own.process.kill()
                lost = speaker.sees(0, 0, moved["at"])
                with serving(environ | {"MYNA_HOME": str(tmp_path)} | PATIENT, tmp_path, int(own.url.rsplit(":")[-1])):
                    user.wait("state", lambda news: news["text"] == "listening", since=lost["at"])
                    moved = speaker.sees(0, 1, user.do("ask", text="turn left"))
                    assert node.end()[0] == 0
                    speaker.sees(0, 0, moved["at"])
        finally:
            node.process.kill()
            node.process.wait()
