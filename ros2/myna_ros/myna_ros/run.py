"""Runs a node until SIGINT or SIGTERM, and ends it within two seconds, whatever hangs."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

import rclpy
import rclpy.utilities
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

SPIN_S = 0.1
"""How soon a signal is noticed."""

ENDS_S = 1.7
"""What is not over then is cut off."""


class Closable(Protocol):
    """A node that has something to end before it is destroyed."""

    def close(self) -> None:
        """End it, within a second."""
        ...


def run(make: Callable[[], Node], args: Sequence[str] | None = None) -> None:
    """Run the node that ``make`` gives. One with a method ``close()`` is closed before it is destroyed.

    rclpy's own signal handlers are left out: they wake the executor from within a signal, and now and then it hangs.
    """
    ends = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ends.set())
    rclpy.init(args=list(args) if args is not None else None, signal_handler_options=SignalHandlerOptions.NO)
    node: Node | None = None
    try:
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not ends.is_set() and executor.context.ok():
            _spin(executor, node)
    finally:
        watchdog = threading.Timer(ENDS_S, _cut_off)
        watchdog.daemon = True
        watchdog.start()
        if node is not None:
            close = getattr(node, "close", None)
            if close is not None:
                close()
            node.destroy_node()
        if rclpy.utilities.get_default_context().ok():
            rclpy.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of a robot's tools may still run, and the interpreter would wait for some of them


def _spin(executor: SingleThreadedExecutor, node: Node) -> None:
    try:
        executor.spin_once(timeout_sec=SPIN_S)
    except Exception:  # noqa: BLE001 - a robot's own callback failed; the others go on
        if executor.context.ok():
            node.get_logger().error(f"A callback failed:\n{traceback.format_exc()}")


def _cut_off() -> None:
    sys.stderr.write("The node did not end in time; it is cut off.\n")
    sys.stderr.flush()
    os._exit(1)
