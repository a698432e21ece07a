"""Asks the service, or the action, with bytes that are no text, as a program in C++ can."""

import ctypes
import sys
from typing import Any

import rclpy
from jobot_interfaces.action import LLMChatAction
from jobot_interfaces.srv import LLMChat
from rclpy.action.client import ActionClient
from rclpy.node import Node

PROMPT = b"good \xff\xfe\xc3 bytes"


def no_text() -> str:
    """What rclpy sends as it is: a text of ASCII lies in memory as its bytes, and these are others now."""
    text = "x" * len(PROMPT)
    ctypes.memmove(id(text) + sys.getsizeof("") - 1, PROMPT, len(PROMPT))
    return text


def of_service(node: Node) -> str:
    """The answer."""
    client = node.create_client(LLMChat, "chat_service")
    if not client.wait_for_service(20):
        sys.exit("no service")
    return ended(node, client.call_async(LLMChat.Request(prompt=no_text()))).response


def of_action(node: Node) -> str:
    """The result."""
    client = ActionClient(node, LLMChatAction, "chat_action")
    if not client.wait_for_server(20):
        sys.exit("no action")
    goal = ended(node, client.send_goal_async(LLMChatAction.Goal(prompt=no_text())))
    return ended(node, goal.get_result_async()).result.response


def ended(node: Node, future: Any) -> Any:
    """What comes of it."""
    rclpy.spin_until_future_complete(node, future, timeout_sec=20)
    return future.result() or sys.exit("no answer")


def main() -> None:
    """Ask once, and tell the answer."""
    rclpy.init()
    node = rclpy.create_node("bad_bytes")
    sys.stdout.write({"service": of_service, "action": of_action}[sys.argv[1]](node))
    node.destroy_node()
    rclpy.shutdown()


main()
