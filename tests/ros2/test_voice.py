"""The voice node with real rclpy on both sides, and a server that says again what it is told."""

import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.end_to_end.parrot import environ_of
from tests.end_to_end.processes import MYNA, Server
from tests.end_to_end.utterance import babble
from tests.ros2.robot import ENDS_S, PROGRAMS, STARTS_S, Robot, RunningNode
from tests.ros2.voice_robot import News, User, running, serving, talking, write_wav

pytestmark = pytest.mark.ros

LONG = "200 times aeiou"
"""Of a tone, minutes."""


def loud(news: News) -> bool:
    return news["loud"] > 500


def is_state(*names: str) -> Callable[[News], bool]:
    return lambda news: news["text"] in names


def has_it_talk(user: User) -> float:
    """Until something of a long reply was heard: what is said before counts as more of the question."""
    first = user.wait("audio_out", loud, since=user.do("ask", text=LONG))["at"]
    return user.wait("audio_out", loud, since=first + 2)["at"]


@pytest.fixture
def babbled(tmp_path: Path) -> str:
    return str(write_wav(tmp_path / "babble.wav", babble(2.0)))


def test_what_is_said_is_heard_answered_and_spoken(robot: Robot, parrot: Server, babbled: str) -> None:
    with running(robot, url=parrot.url, greeting=False), talking(robot) as user:
        user.wait("state", is_state("listening"))
        begun = user.do("say", path=babbled)
        assert user.wait("transcript", since=begun)["text"] == "I heard you"
        assert user.wait("reply", since=begun)["text"] == "I heard you"
        user.wait("state", is_state("listening"), since=user.wait("state", is_state("speaking"), since=begun)["at"])
        assert "".join(each["text"] for each in user.of("reply/partial", begun)) == "I heard you"
        assert [each["text"] for each in user.of("state", begun)][:3] == ["hearing", "thinking", "speaking"]
        assert user.of("emotion")
        spoken_ms = sum(each["ms"] for each in user.of("audio_out"))
        assert spoken_ms == pytest.approx(50 * len("Iheardyou"), abs=100)


def test_who_speaks_over_a_reply_empties_the_loudspeaker(robot: Robot, parrot: Server, babbled: str) -> None:
    with running(robot, url=parrot.url, greeting=False), talking(robot) as user:
        user.wait("state", is_state("listening"))
        has_it_talk(user)
        begun = user.do("say", path=babbled)
        flushed = user.wait("flush", since=begun)["at"]
        paused = user.wait("state", is_state("paused", "hearing"), since=begun)["at"]
        user.wait("reply", since=flushed)
        between = [each for each in user.of("audio_out", paused) if each["at"] < flushed]
        on_its_way_ms = 40  # topics keep no order among each other
        assert sum(each["ms"] for each in between) <= on_its_way_ms, "audio goes on while it is decided"
        interrupted = user.of("reply", flushed)[0]["text"]
        assert interrupted
        assert LONG.rsplit(maxsplit=1)[-1] in interrupted
        assert len(interrupted) < 200 * len("aeiou ")
        assert user.wait("reply", lambda news: news["text"] == "I heard you", since=flushed)


def test_stop_ends_a_reply_and_the_next_question_is_answered(robot: Robot, parrot: Server) -> None:
    with running(robot, url=parrot.url, greeting=False), talking(robot) as user:
        user.wait("state", is_state("listening"))
        has_it_talk(user)
        begun = user.do("call", name="stop")
        assert user.wait("answer", since=begun)["success"]
        flushed = user.wait("flush", since=begun)["at"]
        user.wait("state", is_state("listening"), since=begun)
        begun = user.do("ask", text="aeiou")
        assert user.wait("reply", lambda news: news["text"] == "aeiou", since=begun)
        assert not [each for each in user.of("audio_out", flushed + 0.3) if each["at"] < begun]


def test_a_muted_robot_hears_nothing_and_says_what_it_is_told_to(robot: Robot, parrot: Server, babbled: str) -> None:
    with running(robot, url=parrot.url, greeting=False), talking(robot) as user:
        user.wait("state", is_state("listening"))
        assert user.call("mute", data=True)["success"]
        user.do("say", path=babbled)
        user.wait("said")
        assert not user.of("transcript")
        begun = user.do("call", name="say", text="aeiou aeiou", voice="")
        assert user.wait("answer", since=begun)["success"]
        user.wait("audio_out", loud, since=begun)
        assert not user.call("say", text=" ", voice="")["success"]
        assert user.call("mute", data=False)["success"]
        user.do("say", path=babbled)
        assert user.wait("transcript")["text"] == "I heard you"


def test_another_persona_answers_from_now_on(robot: Robot, parrot: Server) -> None:
    with running(robot, url=parrot.url), talking(robot) as user:
        user.wait("state", is_state("listening", "speaking"))
        begun = user.do("call", name="set_persona", persona="polly")
        assert user.wait("persona", lambda news: news["text"] == "polly", since=begun)
        assert user.wait("reply", since=begun)["text"] == "Hi."
        begun = user.do("call", name="set_persona", persona="nobody")
        assert user.wait("persona", since=begun)["text"] == "polly"
        assert user.wait("diagnostics", lambda news: "nobody" in news["text"], since=begun)["level"] == 1
        user.do("ask", text="aeiou")
        assert user.wait("reply", since=begun)["text"] == "aeiou"


def test_a_server_that_is_killed_is_found_again_when_it_is_back(robot: Robot, tmp_path: Path, babbled: str) -> None:
    environ = environ_of(tmp_path)
    with serving(environ, tmp_path) as server:
        url = server.url
        server.process.kill()
    with running(robot, url=url, greeting=False, conversation="robot") as node, talking(robot) as user:
        gone = user.wait("state", is_state("offline"))["at"]
        for _ in range(2):
            user.do("say", path=babbled)
            assert user.call("stop")["success"], "services are answered meanwhile"
            assert not user.call("say", text="aeiou", voice="")["success"]
            lost = user.wait("diagnostics", lambda news: news["level"] == 2, since=gone)
            assert re.search("was lost|no Myna", lost["text"])
            user.wait("said", since=gone)
            with serving(environ, tmp_path, int(url.rsplit(":", 1)[1])) as server:
                user.wait("state", is_state("listening"), since=gone)
                begun = has_it_talk(user)
                server.process.kill()
                gone = user.wait("state", is_state("offline"), since=begun)["at"]
                user.wait("flush", since=begun)
            assert node.process.poll() is None


def test_a_wrong_key_is_told_and_the_right_one_is_taken_without_a_restart(robot: Robot, tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    (tmp_path / "key").write_text("myna_wrong", encoding="utf-8")
    made = [MYNA, "key", "create", "--name", "robot"]
    right = subprocess.run(made, env=environ, capture_output=True, text=True, check=True).stdout
    with (
        serving(environ, tmp_path) as server,
        running(robot, url=server.url, api_key_file=str(tmp_path / "key")) as node,
        talking(robot) as user,
    ):
        node.wait_logged("wants another key")
        assert user.wait("diagnostics", lambda news: "another key" in news["text"])["level"] == 2
        (tmp_path / "key").write_text(right, encoding="utf-8")
        user.wait("state", is_state("listening", "speaking"))


def test_sound_that_is_none_is_told_and_does_no_harm(robot: Robot, parrot: Server, babbled: str) -> None:
    with running(robot, url=parrot.url, greeting=False) as node, talking(robot) as user:
        user.wait("state", is_state("listening"))
        for kind in ("no rate", "channels", "format", "long", "empty"):
            user.do("nonsense", kind=kind)
        assert "/myna_voice/audio_in is left out" in node.wait_logged("left out")
        user.do("ask", text="")
        user.do("ask", text="x" * 1_000_000)
        user.call("stop")
        user.do("say", path=babbled)
        assert user.wait("transcript", lambda news: news["text"] == "I heard you")


def test_bytes_will_do_and_parameters_of_the_wrong_type_are_told(robot: Robot, parrot: Server, babbled: str) -> None:
    kind = "std_msgs/msg/UInt8MultiArray"
    wrong: dict[str, Any] = {"barge_in": 7, "audio_out.lead_ms": "soon", "tool_timeout_s": "[1, 2]"}
    with running(robot, url=parrot.url, audio_type=kind, greeting=False, **wrong) as node, talking(robot, kind) as user:
        for name in ("barge_in", "audio_out.lead_ms"):
            node.wait_logged(f"{re.escape(name)} is .*it has to be")
        user.wait("state", is_state("listening"))
        user.do("nonsense", kind="odd")
        node.wait_logged("3 bytes")
        user.do("say", path=babbled)
        user.wait("transcript", lambda news: news["text"] == "I heard you")
        user.wait("audio_out")


def test_a_type_that_is_not_there_is_told_and_its_own_used(robot: Robot, parrot: Server) -> None:
    with running(robot, url=parrot.url, audio_type="no_such_msgs/msg/Audio", greeting=False) as node:
        node.wait_logged("no message type no_such_msgs/msg/Audio")
        with talking(robot) as user:
            user.wait("state", is_state("listening"))


def test_a_stop_wins_over_what_was_said_before_it(robot: Robot) -> None:
    told = robot.run("python", PROGRAMS / "voice_stops.py")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == ["said after the stop", "asked for"]


def test_a_loudspeaker_that_was_stuck_plays_the_newest(robot: Robot, tmp_path: Path) -> None:
    """Its device is a stand-in, since the fault is the point."""
    goes_on, played = tmp_path / "goes_on", tmp_path / "played"
    aplay = tmp_path / "aplay"
    aplay.write_text(f"#!/bin/sh\nwhile [ ! -e {goes_on} ]; do sleep 0.02; done\nexec cat >{played}\n")
    aplay.chmod(0o755)
    samples, kept = 40_000, 50
    environ = {**robot.environ, "PATH": f"{tmp_path}:{robot.environ['PATH']}"}
    command = ("python", PROGRAMS / "voice_plays.py", goes_on, played, str((kept + 1) * samples * 2))
    told = replace(robot, environ=environ).run(*command)
    assert told.returncode == 0, told.stderr
    numbers = np.frombuffer(played.read_bytes(), np.int16)[::samples].tolist()
    assert numbers == [0, *range(80 - kept, 80)]


@pytest.mark.parametrize("arguments", [("-r", "__node:=1st"), ("-p", "persona")])
def test_arguments_that_are_wrong_are_told_in_a_line(robot: Robot, arguments: tuple[str, ...]) -> None:
    node = robot.start("voice", *arguments, package="myna_ros")
    assert node.process.wait(STARTS_S) == 1
    assert "FATAL" in node.log.read_text()
    assert "Traceback" not in node.log.read_text()


def test_a_node_whose_own_code_hangs_is_cut_off(robot: Robot) -> None:
    log = robot.folder / "stuck.log"
    with log.open("wb") as out:
        command = robot.command("python", PROGRAMS / "voice_stuck.py")
        process = subprocess.Popen(command, env=robot.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    robot.started.append(process)
    node = RunningNode(process, log)
    node.wait_logged("It hangs")
    status, took_s = node.end(signal.SIGTERM)
    assert (status, "cut off" in log.read_text()) == (1, True)
    assert took_s < ENDS_S + 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_ends_at_any_moment(robot: Robot, parrot: Server, number: signal.Signals) -> None:
    late: list[float] = []
    others = set(Path("/dev/shm").glob("fastrtps_*"))
    for moment in range(6):
        url = parrot.url if moment % 3 else "ws://127.0.0.1:9"
        node = robot.start("voice", package="myna_ros", url=url)
        try:
            node.wait_logged("Connected|Trying again")
            status, took_s = node.end(number)
            assert status == 0, node.log.read_text()
            late.append(took_s)
        finally:
            node.process.kill()
            node.process.wait()
    assert max(late) < ENDS_S + 3, "the machine may be slow, and the node is not"
    assert not set(Path("/dev/shm").glob("fastrtps_*")) - others
