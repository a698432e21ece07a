"""What a client tells of a conversation, as messages that a session knows."""

from myna.core.ids import new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.core.reply import Reply
from myna.server.raw_replies import RawReplies


def message_told(role: str, text: str, replies: RawReplies, persona_id: str) -> Message:
    """A message of the user's or the assistant's that went before.

    Of a reply the client has seen the display text only; what the model wrote is looked up in ``replies``.
    """
    if role == "user":
        return UserMessage(new_message_id(), new_turn_id(), text)
    return AssistantMessage(
        new_message_id(), new_turn_id(), Reply(raw=replies.of(persona_id, text), display=text, heard=text), "completed"
    )
