"""What the server brings to a session: what the codec cannot know."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from myna.core.ids import ConversationId
from myna.core.messages import Message
from myna.core.preferences import Preferences


def _none() -> Collection[str]:
    return ()


def _yes() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Served:
    """Who answers, and how as long as the client wants nothing else.

    Attributes:
        session_id: Like ``sess_0f3a…``.
        model: The name of what answers, whatever the client asked for.
        transcriber: The name of the ASR model.
        languages: What it understands, as ISO 639-1 codes; empty for any.
        voice: The name of the voice that speaks.
        voice_of: The engine's voice that a client's name means, one of OpenAI's perhaps; None is the persona's own.
            Raises `UnknownName`, which lists what there is.
        speaks: Whether there is a TTS, or will be; without one every reply is text.
        has_voice: Whether it is there by now; until then every reply is text.
        preferences: The configured ones.
        greetings: Of which one is said to a client that asks for it, if the conversation is empty: the first, or the
            one that it chooses.
        tool_names: The names of the server's tools, as they are now.
        history: What the conversation already holds, oldest first.
        transcribes: Whether the client asked for a transcription session when it connected.
        private: Whether nothing of the conversation is kept or remembered.
    """

    session_id: str
    conversation_id: ConversationId
    model: str
    voice_of: Callable[[str], str | None]
    transcriber: str = ""
    languages: frozenset[str] = frozenset()
    voice: str = ""
    speaks: bool = True
    has_voice: Callable[[], bool] = _yes
    preferences: Preferences = field(default_factory=Preferences)
    instructions: str = ""
    greetings: Sequence[str] = ()
    tool_names: Callable[[], Collection[str]] = _none
    history: Sequence[Message] = ()
    transcribes: bool = False
    private: bool = False
