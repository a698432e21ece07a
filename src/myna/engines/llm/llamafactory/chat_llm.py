"""The mode ``cli``: one chat stays open there, and everybody's questions are typed into it in turn."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from myna.core.errors import Busy, EngineError
from myna.engines.base import Finished, LLMDelta, LLMInfo, LLMMessage, LLMRequest, Loading, TextDelta
from myna.engines.llm.llamafactory import faults
from myna.engines.llm.llamafactory.connection import Connection
from myna.engines.llm.llamafactory.conversation import Limits, conversation
from myna.engines.llm.llamafactory.kept import Kept
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.wrapper import Wrapper, open_wrapper
from myna.engines.llm.token_estimate import estimate_tokens

log = logging.getLogger(__name__)

PIECES = 256
CANCEL_S = 2.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """The question that is being answered, and where its answer goes."""

    id: str
    answer: MemoryObjectSendStream[dict[str, Any]]


class ChatLLM:
    """Asks `llamafactory-cli chat` on the machine. Made by `open_llamafactory`.

    The model is loaded once. The chat there keeps one history: while a conversation goes on, only what is new is
    typed; another one begins with ``clear``, and what was said in it is told as text. An interrupted reply is written
    to its end unseen, since Ctrl-C would end the process and the model with it; if that takes longer than ``drain_s``,
    the process is ended and the model loaded anew.
    """

    def __init__(self, options: LlamaFactoryOptions, connection: Connection) -> None:
        self._options = options
        self._connection = connection
        self._kept = Kept[Wrapper](options)
        self._place = anyio.Semaphore(1)
        self._asked: _Asked | None = None
        self._questions = 0
        self.info = LLMInfo(options.model, options.context_tokens, native_tools=False, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer.

        Raises:
            Busy: Others were answered for longer than ``timeout_s``.
            EngineUnavailable: The machine is out of reach, the model not loaded, or the connection lost meanwhile.
            EngineTimeout: The answer took longer than ``timeout_s``.
            EngineRefused: No reply was found, or something there is not as it must be.
        """
        if self._kept.now is None and self._kept.problem is None:
            yield Loading(f"{self._options.model} on {self._options.place}")
        await self._kept.get()
        await self._take_place()
        try:
            if self._kept.now is None and self._kept.problem is None:
                yield Loading(f"{self._options.model} on {self._options.place}")
            wrapper = await self._kept.get()
            limits = Limits(request.sampling)
            async with aclosing(self._pieces(wrapper, request)) as pieces:
                async for piece in pieces:
                    if text := limits.feed(piece):
                        yield TextDelta(text)
                    if limits.reached:
                        break
            if text := limits.rest():
                yield TextDelta(text)
            yield Finished(limits.reached or "stop")
        finally:
            self._place.release()

    async def _take_place(self) -> None:
        with anyio.move_on_after(self._options.timeout_s):
            await self._place.acquire()
            return
        raise Busy(
            f"{self._options.model} on {self._options.place} still answers somebody else.",
            hint="Its chat answers one question at a time; the mode api answers several.",
        )

    async def _pieces(self, wrapper: Wrapper, request: LLMRequest) -> AsyncGenerator[str]:
        deadline = anyio.current_time() + self._options.timeout_s
        self._questions += 1
        send, receive = anyio.create_memory_object_stream[dict[str, Any]](PIECES)
        asked = self._asked = _Asked(str(self._questions), send)
        done = False
        try:
            await self._send(wrapper, {"type": "generate", "id": asked.id, **conversation(request.messages).as_json()})
            while not done:
                event = await self._next(receive, deadline)
                done = event["type"] != "piece"
                if event["type"] == "error":
                    raise wrapper.problem(event)
                if not done:
                    yield str(event["text"])
        finally:
            self._asked = None
            send.close()
            receive.close()
            if not done:
                with suppress(EngineError):
                    await self._send(wrapper, {"type": "cancel", "id": asked.id})

    async def _next(self, receive: MemoryObjectReceiveStream[dict[str, Any]], deadline: float) -> dict[str, Any]:
        try:
            with anyio.fail_after(deadline - anyio.current_time()):
                return await receive.receive()
        except TimeoutError as error:
            raise faults.fault("timeout", self._options) from error
        except anyio.EndOfStream:
            problem = self._kept.problem or faults.lost(self._options.place)
            raise problem.with_traceback(None) from None

    async def _send(self, wrapper: Wrapper, request: dict[str, object]) -> None:
        with anyio.move_on_after(CANCEL_S, shield=True):
            try:
                await wrapper.tell(request)
            except OSError as error:
                raise faults.lost(self._options.place) from error
            return
        raise faults.lost(self._options.place)

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """An estimate."""
        return estimate_tokens(messages)

    async def is_alive(self, within_s: float) -> bool:
        """Whether the model is loaded, and the wrapper answers."""
        if (wrapper := self._kept.now) is not None:
            with anyio.move_on_after(within_s), suppress(EngineError, OSError):
                await wrapper.ping()
                return True
        return False

    async def keep_running(self) -> None:
        """Connect, load the model, and do both again whenever that ends, until cancelled."""
        await self._kept.keep(self._run)

    async def _run(self) -> None:
        async with open_wrapper(self._connection, self._options) as wrapper:
            try:
                async with aclosing(wrapper.events()) as events:
                    async for event in events:
                        await self._take(wrapper, event)
            except EngineError as error:
                self._kept.is_down(error)  # before it is cleared away, which takes a while
                raise
            finally:
                self._kept.is_down()
                if self._asked is not None:
                    self._asked.answer.close()

    async def _take(self, wrapper: Wrapper, event: dict[str, Any]) -> None:
        match event["type"]:
            case "hello":
                self._kept.loads()
            case "ready":
                log.info("%s is loaded on %s.", self._options.model, self._options.place)
                self._kept.is_up(wrapper)
            case "piece" | "done" | "error" if self._asked is not None and event.get("id") == self._asked.id:
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await self._asked.answer.send(event)
            case _:
                pass
