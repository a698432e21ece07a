"""A conversation as one prompt, by the chat template that a server tells, else by the format of the model's family."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import anyio
from anyio.abc import ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import BaseModel

from myna.engines.base import LLMMessage
from myna.engines.llm.chat_families import CHATML, FAMILIES, Family, alternating

log = logging.getLogger(__name__)

START_S = 10.0
"""How long the child process may take to start, on a machine that is busy."""
RENDER_S = 3.0
"""How long a template may take; the longest conversations take milliseconds."""
LONGEST_TEMPLATE = 256 << 10
ROOM = 64 << 10
"""Characters that a template may add to four times what the messages hold; those with many tools add some thousands."""
KILL_S = 2.0

_SAID = "The-answer-that-was-given"
_FENCE = re.compile(r"\s*(<[^<>\s]{1,40}>|\[[^\[\]\s]{1,30}\])")
_KNOWN_ENDS = tuple(dict.fromkeys(end for family in (CHATML, *FAMILIES) for end in family.ends if end[:1] == "<"))


class TemplateFails(Exception):  # control flow: the family's format takes its place
    """A template does not make a prompt of a conversation.

    Attributes:
        for_good: It will not do so for any other either.
    """

    def __init__(self, why: str, *, for_good: bool) -> None:
        super().__init__(why)
        self.for_good = for_good


class _Answer(BaseModel):
    text: str | None = None
    error: str = "it ended"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation as text.

    Attributes:
        stop: What the answer ends with, should the server not know.
        in_thinking: Whether the answer begins inside a block of thinking that the text has opened.
    """

    text: str
    stop: tuple[str, ...]
    in_thinking: bool


class TemplateChild:
    """Renders templates in a process of its own, which is killed when one takes too long. Made by `template_child`."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._answers: BufferedByteReceiveStream | None = None
        self._one_at_a_time = anyio.Lock()

    async def render(self, template: str, variables: Mapping[str, Any], most: int) -> str:
        """The text that a template makes of variables that JSON takes.

        Raises:
            TemplateFails: It makes none, takes longer than `RENDER_S`, or makes more than ``most`` characters.
        """
        asked = json.dumps({"template": template, "variables": variables, "most": most}).encode() + b"\n"
        async with self._one_at_a_time:
            try:
                answer = await self._ask(asked, most)
            except BaseException:  # also when cancelled: what comes next would be the answer to this
                await self.end()
                raise
        if answer.text is None:
            raise TemplateFails(answer.error, for_good="SyntaxError" in answer.error)
        return answer.text

    async def _ask(self, asked: bytes, most: int) -> _Answer:
        with anyio.move_on_after(START_S):
            await self._start()
        if self._process is None or self._answers is None:
            raise TemplateFails("no process starts to render it", for_good=False)
        try:
            with anyio.fail_after(RENDER_S):
                await cast(ByteSendStream, self._process.stdin).send(asked)
                line = await self._answers.receive_until(b"\n", 12 * most + 1000)  # \ud83d\ude00 in JSON
        except TimeoutError as error:
            raise TemplateFails(f"it takes longer than {RENDER_S:g} s", for_good=True) from error
        except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead, anyio.DelimiterNotFound) as error:
            raise TemplateFails("the process that renders it ended", for_good=True) from error
        return _Answer.model_validate_json(line)

    async def _start(self) -> None:
        """Have the process there, and ready: the first answer is to be timed as any other."""
        if self._process is not None:
            return
        process = await anyio.open_process(
            [sys.executable, "-P", "-m", "myna.engines.llm.template_child"],
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for us
        )
        self._process = process
        answers = BufferedByteReceiveStream(cast(anyio.abc.ByteReceiveStream, process.stdout))
        with suppress(anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead):
            await cast(ByteSendStream, process.stdin).send(b'{"template": "", "variables": {}, "most": 0}\n')
            await answers.receive_until(b"\n", 1000)
            self._answers = answers

    async def end(self) -> None:
        """Kill the process, if there is one. It holds nothing worth saving."""
        process, self._process, self._answers = self._process, None, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            with anyio.move_on_after(KILL_S, shield=True):
                await process.aclose()


@asynccontextmanager
async def template_child() -> AsyncGenerator[TemplateChild]:
    """What renders templates; its process starts with the first."""
    child = TemplateChild()
    try:
        yield child
    finally:
        await child.end()


@dataclass(frozen=True, slots=True)
class ToldTemplate:
    """What a server tells of its model's chat template.

    Attributes:
        text: The template; empty if it tells none.
        bos: The text of the token that a prompt begins with; empty if it does not tell.
        eos: Of the one that a turn ends with.
        sets_bos: Whether the server sets the first itself.
    """

    text: str = ""
    bos: str = ""
    eos: str = ""
    sets_bos: bool = True


class ChatTemplate:
    """Makes prompts for one model.

    Args:
        child: Renders.
        told: The template.
        family: Takes its place where there is none, or where it fails.
        model: Whose it is, for the log.
    """

    def __init__(self, child: TemplateChild, told: ToldTemplate, family: Family, model: str) -> None:
        self._child = child
        self._told = told
        self._family = family
        self._model = model
        self._ends: tuple[str, ...] | None = None
        self._usable = bool(told.text)
        self._warned = ""
        if len(told.text) > LONGEST_TEMPLATE:
            self._warn("it is too long")
            self._usable = False

    async def prompt(self, messages: Sequence[LLMMessage], *, thinking: bool) -> Prompt:
        """The prompt of a conversation of system, user and assistant messages. Never fails.

        Args:
            messages: The conversation.
            thinking: Whether a reasoning model may think before it answers, where its template knows of that.
        """
        if self._usable:
            try:
                if self._ends is None:
                    self._ends = await self._learn_ends()
                text = await self._render(messages, thinking=thinking)
            except TemplateFails as failure:
                self._warn(str(failure))
                self._usable = not failure.for_good
            else:
                return Prompt(text, self._ends, text.rstrip().endswith("<think>"))
        return Prompt(self._family.join(messages), self._family.ends, in_thinking=False)

    async def _render(self, messages: Sequence[LLMMessage], *, thinking: bool) -> str:
        try:
            text = await self._once(messages, thinking=thinking)
        except TemplateFails as failure:  # many take no system message, or want the roles to alternate
            turns = alternating(messages)
            if failure.for_good or turns == list(messages):
                raise
            text = await self._once(turns, thinking=thinking)
        return text.removeprefix(self._told.bos) if self._told.sets_bos else text

    async def _once(self, messages: Sequence[LLMMessage], *, thinking: bool) -> str:
        variables = {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "add_generation_prompt": True,
            "bos_token": self._told.bos,
            "eos_token": self._told.eos or self._family.ends[0],
            "tools": None,
            "enable_thinking": thinking,
        }
        most = ROOM + 4 * sum(len(message.content) for message in messages)
        return await self._child.render(self._told.text, variables, most)

    async def _learn_ends(self) -> tuple[str, ...]:
        """What stands behind an answer in a conversation, and so is written after it."""
        user = LLMMessage("user", "x")
        try:
            text = await self._once([user, LLMMessage("assistant", _SAID), user], thinking=False)
        except TemplateFails as failure:
            if failure.for_good:
                raise
            text = ""
        behind = _FENCE.match(text.partition(_SAID)[2])
        found = (behind[1],) if behind else tuple(end for end in _KNOWN_ENDS if end in self._told.text)
        return tuple(dict.fromkeys(filter(None, (self._told.eos, *found))))

    def _warn(self, why: str) -> None:
        if why == self._warned:  # once is enough
            return
        self._warned = why
        log.warning(
            "The chat template of %s makes no prompt: %s. The format of %s models is used.",
            self._model,
            why,
            self._family.name,
        )
