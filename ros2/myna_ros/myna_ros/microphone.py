"""`ros2 run myna_ros microphone`: what ALSA's ``arecord`` hears, as a topic."""

import threading
from collections.abc import Sequence
from typing import Any

from myna_ros_interfaces.msg import Audio
from rclpy.node import Node

from myna_ros.devices import ALSA, NoProgram, Program
from myna_ros.parameters import read
from myna_ros.pcm import BYTES_PER_SAMPLE, from_bytes
from myna_ros.run import run
from myna_ros.settings import Parameter

PARAMETERS = (
    Parameter("device", "default", "As `arecord -L` lists it."),
    Parameter("sample_rate", 16_000, "In Hz.", lowest=8_000, highest=192_000),
    Parameter("channels", 1, "All are published.", lowest=1, highest=64),
    Parameter("block_ms", 20, "Of sound in a message.", lowest=10, highest=200),
)


class Microphone(Node):
    """Publishes ``~/audio``. A device that fails is opened again."""

    def __init__(self, **named: Any) -> None:
        super().__init__("microphone", **named)
        self._values = read(self, PARAMETERS)
        self._audio = self.create_publisher(Audio, "~/audio", 100)
        self._ends = threading.Event()
        self._program: Program | None = None
        self._thread = threading.Thread(target=self._record, name="microphone", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the recording."""
        self._ends.set()
        if self._program is not None:
            self._program.end()
        self._thread.join(0.5)

    def _record(self) -> None:
        values = self._values
        rate, channels = values["sample_rate"], values["channels"]
        size = rate * values["block_ms"] // 1000 * channels * BYTES_PER_SAMPLE
        command = ["arecord", *ALSA, "-D", values["device"], "-r", str(rate), "-c", str(channels)]
        while not self._ends.is_set():
            failure = self._record_with(command, size)
            if not self._ends.is_set():
                self.get_logger().error(str(failure))
                self._ends.wait(failure.again_s)

    def _record_with(self, command: Sequence[str], size: int) -> NoProgram:
        """Publish what it gives in blocks of so many bytes; why that ended."""
        try:
            program = self._program = Program(command, plays=False)
        except NoProgram as failure:
            return failure
        while len(block := program.read(size)) == size and not self._ends.is_set():
            self._publish(block)
        program.end()
        return program.failure()

    def _publish(self, block: bytes) -> None:
        rate, channels = self._values["sample_rate"], self._values["channels"]
        message = Audio(sample_rate=rate, channels=channels, sample_format="s16le", data=from_bytes(block))
        message.header.stamp = self.get_clock().now().to_msg()
        self._audio.publish(message)


def main() -> None:
    """Run it."""
    run(Microphone)
