"""A robot is told to move before and after `~/stop`: says on stdout, line by line, where it moved."""

import sys
import threading
import time

import rclpy
from std_msgs.msg import String
from std_srvs.srv import Trigger

from myna_ros.news import Call, Heard
from myna_ros.node import VoiceNode
from myna_ros.tools import tool

LIMIT_S = 30


class Mover(VoiceNode):
    """Counts its moves."""

    def __init__(self) -> None:
        super().__init__("myna_voice", defaults={"url": "ws://127.0.0.1:9"})
        self.moved = threading.Event()

    @tool
    def move(self, where: str) -> None:
        """Move there."""
        sys.stdout.write(f"{where}\n")
        sys.stdout.flush()
        self.moved.set()

    def hears(self, text: str, began_s: float) -> None:
        """It has been said."""
        self._take(Heard(text, final=True, began_s=began_s))

    def called(self, where: str) -> None:
        """The model has it move."""
        self._take(Call(where, "move", f'{{"where": "{where}"}}'))


rclpy.init()
robot = Mover()
before_s = time.monotonic()
robot._stop(None, Trigger.Response())
robot.called("called after the stop")
robot.hears("turn left", before_s)
robot.called("said before the stop")
robot.hears("turn left", time.monotonic())
robot.called("said after the stop")
assert robot.moved.wait(LIMIT_S)
robot.moved.clear()
robot.hears("stop", time.monotonic())
robot.called("a word stopped it")
robot._ask(String(data="turn left"))
robot.called("asked for")
assert robot.moved.wait(LIMIT_S)
robot.close()
robot.destroy_node()
rclpy.shutdown()
