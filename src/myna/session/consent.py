"""Whether the user agrees that a tool runs, where there is no button to ask with: by what is said. Pure.

The model is told to ask. If the next utterance is a plain yes, the calls that waited for it are run, without asking the
model whether it still wants to.
"""

from collections.abc import Sequence

from myna.core.ids import new_call_id
from myna.core.messages import Message, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.tools import ToolCall, ToolResult
from myna.text.backchannels import is_consent

_WAITS = "This was not done yet: the user has to agree first. Ask whether to do it, and say what exactly."

ASK_FIRST = ToolResult(_WAITS, "refused")
"""What the model is told in place of a result."""

DECLINED = ToolResult("The user did not allow this. It was not done.", "refused")
NO_ANSWER = ToolResult("The user was asked whether to do this, and has not answered. It was not done.", "refused")


def allowed(messages: Sequence[Message]) -> list[ToolCall]:
    """The calls that the newest utterance agrees to, as new calls; ``messages`` end with the utterance."""
    spoken = [index for index, message in enumerate(messages) if isinstance(message, UserMessage)]
    if len(spoken) < 2 or spoken[-1] != len(messages) - 1:
        return []
    newest = messages[-1]
    if not isinstance(newest, UserMessage) or not is_consent(newest.text):
        return []
    round_ = messages[spoken[-2] : spoken[-1]]
    waiting = {one.call_id for one in round_ if isinstance(one, ToolResultMessage) and one.output == _WAITS}
    calls = [one.call for one in round_ if isinstance(one, ToolCallMessage) and one.call.id in waiting]
    return [ToolCall(new_call_id(), call.name, call.arguments) for call in calls]
