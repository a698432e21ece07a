"""Starts the node ``chat_action``, and with ``serve:=true`` a Myna server beside it."""

from launch import LaunchDescription

from rdk_chat.launching import description


def generate_launch_description() -> LaunchDescription:
    """What ``ros2 launch`` runs."""
    return description("action")
