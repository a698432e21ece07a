"""`ros2 run myna_ros_example drive`: a robot that drives where it is told to, by voice."""

import threading
import time
from typing import Any, Literal

from geometry_msgs.msg import Twist

from myna_ros.node import ENDS, VoiceNode, farewell
from myna_ros.parameters import read
from myna_ros.run import run
from myna_ros.settings import Parameter
from myna_ros.tools import tool

PUBLISH_S = 0.05
"""How often a motion is published while it lasts: base controllers stop when nothing comes for a while."""

Direction = Literal["forward", "backward", "left", "right", "stop"]

PARAMETERS = (
    Parameter("linear_speed", 0.2, "In m/s.", lowest=0.0, highest=2.0),
    Parameter("angular_speed", 0.5, "In rad/s.", lowest=0.0, highest=4.0),
    Parameter("motion_s", 2.0, "How long a motion lasts.", lowest=0.1, highest=60.0),
    Parameter("longest_motion_s", 5.0, "It never lasts longer.", lowest=0.1, highest=60.0),
)

DONE = {
    "forward": "The robot drives forward. 机器人正在前进。",
    "backward": "The robot drives backward. 机器人正在后退。",
    "left": "The robot turns left. 机器人正在左转。",
    "right": "The robot turns right. 机器人正在右转。",
    "stop": "The robot has stopped. 机器人停下了。",
}


class Drive(VoiceNode):
    """Publishes `geometry_msgs/Twist` on ``cmd_vel``: each motion for a while, then zero."""

    def __init__(self, **named: Any) -> None:
        super().__init__("myna_voice", **named)
        values = read(self, PARAMETERS)
        self._linear, self._angular = values["linear_speed"], values["angular_speed"]
        self._motion_s = min(values["motion_s"], values["longest_motion_s"])
        self._motion = threading.Lock()  # tools run in a thread of their own
        self._twist = Twist()
        self._until_s = 0.0
        self._cmd_vel = self.create_publisher(Twist, "cmd_vel", 10)
        self.create_timer(PUBLISH_S, self._drive)

    @tool
    def move(self, direction: Direction) -> str:
        """Drive the robot: move it forward or backward, turn it left or right, or stop it.

        Args:
            direction: Where to, e.g. left.
        """
        twist = Twist()
        twist.linear.x = {"forward": self._linear, "backward": -self._linear}.get(direction, 0.0)
        twist.angular.z = {"left": self._angular, "right": -self._angular}.get(direction, 0.0)
        with self._motion:
            if self.stopped:
                return "Not done: the robot was stopped. 机器人被叫停了。"
            self._twist = twist
            self._until_s = time.monotonic() + (0.0 if direction == "stop" else self._motion_s)
            self._cmd_vel.publish(twist)
        return DONE[direction]

    def on_stop(self, why: str) -> None:
        """Publish zero at once, and nothing more of the motion."""
        with self._motion:
            self._twist, self._until_s = Twist(), 0.0
            self._cmd_vel.publish(Twist())
        if why == ENDS:
            farewell(self._cmd_vel)

    def _drive(self) -> None:
        with self._motion:
            if not self._until_s:
                return
            if time.monotonic() >= self._until_s:
                self._twist, self._until_s = Twist(), 0.0
            self._cmd_vel.publish(self._twist)


def main() -> None:
    """Run it."""
    run(Drive)
