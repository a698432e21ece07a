"""Somebody who talks with a robot: does with rclpy what it is told on stdin, and tells on stdout what is published.

Both are lines of JSON. What is told has the topic, when (seconds of `time.monotonic`) and the text, or of sound its
length in milliseconds and its loudness, or of ``cmd_vel`` what turns and drives.
"""

import array
import json
import math
import sys
import threading
import time
import wave
from collections.abc import Callable
from importlib import import_module
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist
from myna_ros_interfaces.msg import Audio
from myna_ros_interfaces.srv import Say, SetPersona
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Empty, String, UInt8MultiArray
from std_srvs.srv import SetBool, Trigger

BLOCK_S = 0.02
TAIL_S = 1.5
"""Of silence behind what is said."""

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TEXTS = {"transcript/partial": 50, "transcript": 50, "reply/partial": 200, "reply": 50}
KEPT = ("emotion", "state", "persona")
SERVICES = {"stop": Trigger, "mute": SetBool, "set_persona": SetPersona, "say": Say}


class User:
    """A node that talks and listens."""

    def __init__(self, audio_type: str) -> None:
        self.node = Node("voice_user")
        package, _, name = audio_type.split("/")
        self._kind = getattr(import_module(f"{package}.msg"), name)
        self._microphone = self.node.create_publisher(self._kind, "/myna_voice/audio_in", 100)
        self._ask = self.node.create_publisher(String, "/myna_voice/ask", 10)
        self._services = {name: self.node.create_client(of, f"/myna_voice/{name}") for name, of in SERVICES.items()}
        for topic, depth in [*TEXTS.items(), *((name, LATCHED) for name in KEPT)]:
            self.node.create_subscription(String, f"/myna_voice/{topic}", self._text(topic), depth)
        self.node.create_subscription(self._kind, "/myna_voice/audio_out", self._sound, 200)
        self.node.create_subscription(Empty, "/myna_voice/flush", lambda _: self.tell("flush"), 10)
        self.node.create_subscription(Twist, "/cmd_vel", self._twist, 100)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._health, 10)

    def tell(self, topic: str, **fields: Any) -> None:
        """A line of what happened."""
        sys.stdout.write(json.dumps({"topic": topic, "at": time.monotonic(), **fields}) + "\n")
        sys.stdout.flush()

    def _text(self, topic: str) -> Callable[[String], None]:
        return lambda message: self.tell(topic, text=message.data)

    def _sound(self, message: Any) -> None:
        pcm = array.array(
            "h",
            bytes(message.data)
            if not isinstance(message.data, array.array) or message.data.typecode == "B"
            else message.data.tobytes(),
        )
        loud = math.sqrt(sum(each * each for each in pcm[::8]) / max(1, len(pcm[::8])))
        rate = getattr(message, "sample_rate", 24_000)
        self.tell("audio_out", ms=len(pcm) * 1000 / rate, loud=loud)

    def _twist(self, message: Twist) -> None:
        self.tell("cmd_vel", drives=message.linear.x, turns=message.angular.z)

    def _health(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if "voice" in status.name:
                self.tell("diagnostics", level=status.level[0], text=status.message)

    # ----------------------------------------------------------------------------------------------- what it is told

    def wait(self) -> None:
        """Until the node is there."""
        for service in self._services.values():
            if not service.wait_for_service(30):
                raise SystemExit("there is no voice node")
        ends_at = time.monotonic() + 30
        while not self._microphone.get_subscription_count() and time.monotonic() < ends_at:
            time.sleep(0.01)
        self.tell("ready")

    def say(self, path: str) -> None:
        """Say what a WAV file holds, in real time, and be silent for a while."""
        with wave.open(path) as file:
            rate, channels = file.getframerate(), file.getnchannels()
            pcm = file.readframes(file.getnframes())
        size = round(rate * BLOCK_S) * channels * 2
        pcm += bytes(round(TAIL_S / BLOCK_S) * size)
        begins = time.monotonic()
        for number, at in enumerate(range(0, len(pcm), size)):
            time.sleep(max(0.0, begins + number * BLOCK_S - time.monotonic()))
            self._microphone.publish(self._message(pcm[at : at + size], rate, channels))
        self.tell("said")

    def _message(self, pcm: bytes, rate: int, channels: int) -> Any:
        if self._kind is Audio:
            return Audio(
                sample_rate=rate,
                channels=channels,
                sample_format="s16le",
                data=array.array("h", pcm[: len(pcm) // 2 * 2]),
            )
        return self._kind(data=array.array("B", pcm))

    def ask(self, text: str) -> None:
        """Ask in writing."""
        self._ask.publish(String(data=text))

    def call(self, name: str, **fields: Any) -> None:
        """Call a service, and tell what it answered."""
        request = SERVICES[name].Request(**fields)
        begun = time.monotonic()
        self._services[name].call_async(request).add_done_callback(
            lambda future: self.tell(
                "answer", name=name, success=future.result().success, text=future.result().message,
                took_s=time.monotonic() - begun,
            )
        )  # fmt: skip

    def nonsense(self, kind: str) -> None:
        """Send audio that is none."""
        messages = {
            "no rate": lambda: Audio(sample_rate=1, channels=1, data=[1, 2]),
            "channels": lambda: Audio(sample_rate=16_000, channels=3, data=[1, 2]),
            "format": lambda: Audio(sample_format="mp3", data=[1, 2]),
            "long": lambda: Audio(sample_rate=8_000, channels=1, data=array.array("h", bytes(2 * 8_000 * 11))),
            "empty": Audio,
            "odd": lambda: UInt8MultiArray(data=array.array("B", b"odd")),
        }
        self._microphone.publish(messages[kind]())
        self.tell("sent", kind=kind)


def main() -> None:
    """Until stdin ends."""
    rclpy.init()
    user = User(sys.argv[1] if len(sys.argv) > 1 else "myna_ros_interfaces/msg/Audio")
    executor = SingleThreadedExecutor()
    executor.add_node(user.node)
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            executor.spin_once(0.1)

    spinning = threading.Thread(target=spin)
    spinning.start()
    for line in sys.stdin:
        step = json.loads(line)
        getattr(user, step.pop("do"))(**step)
    ended.set()
    spinning.join()
    user.node.destroy_node()
    rclpy.shutdown()


main()
