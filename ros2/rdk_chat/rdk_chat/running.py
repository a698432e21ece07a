"""Runs a node until it is told to end, which then takes less than two seconds, whatever hangs."""

import os
import signal
import sys
import threading
import time
from types import FrameType

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from rdk_chat.doors import Door
from rdk_chat.node import ENDS_S, ChatNode
from rdk_chat.problem import STOPPED, Problem

SPIN_S = 0.1
"""How long it may take until a signal is seen."""
SPARE_THREADS = 4
"""For what must not wait until a reply has ended: to cancel, to refuse, to reset, to be asked."""
SETTLES_S = 0.3
"""How long it may take until the last results are on their way."""
HARD_END_S = 1.8
"""After a signal; then whatever hangs is left behind."""
CANNOT_RUN = 1


def run(name: str, door: Door) -> int:
    """Run a node; the status to exit with.

    rclpy's own signal handlers now and then hang at the end, so these are ours.
    """
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        if not ended.is_set():
            ended.set()
            hard = threading.Timer(HARD_END_S, os._exit, (CANNOT_RUN,))
            hard.daemon = True
            hard.start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
        node = ChatNode(name, door)
    except Exception as fault:  # noqa: BLE001 - rclpy has an error of its own for each kind of wrong argument
        get_logger(name).fatal(str(fault))
        return CANNOT_RUN
    executor = MultiThreadedExecutor(node.threads + SPARE_THREADS)
    executor.add_node(node)
    try:
        node.start()
        while not ended.is_set():
            _spin(executor, node)
        _finish(executor, node)
    except Problem as problem:
        node.get_logger().fatal(str(problem))
        return CANNOT_RUN
    finally:
        node.end()
        executor.shutdown(timeout_sec=0.2)
        node.destroy_node()
        rclpy.shutdown()
    return 0


def _spin(executor: MultiThreadedExecutor, node: ChatNode) -> None:
    try:
        executor.spin_once(timeout_sec=SPIN_S)
    except Exception as fault:  # noqa: BLE001 - one that fails, as when its client has gone, must not end all others
        node.get_logger().error(f"A callback failed. {type(fault).__name__}: {fault}")


def _finish(executor: MultiThreadedExecutor, node: ChatNode) -> None:
    """End the replies that are being made, and let those who wait for them hear of it."""
    node.talk.close(STOPPED)
    ends_at = time.monotonic() + ENDS_S
    while time.monotonic() < ends_at and node.talk.turns.running:
        _spin(executor, node)
    ends_at = time.monotonic() + SETTLES_S
    while time.monotonic() < ends_at:
        _spin(executor, node)
