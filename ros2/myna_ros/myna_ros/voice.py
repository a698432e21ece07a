"""`ros2 run myna_ros voice`: a robot that hears and speaks, and has no tools."""

from myna_ros.node import VoiceNode
from myna_ros.run import run


def main() -> None:
    """Run it."""
    run(VoiceNode)
