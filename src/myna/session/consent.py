"""Whether the user agrees that a tool runs, where there is no button to ask with: by what is said. Pure.

The model is told to ask. If the next utterance is a plain yes, the calls that waited for it are run, without asking the
model whether it still wants to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from myna.core.ids import new_call_id
from myna.core.messages import AssistantMessage, Message, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.tools import ToolCall, ToolResult, ToolSpec
from myna.text.backchannels import is_consent
from myna.tools.rounds import call_key

ASK_FIRST = ToolResult(
    "This was not done yet: the user has to agree first. Ask whether to do it, and say what exactly.",
    "refused",
    asks="{}",
)
"""What the model is told in place of a result."""

AGREED = ToolResult("The user was asked, and has agreed.", "refused")
"""What takes its place when that has happened, so that the same yes counts once."""

CHANGED = ToolResult(
    "The user has agreed, but the tool has changed since then. It was not done. Call it again as it is now.", "refused"
)
NOT_HERE = ToolResult("This needs the user's consent, which cannot be asked for here. It was not done.", "refused")
DECLINED = ToolResult("The user did not allow this. It was not done.", "refused")
NO_ANSWER = ToolResult("The user was asked whether to do this, and has not answered. It was not done.", "refused")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that waits for the user's consent, the message that says so, and the tool as it was then."""

    call: ToolCall
    message: ToolResultMessage
    tool: ToolSpec


@dataclass(frozen=True, slots=True)
class Agreed:
    """A call that the user has agreed to, and the tool as it was when he was asked."""

    call: ToolCall
    tool: ToolSpec


def agreed_to(messages: Sequence[Message]) -> list[Waiting]:
    """The calls that the newest utterance agrees to; ``messages`` end with the utterance.

    Behind what waits, a reply has to have been said to its end: else nobody may have heard the question.
    """
    spoken = [index for index, message in enumerate(messages) if isinstance(message, UserMessage)]
    if len(spoken) < 2 or spoken[-1] != len(messages) - 1:
        return []
    newest, round_ = messages[-1], messages[spoken[-2] : spoken[-1]]
    said = [at for at, one in enumerate(round_) if isinstance(one, AssistantMessage) and one.outcome == "completed"]
    if not said or not isinstance(newest, UserMessage) or not is_consent(newest.text):
        return []
    calls = {one.call.id: one.call for one in round_ if isinstance(one, ToolCallMessage)}
    return [
        Waiting(calls[one.call_id], one, one.asks)
        for one in round_[: said[-1]]
        if isinstance(one, ToolResultMessage) and one.asks is not None and one.call_id in calls
    ]


def calls_of(waiting: Sequence[Waiting]) -> list[Agreed]:
    """The calls as new ones. One that a model made again and again, since nothing was done, is made once."""
    once = {call_key(one.call): one for one in waiting}
    return [Agreed(replace(one.call, id=new_call_id()), one.tool) for one in once.values()]
