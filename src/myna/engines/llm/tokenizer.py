"""How many tokens a prompt takes, asked of a llama-server and remembered by text.

A chat template puts the same few tokens around every message and the same few at the ends of the prompt. These are
learned once; then a prompt costs the sum of its texts, and only texts that are new have to be asked for. The sum is
exact where the template fences texts with tokens of their own (ChatML, Llama 3, Gemma: each a token too many at most,
where a text begins with what merges into the fence), and close where it does not.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from myna.engines.base import LLMMessage
from myna.engines.llm.chat_completions import encode_messages

REMEMBERED = 16_384
"""Texts whose counts are kept; each takes some 150 bytes, whatever its length."""
CALL_TOKENS = 24
"""What a template writes around the name and arguments of a tool call, at most."""
BETWEEN = -1
"""No token: it stands between texts that are split in one request, where ids may be given beside texts."""

NO_SUCH_PATH = (404, 405, 501)
"""How a server answers that has no tokenizer to ask. Any other refusal may be of this one text, or of this moment."""

_X = "x"

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class NoTokenizer(Exception):  # control flow between this client and `OpenAILLM`, which then estimates
    """The server does not count tokens, or in another way."""


class _Prompt(BaseModel):
    prompt: str


class _Tokens(BaseModel):
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the chat template adds: to each message, and to a prompt that begins with a system message or does not."""

    message: int
    with_system: int
    without_system: int


class Tokenizer:
    """Counts tokens with ``POST /apply-template`` and ``POST /tokenize`` of a llama-server.

    https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
    """

    def __init__(self, client: httpx.AsyncClient, root: str) -> None:
        self._client = client
        self._root = root
        self._frame: _Frame | None = None
        self._counts = OrderedDict[tuple[int, int], int]()

    async def count(self, messages: Sequence[LLMMessage]) -> int:
        """The tokens of a prompt.

        Raises:
            NoTokenizer: The server cannot do that.
            httpx.HTTPError: It is out of reach, or fails.
        """
        frame = self._frame = self._frame or await self._learn()
        ends = frame.with_system if messages and messages[0].role == "system" else frame.without_system
        tokens = ends + len(messages) * frame.message
        unknown = list[str]()
        for message in messages:
            tokens += len(message.tool_calls) * CALL_TOKENS
            text = _text(message) if message.tool_calls else message.content
            if (count := self._recall(text)) is None:
                unknown.append(text)
            else:
                tokens += count
        if unknown:
            different = list(dict.fromkeys(unknown))
            counts = dict(zip(different, await self._split(different), strict=True))
            for text, count in counts.items():
                self._remember(text, count)
            tokens += sum(counts[text] for text in unknown)
        return tokens

    async def _learn(self) -> _Frame:
        user, assistant = LLMMessage("user", _X), LLMMessage("assistant", _X)
        one = await self._whole([user])
        three = await self._whole([user, assistant, user])
        with_system = await self._whole([LLMMessage("system", _X), user])
        (x,) = await self._split([_X])
        message = -(-(three - one) // 2) - x
        return _Frame(message, max(0, with_system - 2 * (message + x)), max(0, one - (message + x)))

    async def _whole(self, messages: Sequence[LLMMessage]) -> int:
        """The tokens of a prompt as the server would write it."""
        asked = {"messages": encode_messages(messages)}
        answer = await self._post("/apply-template", asked, _Prompt)
        return len(await self._tokens({"content": answer.prompt, "add_special": True}))

    async def _split(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, in one request."""
        content = [part for text in texts for part in (text, BETWEEN)]
        counts = [0]
        for token in await self._tokens({"content": content, "add_special": False}):
            if token == BETWEEN:
                counts.append(0)
            else:
                counts[-1] += 1
        if len(counts) != len(texts) + 1:
            raise NoTokenizer(f"{len(texts)} texts were split in {len(counts) - 1}")
        return counts[:-1]

    async def _tokens(self, asked: Mapping[str, object]) -> list[int]:
        return (await self._post("/tokenize", {**asked, "parse_special": True}, _Tokens)).tokens

    async def _post(self, path: str, asked: Mapping[str, object], answer: type[AnswerT]) -> AnswerT:
        response = await self._client.post(f"{self._root}{path}", json=asked)
        if response.status_code in NO_SUCH_PATH:
            raise NoTokenizer(f"status {response.status_code}")
        response.raise_for_status()
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise NoTokenizer("no tokens in the answer") from error

    def _recall(self, text: str) -> int | None:
        key = _key(text)
        if (count := self._counts.get(key)) is not None:
            self._counts.move_to_end(key)
        return count

    def _remember(self, text: str, count: int) -> None:
        self._counts[_key(text)] = count
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)


def _key(text: str) -> tuple[int, int]:
    """Stands for a text, so that long ones are not kept. Python's hash is keyed: nobody can make two collide."""
    return hash(text), len(text)


def _text(message: LLMMessage) -> str:
    return "".join((message.content, *(part for call in message.tool_calls for part in (call.name, call.arguments))))
