"""A line to a port that can go dead."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketAttribute, SocketStream


@dataclass
class Relay:
    """Passes bytes on, until it is silent."""

    to: int
    port: int = 0
    silent: bool = False
    _held: list[SocketStream] = field(default_factory=list[SocketStream])

    async def serve(self, here: SocketStream) -> None:
        there = await anyio.connect_tcp("127.0.0.1", self.to)
        self._held.append(there)  # as with a line that broke, the other side does not hear that this one has gone
        async with here, anyio.create_task_group() as tasks:
            tasks.start_soon(self._pass, here, there)
            await self._pass(there, here)
            tasks.cancel_scope.cancel()

    async def close(self) -> None:
        for there in self._held:
            await there.aclose()

    async def _pass(self, source: SocketStream, sink: SocketStream) -> None:
        try:
            async for data in source:
                if not self.silent:
                    await sink.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass


@asynccontextmanager
async def relayed(port: int, here: int = 0) -> AsyncGenerator[Relay]:
    """A relay to this port, from a port here; 0 is any."""
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=here) as listener,
        anyio.create_task_group() as tasks,
    ):
        relay = Relay(port, listener.extra(SocketAttribute.local_port))
        tasks.start_soon(listener.serve, relay.serve)
        try:
            yield relay
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await relay.close()
