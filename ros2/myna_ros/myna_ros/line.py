"""The line to the server: a thread with an event loop of its own, that comes back when the connection is lost.

Who uses it never waits: what is to be sent and what has happened stand in bounded queues.
"""

import asyncio
import random
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from myna_ros.connection import OPEN_S, Connection, NoConnection, connect
from myna_ros.dialogue import Dialogue, Told, rate_update, session_update
from myna_ros.news import Down, Fault, Flush, Heard, News, Send, State, Up, Words
from myna_ros.pcm import BYTES_PER_SAMPLE, wire_rate
from myna_ros.player import BLOCK_MS, Player, Sound
from myna_ros.settings import BadAddress, Settings, address

Order: TypeAlias = Callable[[Dialogue, float], Iterable[Told]]

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0
"""How long it waits between two tries: twice as long each time, from the first to the longest."""

STEADY_S = 10.0
"""A connection that lasted so long was a good one: the next is tried at once."""

MOST_HEARD_S = 5.0
"""How much of what was heard may wait to be sent; what is older is lost."""

MOST_AT_ONCE_S = 0.2
"""Of what was heard, in a message."""

MOST_ORDERS = 100
MOST_NEWS = 2_000
MOST_UNSENT = 1_000

_NO_PERSONA = ("model_not_found", "bad_input")
"""Codes of a server that does not let the persona answer."""

_MANY = (Sound, Words, Heard)
"""News that is left out first, if the robot takes none."""

TICK_S = BLOCK_MS / 2_000
IDLE_TICK_S = 0.1


class Line:
    """Talks with a server.

    Args:
        settings: Whom to reach, and how.
        tools: What the robot offers, as the protocol has it.
        wake: Is called, in the line's thread, when there is news.
    """

    def __init__(self, settings: Settings, tools: Sequence[Mapping[str, Any]], wake: Callable[[], None]) -> None:
        self.lost_ms = 0.0
        """How much of what was heard found no room."""
        self.unheard_ms = 0.0
        """How much of what was to be played found none."""
        self.persona = settings.persona
        """Who is to answer."""
        self._settings = settings
        self._tools = tools
        self._wake_robot = wake
        self._conversations = {settings.persona: settings.conversation}  # of those who have answered
        self._answered: str | None = None  # the last of them
        self._rate = wire_rate(settings.audio_in_sample_rate)
        self._orders: deque[Order] = deque()
        self._heard: deque[bytes] = deque()
        self._heard_bytes = 0
        self._lock = threading.Lock()
        self._news: deque[News] = deque()
        self._unsent: deque[dict[str, Any]] = deque()
        self._connected = False
        self._main: asyncio.Task[None] | None = None
        self._switch = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.Event | None = None
        self._sendable: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="myna line", daemon=True)

    # ------------------------------------------------------------------------------------------------- for the robot

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def close(self, within_s: float) -> bool:
        """End; False if its thread hangs."""
        if self._loop is not None and self._main is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    @property
    def connected(self) -> bool:
        """Whether a session runs."""
        return self._connected

    def hear(self, rate: int, pcm: bytes) -> None:
        """Send what the microphone heard: 16-bit mono PCM, at one of `myna_ros.pcm.WIRE_RATES`."""
        if not self._connected:
            return
        if rate != self._rate:
            self._change_rate(rate)
        with self._lock:
            self._heard.append(pcm)
            self._heard_bytes += len(pcm)
            while self._heard_bytes > MOST_HEARD_S * rate * BYTES_PER_SAMPLE and self._heard:
                lost = len(self._heard.popleft())
                self._heard_bytes -= lost
                self.lost_ms += lost / BYTES_PER_SAMPLE / rate * 1000
        self._wake()

    def order(self, order: Order) -> bool:
        """Have something done with the dialogue; False where there is none, or too much to do."""
        if not self._connected or len(self._orders) >= MOST_ORDERS:
            return False
        self._orders.append(order)
        self._wake()
        return True

    def switch(self, persona: str) -> None:
        """Let somebody else answer, in the conversation that was had with that persona before."""
        self.persona = persona
        self._switch = True
        self._wake()

    def forget_heard(self) -> None:
        """Send nothing of what waits."""
        with self._lock:
            self._heard.clear()
            self._heard_bytes = 0
        self.order(lambda _dialogue, _now: [Send({"type": "input_audio_buffer.clear"})])

    def news(self) -> list[News]:
        """What has happened since the last time."""
        told: list[News] = []
        while self._news:
            told.append(self._news.popleft())
        return told

    # --------------------------------------------------------------------------------------------- in its own thread

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):  # it was closed
            asyncio.run(self._live())

    async def _live(self) -> None:
        self._due, self._sendable = asyncio.Event(), asyncio.Event()
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        wait_s = FIRST_WAIT_S
        while True:
            self._switch = False
            began_s = time.monotonic()
            try:
                await self._talk()
            except Exception as fault:  # noqa: BLE001 - whatever it is, a robot goes on and says so
                error = fault if isinstance(fault, NoConnection) else NoConnection(f"A fault: {fault!r}.", patient=True)
                if time.monotonic() - began_s > STEADY_S:
                    wait_s = FIRST_WAIT_S
                wait_s = LONGEST_WAIT_S if error.patient else min(wait_s, LONGEST_WAIT_S)
                again_s = wait_s * random.uniform(0.8, 1.0)  # noqa: S311 - robots that lost a server do not come all at once
                self._tell([Down(str(error), again_s), State("offline")])
                await self._rest(again_s)
                wait_s = FIRST_WAIT_S if error.patient else wait_s * 2
            else:
                wait_s = FIRST_WAIT_S

    async def _rest(self, seconds: float) -> None:
        """Wait, but for a switch."""
        until_s = time.monotonic() + seconds
        while not self._switch and (left_s := until_s - time.monotonic()) > 0:
            await self._awake(min(left_s, 1.0))

    async def _talk(self) -> None:
        """One connection, until it is lost.

        Raises:
            NoConnection: It is, or there was none.
        """
        persona, settings = self.persona, self._settings
        try:
            endpoint = address(settings.url, persona, self._conversations.get(persona, ""))
        except BadAddress as error:
            raise NoConnection(f"{error}.", patient=True) from None
        connection = await connect(endpoint, settings.url, settings.api_key_file, settings.ca_file)
        try:
            if not await self._begin(connection, persona):
                return
            player = Player(settings.audio_out_sample_rate, settings.audio_out_lead_ms, settings.audio_out_latency_ms)
            dialogue = Dialogue(player)
            await self._until_first(
                self._receive(connection, dialogue), self._send(connection), self._tick(dialogue, player)
            )
        finally:
            self._connected = False
            self._tell([Flush()])
            await connection.close()

    async def _begin(self, connection: Connection, persona: str) -> bool:
        """Begin a session; False if there is no such persona, and the one before is to answer again.

        Raises:
            NoConnection: There is none, or no session.
        """
        try:
            created = await asyncio.wait_for(connection.receive(), OPEN_S)
        except asyncio.TimeoutError:
            raise NoConnection(f"There is no Myna at {self._settings.url}: what answers does not greet.") from None
        match created:
            case {"type": "session.created", "session": {"model": str(model), **session}}:
                pass
            case {"type": "error", "error": {"message": str(why), **error}}:
                if error.get("code") not in _NO_PERSONA or self._answered in (None, persona):
                    raise NoConnection(f"The server refused: {why}", patient=True)
                self._tell([Fault("no_persona", why)])
                if self.persona == persona:  # nobody else is wanted meanwhile
                    self.persona = self._answered
                return False
            case _:
                raise NoConnection(f"What answers at {self._settings.url} speaks another protocol.", patient=True)
        conversation = ""
        match session:
            case {"myna": {"conversation": str(conversation)}}:
                self._conversations[persona] = conversation
            case _:
                pass
        self._answered = persona
        settings = self._settings
        with self._lock:
            self._heard.clear()
            self._heard_bytes = 0
        self._orders.clear()
        self._unsent.clear()
        update = session_update(
            rates=(self._rate, settings.audio_out_sample_rate),
            tools=self._tools,
            language=settings.language,
            keywords=settings.keywords,
            instructions=settings.instructions,
            barge_in=settings.barge_in,
            greets=settings.greeting,
        )
        await connection.send(update)
        self._connected = True
        self._tell([Up(model, conversation)])
        return True

    async def _until_first(self, *running: Coroutine[Any, Any, None]) -> None:
        """Run them until the first ends, then end the others."""
        tasks = [asyncio.ensure_future(each) for each in running]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self, connection: Connection, dialogue: Dialogue) -> None:
        while True:
            event = await connection.receive()
            now_s = time.monotonic()
            self._obey(dialogue, now_s)  # or a call that it stops would still be told
            try:
                self._tell(dialogue.take(event, now_s))
            except ValueError as error:
                self._tell([Fault("bad_event", f"What the server sent cannot be understood: {error}")])
            self._wake_ticker()

    async def _tick(self, dialogue: Dialogue, player: Player) -> None:
        while not self._switch:
            now_s = time.monotonic()
            self._obey(dialogue, now_s)
            self._tell(dialogue.tick(now_s))
            self.unheard_ms = player.lost_ms
            await self._awake(TICK_S if player.busy(now_s) else IDLE_TICK_S)

    def _obey(self, dialogue: Dialogue, now_s: float) -> None:
        while self._orders:
            self._tell(self._orders.popleft()(dialogue, now_s))

    async def _send(self, connection: Connection) -> None:
        assert self._sendable is not None  # noqa: S101 - made before
        while True:
            while self._unsent:
                await connection.send(self._unsent.popleft())
            if pcm := self._take_heard():
                await connection.send({"type": "input_audio_buffer.append", "audio": b64encode(pcm).decode("ascii")})
            elif not self._unsent:
                self._sendable.clear()
                if not self._heard_bytes and not self._unsent:
                    await self._sendable.wait()

    def _take_heard(self) -> bytes:
        with self._lock:
            if self._unsent:  # perhaps another rate
                return b""
            taken: list[bytes] = []
            size = 0
            while self._heard and size < MOST_AT_ONCE_S * self._rate * BYTES_PER_SAMPLE:
                taken.append(self._heard.popleft())
                size += len(taken[-1])
            self._heard_bytes -= size
            return b"".join(taken)

    def _change_rate(self, rate: int) -> None:
        """From now on the microphone has another rate; what it heard before is lost, a fraction of a second at most."""
        with self._lock:
            self._heard.clear()
            self._heard_bytes = 0
            self._rate = rate
            self._unsent.append(rate_update(rate))  # and so it is sent before the first of what is heard now

    def _tell(self, told: Iterable[Told]) -> None:
        before = len(self._news)
        for each in told:
            if isinstance(each, Send):
                if len(self._unsent) >= MOST_UNSENT:
                    raise NoConnection(f"The server at {self._settings.url} takes nothing any more.")
                self._unsent.append(each.message)
                assert self._sendable is not None  # noqa: S101 - made before
                self._sendable.set()
            elif len(self._news) < (MOST_NEWS if isinstance(each, _MANY) else 2 * MOST_NEWS):
                self._news.append(each)
        if len(self._news) > before:
            self._wake_robot()

    async def _awake(self, within_s: float) -> None:
        """Wait so long, or until there is something to do."""
        assert self._due is not None  # noqa: S101 - made before
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._due.wait(), within_s)
        self._due.clear()

    def _wake_ticker(self) -> None:
        assert self._due is not None  # noqa: S101 - made before
        self._due.set()

    def _wake(self) -> None:
        """From any thread."""
        loop, due, sendable = self._loop, self._due, self._sendable
        if loop is None or due is None or sendable is None:
            return

        def wake() -> None:
            due.set()
            sendable.set()

        with suppress(RuntimeError):  # it has ended
            loop.call_soon_threadsafe(wake)
