"""``/api/turns``: how a user's last turns went, in all conversations."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from myna.server.in_time import in_time
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.transcript import ToldConversation, ToldTurn, told_conversation, told_turn
from myna.server.users import user_of

router = APIRouter(prefix="/api/turns", route_class=StrictJSONRoute)

MOST_AT_ONCE = 200


class WentTurn(BaseModel):
    """A turn, and the conversation that it was in."""

    conversation: ToldConversation
    turn: ToldTurn


class NewestTurns(BaseModel):
    """The turns that a user had last, the newest first."""

    turns: list[WentTurn]


@router.get("")
async def list_turns(
    request: Request, limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="How many at most.")] = 50
) -> NewestTurns:
    """The turns that the user had last, in all conversations, and when each reached its stages."""
    service: Service = request.app.state.service
    newest = await in_time(service.store.newest_turns(user_of(request), limit=limit))
    return NewestTurns(
        turns=[
            WentTurn(conversation=told_conversation(each.conversation), turn=told_turn(each.turn)) for each in newest
        ]
    )
