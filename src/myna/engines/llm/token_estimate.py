"""How many tokens a prompt takes, where there is nobody to count them."""

import math
import re
from collections.abc import Sequence

from myna.engines.base import LLMMessage

_WIDE = re.compile("[\u2e80-\U0010ffff]+")


def estimate_tokens(messages: Sequence[LLMMessage]) -> int:
    """About how many tokens messages take: one for each CJK character, for others one for four, and 4 a message.

    Within a fifth of what Qwen2.5 counts in Chinese, English, both mixed, and code (measured).
    """
    return sum(4 + _estimate(message) for message in messages)


def _estimate(message: LLMMessage) -> int:
    text = "".join((message.content, *(call.name + call.arguments for call in message.tool_calls)))
    wide = 0 if text.isascii() else sum(map(len, _WIDE.findall(text)))
    return wide + math.ceil((len(text) - wide) / 4)
