"""Does with rclpy what it is told on stdin, a line of JSON each, and tells on stdout how it went.

A line is a list of lists of steps: those of one are begun at once, or each when its time has come, ``at``; and the next
when they have ended. The answer is a list of what became of each step, in the same order.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from jobot_interfaces.action import LLMChatAction
from jobot_interfaces.srv import LLMChat
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.action.client import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

WAIT_S = 20.0
LINGER_S = 0.3
"""How long one listens on, when all has ended."""

Told = dict[str, Any]


class Driver:
    """A node that asks."""

    def __init__(self) -> None:
        self.node = Node("driver")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._ended = 0
        self._actions: dict[tuple[str, int], ActionClient] = {}
        self._clients: dict[tuple[str, int], Any] = {}

    def run(self, rounds: list[list[Told]]) -> list[Told]:
        """One round after another, and listen on for pieces that come too often."""
        told = [result for steps in rounds for result in self._round(steps)]
        if any(step["do"] == "goal" for steps in rounds for step in steps):
            self._spin(LINGER_S)
        return told

    def _round(self, steps: list[Told]) -> list[Told]:
        self._ended = 0
        told: list[Told] = [{"ended": None} for _ in steps]
        for step, result in zip(steps, told, strict=True):
            self._spin(step.get("at", 0.0) - time.monotonic())
            getattr(self, f"_{step['do']}")(step, result)
        ends_at = time.monotonic() + max(float(step.get("within_s", WAIT_S)) for step in steps)
        while self._ended < len(steps) and time.monotonic() < ends_at:
            self._executor.spin_once(timeout_sec=0.01)
        return told

    def _spin(self, for_s: float) -> None:
        ends_at = time.monotonic() + for_s
        while (left_s := ends_at - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left_s, 0.01))

    def _end(self, result: Told, **more: Any) -> None:
        result.update(more, ended=self._ended, at=time.monotonic())
        self._ended += 1

    def _call(self, kind: Any, step: Told, result: Told, ask: tuple[Any, Callable[[Any], None]]) -> None:
        request, done = ask
        key = (step["name"], int(step.get("client", 0)))
        if key not in self._clients:
            self._clients[key] = self.node.create_client(kind, step["name"])
        client = self._clients[key]
        if not client.wait_for_service(step.get("wait_s", WAIT_S)):
            return self._end(result, missing=True)
        return client.call_async(request).add_done_callback(lambda future: done(future.result()))

    def _ask(self, step: Told, result: Told) -> None:
        request = LLMChat.Request(prompt=step["prompt"])
        self._call(LLMChat, step, result, (request, lambda answer: self._end(result, text=answer.response)))

    def _trigger(self, step: Told, result: Told) -> None:
        self._call(Trigger, step, result, (Trigger.Request(), lambda answer: self._end(result, success=answer.success)))

    def _state(self, step: Told, result: Told) -> None:
        def done(answer: Any) -> None:
            self._end(result, state=answer.current_state.label)

        self._call(GetState, step, result, (GetState.Request(), done))

    def _change(self, step: Told, result: Told) -> None:
        request = ChangeState.Request()
        request.transition.label = step["to"]
        self._call(ChangeState, step, result, (request, lambda answer: self._end(result, success=answer.success)))

    def _set(self, step: Told, result: Told) -> None:
        request = SetParameters.Request(
            parameters=[Parameter(step["parameter"], value=step["value"]).to_parameter_msg()]
        )

        def done(answer: Any) -> None:
            self._end(result, success=answer.results[0].successful, reason=answer.results[0].reason)

        self._call(SetParameters, step, result, (request, done))

    def _describe(self, step: Told, result: Told) -> None:
        def done(answer: Any) -> None:
            self._end(result, told={one.name: (one.description, one.read_only) for one in answer.descriptors})

        self._call(DescribeParameters, step, result, (DescribeParameters.Request(names=step["names"]), done))

    def _diagnose(self, step: Told, result: Told) -> None:
        def heard(message: Any) -> None:
            status = message.status[0]
            mine = status.name.startswith(step["name"]) and step.get("says", "") in status.message
            if mine and result["ended"] is None:
                values = {one.key: one.value for one in status.values}
                self._end(result, level=status.level[0], message=status.message, values=values)

        self.node.create_subscription(DiagnosticArray, "/diagnostics", heard, 10)

    def _goal(self, step: Told, result: Told) -> None:
        key = (step["name"], int(step.get("client", 0)))
        if key not in self._actions:
            self._actions[key] = ActionClient(self.node, LLMChatAction, step["name"])
        if not self._actions[key].wait_for_server(step.get("wait_s", WAIT_S)):
            return self._end(result, missing=True)
        return Goal(self.node, step, result, self._end).send(self._actions[key])


class Goal:
    """A goal on its way."""

    def __init__(self, node: Node, step: Told, result: Told, end: Callable[..., None]) -> None:
        self._node = node
        self._step = step
        self._result = result
        self._end = end
        self._goal: Any = None
        self._timer: Any = None

    def send(self, action: ActionClient) -> None:
        """Begin."""
        self._result["pieces"] = []
        goal = LLMChatAction.Goal(prompt=self._step["prompt"])
        action.send_goal_async(goal, feedback_callback=self._heard).add_done_callback(self._accepted)

    def _heard(self, message: Any) -> None:
        pieces = self._result["pieces"]
        pieces.append(message.feedback.partial)
        self._result.setdefault("first_at", time.monotonic())
        if len(pieces) == self._step.get("cancel_after_pieces"):
            self._cancel()

    def _accepted(self, future: Any) -> None:
        self._goal = future.result()
        self._result["accepted"] = self._goal.accepted
        if not self._goal.accepted or self._step.get("leave"):
            return self._end(self._result)
        if "cancel_after_s" in self._step:
            self._timer = self._node.create_timer(max(self._step["cancel_after_s"], 1e-6), self._cancel)
        return self._goal.get_result_async().add_done_callback(self._answered)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        if self._result["ended"] is None:
            self._result["cancelled_at"] = time.monotonic()
            self._goal.cancel_goal_async()

    def _answered(self, future: Any) -> None:
        answer = future.result()
        if "cancelled_at" in self._result:
            self._result["cancel_s"] = time.monotonic() - self._result["cancelled_at"]
        self._end(self._result, status=answer.status, text=answer.result.response)


def main() -> None:
    """Until stdin ends."""
    rclpy.init()
    driver = Driver()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(driver.run(json.loads(line))) + "\n")
        sys.stdout.flush()
    driver.node.destroy_node()
    rclpy.shutdown()


main()
