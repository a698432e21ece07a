"""What clients call: a service that gives the whole answer, and an action that streams it."""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from rclpy.action.server import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

from rdk_chat.interfaces import interface
from rdk_chat.problem import Problem
from rdk_chat.reply import Pace
from rdk_chat.settings import Kind, Settings
from rdk_chat.talk import Answer, Prompt, Talk
from rdk_chat.turns import Place

RESULT_S = 60
"""How long a client may take to ask for the result of a goal that has ended."""
PERIOD_S = 0.05
"""The time between two answers, on average. In DDS every client gets the answers to all, and keeps ten until it has
looked whose they are: of a burst of twenty, a slow client would never find its own."""
AT_ONCE = 8
"""So many may come together."""
ACCEPTED_S = 0.02
"""The time between two goals that are accepted or refused: as long a cancel has to wait for each of them."""
HURRIED_S = 0.015
"""The time between two answers while the node ends, or less:"""
LAST_S = 0.6
"""all have to be answered within this time."""
AFTER_S = 0.06
"""How long the result comes after the last piece: rclpy's client drops pieces that it reads after the result."""
SPARE = 8
"""More requests than places that do not get lost: they are refused, or cancel. As many who are refused may wait for
their turn; more of them would take the threads of all others."""


class Door(Protocol):
    """One of the two."""

    kind: Kind

    def threads(self, settings: Settings) -> int:
        """How many threads its callbacks may hold at a time."""
        ...

    def open(self, node: Node, talk: Talk) -> None:
        """Be there for clients.

        Raises:
            Problem: The type is not what it has to be.
        """
        ...

    def shut(self) -> None:
        """Be there no more."""
        ...


def _names(name: str, settings: Settings) -> dict[str, str]:
    """Each name under which it is there, with the client whose it is."""
    own = {f"{name}/{client}": client for client in settings.clients.split()}
    return {name: ""} | (own if settings.conversation == "client" else {})


def _told(problem: Problem, settings: Settings) -> str:
    """What is answered where there is no answer."""
    return settings.error_text.replace("{message}", problem.message).replace("{code}", problem.code)


def _period_s(talk: Talk) -> float:
    return PERIOD_S if talk.is_open else min(HURRIED_S, LAST_S / (1 + talk.turns.waiting))


class ServiceDoor:
    """A prompt in, the whole answer out."""

    kind: Kind = "service"

    def __init__(self) -> None:
        self._shut: list[Callable[[], object]] = []
        self._pace = Pace(AT_ONCE)
        self._refused = threading.Semaphore(SPARE)

    def threads(self, settings: Settings) -> int:
        """Each request that waits has one, since rclpy answers when the callback ends."""
        return settings.concurrent + settings.queue + SPARE

    def open(self, node: Node, talk: Talk) -> None:
        """See `Door.open`."""
        settings = talk.settings
        offered = interface(self.kind, settings.interfaces_package, settings.service_type)
        group, depth = ReentrantCallbackGroup(), settings.concurrent + settings.queue + SPARE

        def answering(client: str) -> Callable[[Any, Any], Any]:
            return lambda request, response: self._answer(node, talk, client, (request, response))

        for name, client in _names(settings.service_name, settings).items():
            service = node.create_service(
                offered, name, answering(client), qos_profile=QoSProfile(depth=depth), callback_group=group
            )
            self._shut.append(lambda service=service: node.destroy_service(service))

    def shut(self) -> None:
        """See `Door.shut`."""
        while self._shut:
            self._shut.pop()()

    def _answer(self, node: Node, talk: Talk, client: str, exchange: tuple[Any, Any]) -> Any:
        request, response = exchange
        try:
            with talk.enter() as place:
                answer = talk.answer(place, Prompt(request.prompt, client))
                self._pace.wait(_period_s(talk))
        except Problem as problem:
            answer = Answer("", "failed", problem)
            if self._refused.acquire(blocking=False):
                self._pace.wait(_period_s(talk))
                self._refused.release()
        response.response = answer.text
        if answer.problem is not None:
            node.get_logger().error(f"{answer.problem.code}: {answer.problem}")
            response.response = _told(answer.problem, talk.settings)
        return response


class ActionDoor:
    """A prompt in, the pieces of the answer as feedback, and the whole as the result."""

    kind: Kind = "action"

    def __init__(self) -> None:
        self._shut: list[Callable[[], object]] = []

    def threads(self, settings: Settings) -> int:
        """Each goal that runs or waits has one."""
        return settings.concurrent + settings.queue

    def open(self, node: Node, talk: Talk) -> None:
        """See `Door.open`."""
        settings = talk.settings
        offered = interface(self.kind, settings.interfaces_package, settings.action_type)
        qos = QoSProfile(depth=settings.concurrent + settings.queue + SPARE)
        # One at a time: between a goal's being accepted and its beginning comes no other.
        group = MutuallyExclusiveCallbackGroup()
        for name, client in _names(settings.action_name, settings).items():
            goals = _Goals(node, talk, client, offered)
            server = ActionServer(
                node,
                offered,
                name,
                goals.execute,
                callback_group=group,
                goal_callback=goals.accept,
                handle_accepted_callback=goals.begin,
                cancel_callback=lambda goal: CancelResponse.ACCEPT,
                goal_service_qos_profile=qos,
                result_service_qos_profile=qos,
                cancel_service_qos_profile=qos,
                feedback_pub_qos_profile=QoSProfile(depth=1000),
                result_timeout=RESULT_S,
            )
            self._shut.append(server.destroy)

    def shut(self) -> None:
        """See `Door.shut`."""
        while self._shut:
            self._shut.pop()()


class _Goals:
    """The goals of one action server."""

    def __init__(self, node: Node, talk: Talk, client: str, offered: Any) -> None:
        self._node = node
        self._talk = talk
        self._client = client
        self._offered = offered
        self._accepted: list[Place] = []
        self._places: dict[bytes, Place] = {}
        self._accepts = Pace()
        self._results = Pace(AT_ONCE)

    def accept(self, goal: Any) -> GoalResponse:
        """Take a place for a goal, or refuse it."""
        self._accepts.wait(min(ACCEPTED_S, _period_s(self._talk)))
        while self._accepted:  # rclpy accepted that one in vain
            self._accepted.pop().leave()
        try:
            self._accepted.append(self._talk.enter())
        except Problem as problem:
            self._node.get_logger().warning(f"A goal was refused. {problem.code}: {problem}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def begin(self, goal: Any) -> None:
        """Have it executed, or wait for its turn, in a thread of its own."""
        self._places[bytes(goal.goal_id.uuid)] = self._accepted.pop()
        goal.execute()

    def execute(self, goal: Any) -> Any:
        """Answer it. When it is cancelled or fails, the result is what had come; of a failure with nothing, why."""
        due = 0.0

        def say(piece: str) -> None:
            nonlocal due
            due = time.monotonic() + AFTER_S
            goal.publish_feedback(self._offered.Feedback(partial=piece))

        settings = self._talk.settings
        period_s = settings.feedback_period_s * settings.concurrent  # clients get the feedback of all goals, too
        prompt = Prompt(goal.request.prompt, self._client, say, period_s, lambda: goal.is_cancel_requested)
        with self._places.pop(bytes(goal.goal_id.uuid)) as place:
            answer = self._talk.answer(place, prompt)
            text = answer.text
            time.sleep(max(0.0, due - time.monotonic()))
            if answer.problem is not None:
                self._node.get_logger().error(f"{answer.problem.code}: {answer.problem}")
                text = text or _told(answer.problem, settings)
                goal.abort()
            elif answer.outcome == "cancelled":
                goal.canceled()
            else:
                goal.succeed()
            self._results.wait(_period_s(self._talk))
        return self._offered.Result(response=text)
