"""`ros2 run myna_ros loudspeaker`: a topic, played by ALSA's ``aplay``."""

import threading
from collections import deque
from typing import Any

from myna_ros_interfaces.msg import Audio
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Empty

from myna_ros.devices import ALSA, NoProgram, Program
from myna_ros.parameters import read
from myna_ros.pcm import to_bytes
from myna_ros.run import run
from myna_ros.settings import Parameter

PARAMETERS = (
    Parameter("device", "default", "As `aplay -L` lists it."),
    Parameter("buffer_ms", 200, "What the device holds at most.", lowest=50, highest=2_000),
)

MOST_WAITING = 50
"""Messages; older ones are lost. They come at the pace in which they are played."""


class Loudspeaker(Node):
    """Plays ``~/audio``, and drops what it holds at ``~/flush``. A device that fails is opened again."""

    def __init__(self, **named: Any) -> None:
        super().__init__("loudspeaker", **named)
        self._values = read(self, PARAMETERS)
        self._waiting: deque[Audio] = deque(maxlen=MOST_WAITING)
        self._due = threading.Event()
        self._ends = threading.Event()
        self._program: Program | None = None
        self._flushed: Program | None = None
        self._kind = (0, 0)
        self.create_subscription(Audio, "~/audio", self._take, QoSProfile(depth=MOST_WAITING))
        self.create_subscription(Empty, "~/flush", self._flush, 10)
        self._thread = threading.Thread(target=self._play, name="loudspeaker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End playing."""
        self._ends.set()
        self._flush(None)
        self._due.set()
        self._thread.join(0.5)

    def _take(self, message: Audio) -> None:
        if message.sample_format not in ("", "s16le"):
            self.get_logger().error(f"{message.sample_format} cannot be played.", throttle_duration_sec=5.0)
        elif message.sample_rate and message.channels:
            self._waiting.append(message)
            self._due.set()

    def _flush(self, _message: Empty | None) -> None:
        self._waiting.clear()
        if (program := self._program) is not None:
            self._flushed = program
            program.end()  # with what it holds; another one starts with the next sound

    def _play(self) -> None:
        while not self._ends.is_set():
            try:
                message = self._waiting.popleft()
            except IndexError:
                self._due.wait()
                self._due.clear()
                continue
            try:
                self._player((message.sample_rate, message.channels)).write(to_bytes(message.data))
            except NoProgram as error:
                self.get_logger().error(str(error))
                self._ends.wait(error.again_s)

    def _player(self, kind: tuple[int, int]) -> Program:
        program = self._program
        if program is not None:
            if program.runs and kind == self._kind:
                return program
            program.end()
            self._program = None
            if kind == self._kind and program is not self._flushed:
                raise program.failure()
        values = self._values
        command = ["aplay", *ALSA, "-D", values["device"], "-r", str(kind[0]), "-c", str(kind[1])]
        self._kind = kind
        self._program = program = Program([*command, f"--buffer-time={values['buffer_ms'] * 1000}"], plays=True)
        return program


def main() -> None:
    """Run it."""
    run(Loudspeaker)
