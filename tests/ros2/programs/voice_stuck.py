"""A robot whose own code says that it hangs, and then does."""

import threading

from rclpy.node import Node

from myna_ros.run import run


class Stuck(Node):
    """Never comes back from its timer."""

    def __init__(self) -> None:
        super().__init__("stuck")
        self.create_timer(0.1, self._hang)

    def _hang(self) -> None:
        self.get_logger().info("It hangs.")
        threading.Event().wait()


run(Stuck)
