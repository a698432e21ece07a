"""Ids: a kind that people can read, and 96 random bits that never repeat."""

import secrets
from typing import NewType

ConversationId = NewType("ConversationId", str)
TurnId = NewType("TurnId", str)
MessageId = NewType("MessageId", str)
MemoryId = NewType("MemoryId", str)
UserId = NewType("UserId", str)

OWNER = UserId("owner")
"""The user of servers without API keys, of the commands and of the first key; each later key is a user of its own."""


def _new(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"


def new_conversation_id() -> ConversationId:
    """An id like ``conv_0f3a…``."""
    return ConversationId(_new("conv"))


def new_turn_id() -> TurnId:
    """An id like ``turn_0f3a…``."""
    return TurnId(_new("turn"))


def new_message_id() -> MessageId:
    """An id like ``msg_0f3a…``."""
    return MessageId(_new("msg"))


def new_memory_id() -> MemoryId:
    """An id like ``mem_0f3a…``."""
    return MemoryId(_new("mem"))


def new_call_id() -> str:
    """An id like ``call_0f3a…``, for a call of a tool that got none from the LLM server."""
    return _new("call")
