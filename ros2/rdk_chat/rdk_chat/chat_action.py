"""The program ``chat_action``."""

import sys

from rdk_chat.doors import ActionDoor
from rdk_chat.running import run


def main() -> None:
    """Run the node until it is told to end."""
    sys.exit(run("chat_action", ActionDoor()))
