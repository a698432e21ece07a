"""A robot with a microphone and a loudspeaker, as voice.launch.py starts it: ALSA's own programs, in a room."""

import os
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.end_to_end.processes import Server, family
from tests.end_to_end.voices import heard_meanwhile, spoken
from tests.room import Room, is_over, open_room
from tests.ros2.robot import Robot
from tests.ros2.voice_robot import LIMIT_S, User, running, talking

pytestmark = [pytest.mark.ros, pytest.mark.models]

IN, OUT = "/microphone/audio", "/loudspeaker/audio"


def test_what_the_microphone_hears_is_answered_by_the_loudspeaker_also_after_both_failed(
    robot: Robot, steady: Server
) -> None:
    own: dict[str, Any] = {"url": steady.url, "persona": "assistant", "language": "en", "greeting": False}
    with ExitStack() as stack:
        room = stack.enter_context(open_room(echo=0))  # the voice node leaves echoes to the microphone
        there = replace(robot, environ={**room.environ, **robot.environ})
        devices = [
            stack.enter_context(running(there, "microphone", "-r", f"~/audio:={IN}")),
            stack.enter_context(
                running(there, "loudspeaker", "-r", f"~/audio:={OUT}", "-r", "~/flush:=/myna_voice/flush")
            ),
        ]
        stack.enter_context(running(robot, "voice", "-r", f"~/audio_in:={IN}", "-r", f"~/audio_out:={OUT}", **own))
        user = stack.enter_context(talking(robot))
        user.wait("state", lambda news: news["text"] == "listening")
        assert "Paris" in answer(user, room, steady, "What is the capital of France?")
        for device in devices:
            (program,) = family(device.process.pid)[1:]
            os.kill(program, signal.SIGKILL)
        devices[0].wait_logged("arecord .* ended")
        ends_at = time.monotonic() + LIMIT_S
        while len(family(devices[0].process.pid)) == 1:
            assert time.monotonic() < ends_at, devices[0].log.read_text()
            time.sleep(0.05)
        assert "Rome" in answer(user, room, steady, "And what is the capital of Italy?")


def answer(user: User, room: Room, server: Server, question: str) -> str:
    """What the loudspeaker says to what the microphone hears."""
    with room.recording() as played, room.say(spoken(server.url, question)) as saying:
        begun = time.monotonic()
        assert saying.wait(LIMIT_S) == 0
        user.wait("reply", since=begun)
        ends_at = time.monotonic() + LIMIT_S
        while not is_over(played()):
            assert time.monotonic() < ends_at, user.of("reply")
            time.sleep(0.1)
        return heard_meanwhile(server.url, played(), "en")
