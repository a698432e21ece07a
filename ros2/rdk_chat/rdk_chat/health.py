"""What the node tells of itself on /diagnostics, once a second."""

import threading

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from rdk_chat.myna import health
from rdk_chat.problem import Problem
from rdk_chat.talk import Talk

PERIOD_S = 1.0
ASKED_EVERY_S = 5.0


class Watch:
    """Asks Myna now and then how it is, in a thread of its own."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._ended = threading.Event()
        self.problem: Problem | None = Problem("unreachable", "Myna was not asked yet.")
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                status = health(self._talk.server())
                ready = status == "ready"
                self.problem = None if ready else Problem("starting", f"Myna is not ready: its LLM is {status}.")
            except Problem as problem:
                self.problem = problem
            self._ended.wait(ASKED_EVERY_S)


class Diagnostics:
    """Publishes on ``/diagnostics``, also while the node is not active."""

    def __init__(self, node: Node, talk: Talk) -> None:
        self._node = node
        self._talk = talk
        self._watch = Watch(talk)
        self._warned = False
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(PERIOD_S, self._publish)

    def end(self) -> None:
        """Publish no more."""
        self._timer.cancel()
        self._watch.end()

    def _publish(self) -> None:
        talk, counts = self._talk, self._talk.counts
        level, message = DiagnosticStatus.OK, "ready" if talk.is_open else "not active"
        if counts.last_problem is not None:
            level, message = DiagnosticStatus.WARN, f"The last prompt failed. {counts.last_problem}"
        if self._twins():
            level, message = DiagnosticStatus.WARN, "Another node has the same name; both answer."
        if self._watch.problem is not None:
            level, message = DiagnosticStatus.ERROR, str(self._watch.problem)
        first = counts.first_piece_s
        values = {
            "url": talk.settings.url,
            "persona": talk.settings.persona or (talk.default[1] if talk.default else ""),
            "running": talk.turns.running,
            "waiting": talk.turns.waiting,
            "completed": counts.ended["completed"],
            "cancelled": counts.ended["cancelled"],
            "failed": counts.ended["failed"],
            "last problem": counts.last_problem.code if counts.last_problem else "",
            "first piece after ms": "" if first is None else round(first * 1000),
        }
        status = DiagnosticStatus(
            level=level, name=f"{self._node.get_name()}: chat", message=message, hardware_id="myna"
        )
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        told = DiagnosticArray(status=[status])
        told.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(told)

    def _twins(self) -> bool:
        """Whether another node has our name. ROS 2 allows it; whoever asks gets the answer that comes first."""
        mine = (self._node.get_name(), self._node.get_namespace())
        twins = self._node.get_node_names_and_namespaces().count(mine) > 1
        if twins and not self._warned:
            self._node.get_logger().warning(
                f"Another node is called {self._node.get_fully_qualified_name()}; both answer."
            )
        self._warned = twins
        return twins
