"""A loudspeaker whose device is stuck until a file is there: it is sent more than it keeps, in messages with a number.

Arguments: that file, the one into which the device writes what it plays, and how many bytes that has to have.
"""

import array
import sys
import time
from collections.abc import Callable
from pathlib import Path

import rclpy
from myna_ros_interfaces.msg import Audio

from myna_ros.loudspeaker import Loudspeaker

LIMIT_S = 30
MESSAGES, SAMPLES = 80, 40_000
"""A message is more than a pipe holds."""


def wait(done: Callable[[], bool]) -> None:
    """Until it is done."""
    ends_at = time.monotonic() + LIMIT_S
    while not done() and time.monotonic() < ends_at:
        time.sleep(0.01)


goes_on, played, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rclpy.init()
loudspeaker = Loudspeaker()
for number in range(MESSAGES):
    loudspeaker._take(Audio(sample_rate=16_000, channels=1, data=array.array("h", [number]) * SAMPLES))
    if not number:
        wait(lambda: not loudspeaker._waiting)
goes_on.touch()
wait(lambda: played.exists() and played.stat().st_size >= size)
loudspeaker.close()
loudspeaker.destroy_node()
rclpy.shutdown()
