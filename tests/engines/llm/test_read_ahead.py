from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from myna.core.errors import EngineUnavailable
from myna.core.tools import ToolSpec
from myna.engines.base import LLMMessage, LLMRequest
from myna.engines.llm.read_ahead import LONGEST_S, ReadAhead
from myna.testing.clock import on_virtual_clock

SYSTEM = LLMMessage("system", "You are a bird.")
PROMPT = (SYSTEM, LLMMessage("user", ""))
SAME = LLMRequest((SYSTEM, LLMMessage("user", "Sing!")))
OTHER = LLMRequest((LLMMessage("user", "Sing!"),))
TOOL = ToolSpec("sing", "Sings.", {"type": "object"})

COPY_S = 2.0
ANSWER_S = 3.0


@dataclass
class Diary:
    """What happened when, in seconds since it was begun."""

    ahead: ReadAhead = field(default_factory=ReadAhead)
    began: float = field(default_factory=anyio.current_time)
    lines: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def write(self, line: str) -> None:
        self.lines.append((anyio.current_time() - self.began, line))

    async def copy(self) -> None:
        await anyio.sleep(COPY_S)
        self.write("copied")

    async def read(
        self,
        copies: int = 1,
        *,
        resume: bool = False,
        messages: Sequence[LLMMessage] = PROMPT,
        tools: Sequence[ToolSpec] = (),
    ) -> None:
        await self.ahead.read(messages, tools, [self.copy] * copies, resume=resume)
        self.write("read")

    async def ask(self, request: LLMRequest, after_s: float) -> None:
        await anyio.sleep(after_s)
        async with self.ahead.way_for(request):
            self.write("asked")
            await anyio.sleep(ANSWER_S)
        self.write("answered")


@on_virtual_clock
async def test_a_request_with_the_same_beginning_waits_for_what_it_would_have_to_read_itself() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.read, 3)
        tasks.start_soon(diary.ask, SAME, 0.5)
    assert sorted(diary.lines) == [(2, "asked"), (2, "copied"), (2, "read"), (5, "answered")]


@on_virtual_clock
async def test_a_request_that_finds_a_copy_does_not_wait_for_more() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.read, 3)
        tasks.start_soon(diary.ask, SAME, 3)
    assert sorted(diary.lines) == [(2, "copied"), (3, "asked"), (3, "read"), (6, "answered")]


@on_virtual_clock
async def test_any_other_request_stops_the_reading_and_does_not_wait() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.read, 3)
        tasks.start_soon(diary.ask, OTHER, 0.5)
    assert sorted(diary.lines) == [(0.5, "asked"), (0.5, "read"), (3.5, "answered")]


@on_virtual_clock
async def test_a_request_with_other_tools_is_another() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.read, 1)
        tasks.start_soon(diary.ask, LLMRequest(SAME.messages, tools=(TOOL,)), 0.5)
    assert (0.5, "asked") in diary.lines
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: diary.read(tools=[TOOL]))
        tasks.start_soon(diary.ask, LLMRequest(SAME.messages, tools=(TOOL,)), 0.5)
    assert (2, "asked") in diary.lines


@on_virtual_clock
async def test_who_waits_is_let_go_when_another_stops_the_reading() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.read)
        tasks.start_soon(diary.ask, SAME, 0.05)
        tasks.start_soon(diary.ask, OTHER, 0.1)
    assert [at for at, line in diary.lines if line == "asked"] == [0.1, 0.1]


@on_virtual_clock
async def test_nothing_is_read_while_a_request_is_answered() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.ask, OTHER, 0)
        tasks.start_soon(diary.ask, OTHER, 1)
        await anyio.sleep(0.5)
        tasks.start_soon(diary.read)
    assert diary.lines[-2:] == [(6, "copied"), (6, "read")]


@on_virtual_clock
async def test_the_prompt_of_a_conversation_is_read_on_when_the_other_has_its_answer() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: diary.read(resume=True))
        tasks.start_soon(diary.ask, OTHER, 1)
    assert diary.lines == [(1, "asked"), (4, "answered"), (6, "copied"), (6, "read")]


@on_virtual_clock
async def test_what_is_still_to_be_read_when_it_is_asked_for_is_left_to_the_request() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.ask, OTHER, 0)
        await anyio.sleep(0.5)
        tasks.start_soon(lambda: diary.read(resume=True))
        tasks.start_soon(diary.ask, SAME, 0.5)
    assert diary.lines == [(0, "asked"), (1, "asked"), (1, "read"), (3, "answered"), (4, "answered")]


@on_virtual_clock
async def test_prompts_are_read_one_after_the_other() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.read)
        tasks.start_soon(lambda: diary.read(messages=(LLMMessage("system", "You are a cat."), *PROMPT[1:])))
    assert [at for at, line in diary.lines if line == "copied"] == [2, 4]


@on_virtual_clock
async def test_a_prompt_is_not_read_twice_at_a_time() -> None:
    diary = Diary()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.read)
        await anyio.sleep(1)
        tasks.start_soon(lambda: diary.read(messages=[SYSTEM, LLMMessage("user", "Sing")]))
    assert diary.lines == [(1, "read"), (2, "copied"), (2, "read")]


@on_virtual_clock
async def test_it_never_fails_and_never_goes_on_for_ever() -> None:
    async def fail() -> None:
        raise EngineUnavailable("gone")

    ahead = ReadAhead()
    await ahead.read(PROMPT, (), [fail, anyio.sleep_forever], resume=True)
    began = anyio.current_time()
    await ahead.read(PROMPT, (), [anyio.sleep_forever], resume=True)
    assert anyio.current_time() - began == LONGEST_S


@on_virtual_clock
async def test_who_gives_up_reading_leaves_nothing_behind() -> None:
    diary = Diary()
    with anyio.move_on_after(1):
        await diary.read()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(diary.ask, SAME, 0)
        await anyio.sleep(0.5)
        tasks.start_soon(diary.read)
    assert diary.lines == [(1, "asked"), (4, "answered"), (6, "copied"), (6, "read")]
