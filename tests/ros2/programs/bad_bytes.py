"""Asks with bytes that are no text, as a program in C++ can."""

import ctypes
import sys

import rclpy
from jobot_interfaces.srv import LLMChat

PROMPT = b"good \xff\xfe\xc3 bytes"


def no_text() -> str:
    """What rclpy sends as it is: a text of ASCII lies in memory as its bytes, and these are others now."""
    text = "x" * len(PROMPT)
    ctypes.memmove(id(text) + sys.getsizeof("") - 1, PROMPT, len(PROMPT))
    return text


def main() -> None:
    """Ask once, and tell the answer."""
    rclpy.init()
    node = rclpy.create_node("bad_bytes")
    client = node.create_client(LLMChat, "chat_service")
    if not client.wait_for_service(20):
        sys.exit("no service")
    future = client.call_async(LLMChat.Request(prompt=no_text()))
    rclpy.spin_until_future_complete(node, future, timeout_sec=20)
    answer = future.result()
    sys.stdout.write(answer.response if answer else "no answer")
    node.destroy_node()
    rclpy.shutdown()


main()
