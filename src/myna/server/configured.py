"""What the settings say of a server: where it is, who is let in, and how much they may send."""

import socket

from myna.config.settings import ServerSettings
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.run import is_loopback
from myna.server.sizes import LONGEST_TEXT, MB, Limits


def url_of(listener: socket.socket, *, secure: bool = False) -> str:
    """Where a listening socket is, for people and for clients; ``secure``: it speaks TLS."""
    address, port = listener.getsockname()[:2]
    return f"{'https' if secure else 'http'}://{f'[{address}]' if ':' in address else address}:{port}"


def rules_of(settings: ServerSettings, keys: Keys, listener: socket.socket) -> Rules:
    """Who is let in: who has a key, where others can reach ``listener``."""
    return Rules(
        keys, not is_loopback(listener.getsockname()[0]), frozenset(settings.hosts), frozenset(settings.origins)
    )


def limits_of(settings: ServerSettings) -> Limits:
    """How much they may send."""
    upload = settings.max_body_mb * MB
    return Limits(
        upload=upload,
        body=min(LONGEST_TEXT, upload),
        message=settings.max_message_mb * MB,
        sessions=settings.max_sessions,
    )
