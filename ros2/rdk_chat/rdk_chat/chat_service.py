"""The program ``chat_service``."""

import sys

from rdk_chat.doors import ServiceDoor
from rdk_chat.running import run


def main() -> None:
    """Run the node until it is told to end."""
    sys.exit(run("chat_service", ServiceDoor()))
