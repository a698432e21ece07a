"""The node around a service or an action."""

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import Trigger

from rdk_chat.doors import Door
from rdk_chat.health import Diagnostics
from rdk_chat.parameters import declare, follow
from rdk_chat.problem import INACTIVE, STOPPED, Problem
from rdk_chat.talk import Talk

ENDS_S = 0.8
"""How long those who are being answered have to take their leave."""


class ChatNode(LifecycleNode):
    """Passes prompts to Myna while it is active.

    Raises:
        WrongSetting: A parameter has a value that it cannot have.
    """

    def __init__(self, name: str, door: Door) -> None:
        super().__init__(name)
        self._door = door
        settings = declare(self, door.kind)
        self.talk = Talk(settings)
        self.threads = door.threads(settings)
        follow(self, door.kind, self.talk)
        self._diagnostics = Diagnostics(self, self.talk)
        self.create_service(Trigger, "~/reset", self._reset)

    def start(self) -> None:
        """Configure and activate, unless that is somebody else's to do.

        Raises:
            Problem: It cannot be configured.
        """
        if not self.talk.settings.autostart:
            return
        for step in (self.trigger_configure, self.trigger_activate):
            if step() != TransitionCallbackReturn.SUCCESS:
                raise Problem("inactive", "The node cannot be configured; what is wrong stands above.")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Be there for clients, who are refused until it is active."""
        try:
            self._door.open(self, self.talk)
        except Exception as fault:  # noqa: BLE001 - rclpy would not say what it was, such as a name that ROS cannot have
            self.get_logger().error(str(fault))
            self._door.shut()
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer."""
        self.talk.open()
        self.get_logger().info(f"Answers through Myna at {self.talk.settings.url}.")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the replies that are being made, and refuse others."""
        self.talk.close(INACTIVE)
        self.talk.turns.wait_empty(ENDS_S)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Be there no more, and forget what was said."""
        self._door.shut()
        self.talk.conversations.reset()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer nobody any more."""
        self.talk.close(STOPPED)
        return super().on_shutdown(state)

    def end(self) -> None:
        """Give back all that it holds, in whatever state it is."""
        self._diagnostics.end()
        self._door.shut()

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.talk.conversations.reset()
        response.success, response.message = True, "What was said is forgotten."
        return response
