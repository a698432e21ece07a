"""How long a prompt may be, and which rounds of the history go into it.

Every cut costs a prefill of all that stays, so history is cut seldom and then deep: to somewhere between the whole and
half of what it may take. Where exactly has to come out the same from turn to turn, though nothing is remembered between
them but the messages. Rounds are numbered from the conversation's first, and the cut falls on the roundest number of
those that will do: the one that the highest power of two divides. As the conversation grows, the choice moves on like
a window over the numbers, and the roundest one stays in it for long.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from myna.core.errors import PromptTooLong
from myna.core.tools import ToolSpec
from myna.engines.base import LLM, LLMInfo, LLMMessage, Sampling
from myna.session.prompt import Prompt

ANSWER_TOKENS = 512
"""Kept free for an answer that was given no limit."""
MESSAGE_TOKENS = 16
TOOL_TOKENS = 32
BYTES_A_TOKEN = 3
"""Of JSON schemas in English, and of Chinese."""
PROMPT_TOKENS = 64
"""More than any chat template is known to put around a message, and at the ends of a prompt."""
EARLY_TOKENS = 200
"""What a summary of the rounds that were left out may take, by estimate; they tell the most in the first 150."""
EARLY_SHARE = 8
"""It takes no more than one part in so many of a prompt."""
ESTIMATED = 1.25
"""So much longer than estimated it may be."""

SumUp: TypeAlias = Callable[[int, int], Awaitable[str]]
"""Sums up so many of the oldest rounds in so many tokens, by estimate; "" if there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How the model's context is shared out, in tokens.

    Attributes:
        model: Whose context it is.
        prompt_tokens: The longest prompt.
        answer_tokens: The longest answer.
    """

    model: str
    prompt_tokens: int
    answer_tokens: int

    @classmethod
    def of(cls, info: LLMInfo, sampling: Sampling, max_context_tokens: int, tools: Sequence[ToolSpec] = ()) -> "Budget":
        """The answer gets what ``sampling`` allows it, but never more than half of the context; the prompt the rest.

        What ``tools`` take of that is estimated, where they take anything.
        """
        context_tokens = min(max_context_tokens, info.context_tokens or max_context_tokens)
        context_tokens = max(1, context_tokens - (sum(map(_tokens, tools)) if info.tools_in_prompt else 0))
        answer_tokens = min(sampling.max_tokens or ANSWER_TOKENS, max(1, context_tokens // 2))
        return cls(info.model, context_tokens - answer_tokens, answer_tokens)

    def sampling(self, wanted: Sampling) -> Sampling:
        """``wanted`` with no more tokens than the answer has: some servers refuse what exceeds the context."""
        if wanted.max_tokens is None:
            return wanted
        return replace(wanted, max_tokens=min(wanted.max_tokens, self.answer_tokens))


async def fit(prompt: Prompt, llm: LLM, budget: Budget, *, reserved: int = 0) -> Prompt:
    """``prompt`` without the oldest rounds of its history, as many as it takes to keep within the budget.

    The newest round stays, unless there is no room even for that beside the input. So many tokens as are ``reserved``
    are kept free, where any round is left out.

    Raises:
        PromptTooLong: The input, or what stands before all history, is too long by itself.
    """
    whole, limit = budget.prompt_tokens, budget.prompt_tokens - reserved
    if at_most(prompt) <= (limit if prompt.left_out else whole):
        return prompt
    await check_input(prompt, llm, replace(budget, prompt_tokens=limit))

    counted: dict[int, int] = {}

    async def tokens(cut: int) -> int:
        if cut not in counted:
            counted[cut] = await llm.count_tokens(prompt.without(cut).messages)
        return counted[cut]

    none = len(prompt.rounds)
    if reserved and not prompt.left_out and await _first_at_most(whole, tokens, none) == 0:
        return prompt
    fewest = await _first_at_most(limit, tokens, none)
    if fewest == 0:
        return prompt
    half = (await llm.count_tokens(prompt.head) + limit) // 2
    most = max(fewest, await _first_at_most(half, tokens, none) - 1)
    return prompt.without(roundest(prompt.left_out + fewest, prompt.left_out + most) - prompt.left_out)


async def fit_and_sum_up(prompt: Prompt, llm: LLM, budget: Budget, sum_up: SumUp) -> Prompt:
    """`fit`, with a summary of the rounds that are left out.

    Its room is kept free whatever it says, so that the cut does not move with it; and whether it is told hangs on its
    own length alone, never on what else there is room for, so that it stays as long as the cut does. It may be longer
    than estimated: figures are, and most scripts but the Latin and the Chinese. Then a shorter one is asked for, once.
    Where nothing of the history would stay beside it, or the input has no room, it is left out: what was said last goes
    before what was said early.

    Raises:
        PromptTooLong: As for `fit`.
    """
    most = min(EARLY_TOKENS, budget.prompt_tokens // EARLY_SHARE)
    room = round(most * ESTIMATED)
    try:
        cut = await fit(prompt, llm, budget, reserved=room)
    except PromptTooLong:
        return await fit(prompt, llm, budget)
    if not cut.left_out:
        return cut
    if prompt.rounds and not cut.rounds and (without := await fit(prompt, llm, budget)).rounds:
        return without
    told, takes = await _told(cut, llm, await sum_up(cut.left_out, most))
    if takes > room:
        told, takes = await _told(cut, llm, await sum_up(cut.left_out, most * room // takes))
    return told if takes <= room else cut


async def check_input(prompt: Prompt, llm: LLM, budget: Budget) -> None:
    """See that the newest utterance has room beside the system prompt and the examples.

    Raises:
        PromptTooLong: It has not.
    """
    alone = prompt.without(len(prompt.rounds))
    if at_most(alone) <= budget.prompt_tokens:
        return
    tokens = await llm.count_tokens(alone.messages)
    if tokens <= budget.prompt_tokens:
        return
    head_tokens = await llm.count_tokens(prompt.head)
    room = budget.prompt_tokens - head_tokens
    if room < MESSAGE_TOKENS:
        raise PromptTooLong(
            f"The system prompt and its examples take {head_tokens} tokens, and a prompt for {budget.model} may have "
            f"{budget.prompt_tokens}.",
            hint="Shorten them, or give the model a longer context (max_context_tokens in [session], and its own).",
        )
    raise PromptTooLong(
        f"The message is {tokens - head_tokens} tokens long, and {room} fit into the context of {budget.model}.",
        hint="Shorten it, or send it in parts.",
    )


def at_most(prompt: Prompt) -> int:
    """No fewer tokens than a prompt can have, for nothing: every token stands for at least a byte of text.

    Short conversations, which are most, need no counting.
    """
    return PROMPT_TOKENS + sum(MESSAGE_TOKENS + _bytes(message) for message in prompt.messages)


def roundest(low: int, high: int) -> int:
    """The number from ``low`` to ``high`` that the highest power of two divides; 0 is the roundest of all."""
    if low == 0:
        return 0
    zeros = ((low - 1) ^ high).bit_length() - 1
    return high >> zeros << zeros


async def _told(cut: Prompt, llm: LLM, earlier: str) -> tuple[Prompt, int]:
    """``cut`` with ``earlier``, and how many tokens more it has so."""
    if not earlier:
        return cut, 0
    told = replace(cut, earlier=earlier)
    return told, await llm.count_tokens(told.messages) - await llm.count_tokens(cut.messages)


async def _first_at_most(bound: int, tokens: Callable[[int], Awaitable[int]], last: int) -> int:
    """The first number whose ``tokens`` are no more than ``bound``, or ``last``. With the number they only get fewer.

    Looks from ``last`` downwards in growing steps, so that the old part of a long history is not even counted.
    """
    good, bad, step = last, -1, 1
    while bad < 0 < good:
        probe = max(0, good - step)
        if await tokens(probe) <= bound:
            good, step = probe, 2 * step
        else:
            bad = probe
    while good - bad > 1:
        probe = (good + bad) // 2
        if await tokens(probe) <= bound:
            good = probe
        else:
            bad = probe
    return good


def _tokens(tool: ToolSpec) -> int:
    described = json.dumps(tool.parameters, ensure_ascii=False) + tool.name + tool.description
    return TOOL_TOKENS + len(described.encode(errors="replace")) // BYTES_A_TOKEN


def _bytes(message: LLMMessage) -> int:
    texts = (message.content, *(text for call in message.tool_calls for text in (call.name, call.arguments)))
    return sum(len(text.encode(errors="replace")) for text in texts)
