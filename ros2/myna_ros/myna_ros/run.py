"""Runs a node until SIGINT or SIGTERM, and ends it within two seconds, whatever hangs."""

import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

import rclpy
import rclpy.utilities
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

SIGNALS = (signal.SIGINT, signal.SIGTERM)

SPIN_S = 0.1
"""How soon a signal is noticed."""

ENDS_S = 1.7
"""What is not over then is cut off."""

CANNOT_RUN = 1
_STDERR = 2


def run(make: Callable[[], Node], args: Sequence[str] | None = None) -> None:
    """Run the node that ``make`` gives. One with a method ``close()`` is closed before it is destroyed.

    rclpy's own signal handlers are left out: they wake the executor from within a signal, and now and then it hangs.
    """
    ends = _until_signal()
    node: Node | None = None
    status = 0
    try:
        rclpy.init(args=list(args) if args is not None else None, signal_handler_options=SignalHandlerOptions.NO)
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not ends.is_set() and executor.context.ok():
            _spin(executor, node)
    except Exception as fault:  # noqa: BLE001 - rclpy has an error of its own for each kind of wrong argument
        status = CANNOT_RUN
        of_rclpy = type(fault).__module__.startswith("rclpy")
        get_logger("myna_ros").fatal(str(fault) if of_rclpy else traceback.format_exc())
    signal.raise_signal(signal.SIGTERM)  # without one, the end has its time too
    if node is not None:
        close = getattr(node, "close", None)
        if close is not None:
            close()
        node.destroy_node()
    if rclpy.utilities.get_default_context().ok():
        rclpy.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads of a robot's tools may still run, and the interpreter would wait for some of them


def _until_signal() -> threading.Event:
    """What is set at a signal; some time later all is cut off.

    A thread of its own is woken by a byte that the system writes: a callback that blocks keeps a handler waiting.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    ends = threading.Event()

    def watch() -> None:
        while os.read(reader, 1)[0] not in SIGNALS:
            pass  # a robot may have handlers for others
        ends.set()
        time.sleep(ENDS_S)
        if select.select([], [_STDERR], [], 0)[1]:  # who reads it may hang, too
            os.write(_STDERR, b"The node did not end in time; it is cut off.\n")
        os._exit(CANNOT_RUN)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
    return ends


def _spin(executor: SingleThreadedExecutor, node: Node) -> None:
    try:
        executor.spin_once(timeout_sec=SPIN_S)
    except Exception:  # noqa: BLE001 - a robot's own callback failed; the others go on
        if executor.context.ok():
            node.get_logger().error(f"A callback failed:\n{traceback.format_exc()}")
