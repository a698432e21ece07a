"""A file as an answer, sent while it is made."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from myna.core.errors import MynaError
from myna.engines.task_group import open_task_group
from myna.server.connection import cancel_when_gone

log = logging.getLogger(__name__)

UNREAD_S = 600.0
"""How long a client may leave a piece unread. A player that is paused reads nothing for a while."""


class ByteStream(Response):
    """Sends pieces of a file as they come, and stops their making when the client goes away.

    An error before the first piece is raised, and so is answered with its status. After a later one the connection is
    closed in the middle of the answer, so that nobody takes a part of the file for the whole.

    Args:
        pieces: None of them empty. Closed in any case.
        media_type: Of the file.
    """

    def __init__(self, pieces: AsyncGenerator[bytes], media_type: str) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as ASGI has it."""
        begun = False

        async def bounded(message: Message) -> None:
            with anyio.fail_after(UNREAD_S):
                await send(message)

        async with open_task_group() as group, aclosing(self._pieces):
            group.start_soon(cancel_when_gone, receive, group.cancel_scope)
            try:
                async for piece in self._pieces:
                    if not begun:
                        begun = True
                        head = {"status": self.status_code, "headers": self.raw_headers}
                        await bounded({"type": "http.response.start", **head})
                    await bounded({"type": "http.response.body", "body": piece, "more_body": True})
                await bounded({"type": "http.response.body", "body": b"", "more_body": False})
            except MynaError as error:
                if not begun:
                    raise
                log.warning("An answer was broken off: %s", error.code)
                log.debug("problem", extra={"content": error.message})  # an upstream may quote the prompt
            except TimeoutError:
                log.info("A client did not read its answer.")
            group.cancel_scope.cancel()
