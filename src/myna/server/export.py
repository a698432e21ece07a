"""Conversations as files: exported whole, and taken in again. ``docs/history.md`` tells the format."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, cast

import anyio
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, model_validator
from pydantic_core import from_json

from myna.core.commands import ROOT
from myna.core.errors import BadInput, MynaError, StoreUnavailable
from myna.core.ids import MessageId, UserId, new_conversation_id
from myna.core.messages import Conversation
from myna.server.transcript import (
    ToldConversation,
    ToldMessage,
    ToldResult,
    ToldTurn,
    read_message,
    read_turn,
    transcript,
)
from myna.store.base import ConversationStore, KeptTurn, Page

FORMAT: Final = "myna.conversation"
VERSION = 1
"""A reader takes this version and all before it. What a version adds are fields that readers may leave out."""

MOST_MESSAGES = 10_000
LONGEST_ID = 1_000
LONGEST_TITLE = 200
IMPORT_S = 120.0
"""How long the store may take to keep all of a file."""
UNDO_S = 10.0

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_HINT = "Take one that was made by: myna history export ID --format json"


class ConversationFile(BaseModel):
    """An exported conversation: all that was kept of it, but whose it was."""

    format: Literal["myna.conversation"]
    version: Annotated[int, Field(ge=1)]
    exported_at: AwareDatetime
    conversation: ToldConversation
    messages: tuple[ToldMessage, ...]
    turns: tuple[ToldTurn, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _is_one(cls, given: object) -> object:
        """Tell in a sentence what is no such file at all, where else each field would be a mistake."""
        file = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        if file.get("format") != FORMAT:
            raise ValueError("it is no conversation that Myna exported as JSON")
        if isinstance(version := file.get("version"), int) and version > VERSION:
            raise ValueError(f"a newer Myna exported it (version {version}, not {VERSION}); update this one")
        return file


def exported(conversation: Conversation, whole: Page, turns: Sequence[KeptTurn]) -> str:
    """All of a conversation as JSON."""
    told = transcript(conversation, whole, turns)
    file = ConversationFile(
        format=FORMAT,
        version=VERSION,
        exported_at=datetime.now(UTC).replace(microsecond=0),
        conversation=told.conversation,
        messages=told.messages,
        turns=told.turns,
    )
    return file.model_dump_json(indent=2) + "\n"


def read_export(file: bytes) -> ConversationFile:
    """The conversation in a file.

    Raises:
        BadInput: It is none.
    """
    try:
        return ConversationFile.model_validate(from_json(file, allow_inf_nan=False))
    except ValidationError as error:
        problem = error.errors()[0]
        place, told = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        raise BadInput(f"The file cannot be used: {f'{place}: ' if place else ''}{told}.", hint=_HINT) from error
    except ValueError as error:
        raise BadInput(f"The file is no JSON: {error}.", hint=_HINT) from error


async def take_in(store: ConversationStore, user_id: UserId, file: ConversationFile) -> Conversation:
    """Keep the conversation in a file as a new one of the user's: all of it, or nothing.

    A call that waited for consent waits no longer: nobody is to agree to what a file asks.

    Raises:
        BadInput: It is too long, or its ids are not what ids can be.
        StoreUnavailable: It takes too long.
    """
    _check(file)
    told = file.conversation
    conversation = Conversation(new_conversation_id(), told.persona, user_id, title_of(told.title))
    try:
        with anyio.fail_after(IMPORT_S):
            messages = [read_message(_settled(message)) for message in file.messages]
            await store.take_in(conversation, messages, _times(file), [read_turn(turn) for turn in file.turns])
    except BaseException as error:
        # It may have come in at the last moment; what failed is told, and not that there is nothing to undo.
        with anyio.move_on_after(UNDO_S, shield=True), suppress(MynaError):
            await store.delete(user_id, conversation.id)
        if isinstance(error, TimeoutError):
            raise StoreUnavailable(
                f"The store did not keep the conversation within {IMPORT_S:g} s.", hint="Look after its disk."
            ) from None
        raise
    return conversation


def _settled(message: ToldMessage) -> ToldMessage:
    """The message, waiting for nobody's consent."""
    waits = isinstance(message, ToldResult) and message.asks is not None
    return message.model_copy(update={"asks": None}) if waits else message


def _times(file: ConversationFile) -> Mapping[MessageId, datetime]:
    """When each message was made. Older files do not tell: then when its turn began, else when it was exported."""
    began = {turn.id: turn.began_at for turn in file.turns}
    known = {message.id: message.at or began.get(message.turn, file.exported_at) for message in file.messages}
    return {MessageId(name): at.astimezone(UTC) for name, at in known.items()}


def title_of(text: str) -> str:
    """A title as it is kept: one line, without what cannot be seen.

    Raises:
        BadInput: It is too long.
    """
    title = " ".join(_UNSEEN.sub(" ", text).split())
    if len(title) > LONGEST_TITLE:
        raise BadInput(f"A title has at most {LONGEST_TITLE} characters, and this has {len(title)}.", hint="Cut it.")
    return title


def _check(file: ConversationFile) -> None:
    if max(len(file.messages), len(file.turns)) > MOST_MESSAGES:
        raise BadInput(f"There are more than {MOST_MESSAGES} messages in the file.", hint="Import it in parts.")
    for ids in ([message.id for message in file.messages], [turn.id for turn in file.turns]):
        if len(set(ids)) < len(ids) or ROOT in ids:
            raise BadInput(f"Two things in the file have the same id, or {ROOT!r}.", hint=_HINT)
    names = [file.conversation.persona, *(name for message in file.messages for name in (message.id, message.turn))]
    for name in (*names, *(turn.id for turn in file.turns)):
        if not 0 < len(name) <= LONGEST_ID or _UNSEEN.search(name):
            raise BadInput(f"An id in the file is not one of 1 to {LONGEST_ID} visible characters.", hint=_HINT)
    times = {f"turn {turn.id} began": turn.began_at for turn in file.turns} | {"file was exported": file.exported_at}
    times |= {f"message {message.id} was made": message.at for message in file.messages if message.at is not None}
    for what, at in times.items():
        try:
            at.astimezone(UTC)
        except OverflowError:
            raise BadInput(f"The {what} at no time that there is.", hint=_HINT) from None
