"""Appends to conversations in the database that is named, and prints the id of what is kept; until it is killed."""

import sys

import anyio

from myna.core.ids import ConversationId, new_message_id, new_turn_id
from myna.core.messages import Conversation, UserMessage
from myna.store.opening import open_store
from myna.store.sql import SQLStore

TALKERS = 4


async def talk(store: SQLStore, conversation_id: ConversationId) -> None:
    if await store.find(conversation_id) is None:
        await store.create(Conversation(conversation_id, "assistant"))
    while True:
        message = UserMessage(new_message_id(), new_turn_id(), "今天 we walk in the park 公园 " * 10)
        await store.append(conversation_id, message)
        sys.stdout.write(f"{conversation_id} {message.id}\n")
        sys.stdout.flush()


async def main(url: str) -> None:
    async with open_store(url) as store, anyio.create_task_group() as tasks:
        for number in range(TALKERS):
            tasks.start_soon(talk, store, ConversationId(f"conv_{number}"))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
