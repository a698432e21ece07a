"""What can be set, with what it means. It is declared as ROS parameters, and checked here."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

Kind = Literal["service", "action"]

PROFILES: Mapping[str, Mapping[str, float]] = {
    "fast": {"max_tokens": 256, "temperature": 0.5, "top_p": 0.9},
    "balanced": {"max_tokens": 512, "temperature": 0.7, "top_p": 0.95},
    "quality": {"max_tokens": 768, "temperature": 0.8, "top_p": 0.98},
}
"""What Myna's own ``llm.profile`` stands for."""


class WrongSetting(ValueError):
    """A parameter has a value that it cannot have; the message names it and says what is allowed."""


def _setting(  # noqa: PLR0913 - all that is told of a parameter
    default: float | str,
    told: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    fixed: bool = False,
    of: Kind | None = None,
) -> Any:
    """A parameter.

    Args:
        default: Its value where none is given; its type is the parameter's.
        told: What it means.
        least: The smallest number.
        most: The largest number.
        choices: All texts that it may be, if these are few.
        fixed: Whether it is read once, at the start.
        of: The one node that has it, if not both.
    """
    metadata = {"told": told, "least": least, "most": most, "choices": choices, "fixed": fixed, "of": of}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The values that hold."""

    url: str = _setting("http://127.0.0.1:8765", "Where Myna listens.")
    api_key_file: str = _setting("", "A file with the API key. Without it MYNA_API_KEY of the environment counts.")
    ca_file: str = _setting("", "For https: the authority to trust, as Myna's own myna-ca.crt. Empty: the system's.")
    persona: str = _setting("", "The id of the persona that answers. Empty: see language.")
    language: str = _setting(
        "", "A code such as zh: the first persona of that language answers. Empty: Myna's own choice."
    )
    profile: str = _setting(
        "", "How it answers: fast, balanced or quality. Empty: as Myna has it.", choices=("", *PROFILES)
    )
    private: bool = _setting(False, "Whether Myna tells and remembers nothing of the user.")
    conversation: str = _setting(
        "node", "What is remembered within the node: one conversation, one for each client, none.",
        choices=("node", "client", "none"), fixed=True,
    )  # fmt: skip
    clients: str = _setting(
        "", "For conversation client: their names, each with a service or action below ours.", fixed=True
    )
    concurrent: int = _setting(1, "How many replies are made at a time.", least=1, most=16, fixed=True)
    queue: int = _setting(32, "How many more may wait, in order. 0: refused while busy.", least=0, most=256, fixed=True)
    connect_timeout_s: float = _setting(3.0, "How long connecting may take.", least=0.1, most=60)
    silence_timeout_s: float = _setting(
        30.0, "How long Myna may be silent; it shows life every 10 s.", least=1, most=600
    )
    reply_timeout_s: float = _setting(300.0, "How long a whole reply may take.", least=1, most=3600)
    error_text: str = _setting(
        "{message}", "What is answered when there is no answer: {message}, {code}, any text, nothing."
    )
    autostart: bool = _setting(True, "Whether the node configures and activates itself.", fixed=True)
    interfaces_package: str = _setting("jobot_interfaces", "The package that has the type.", fixed=True)
    service_name: str = _setting("chat_service", "The name of the service.", fixed=True, of="service")
    service_type: str = _setting("LLMChat", "The name of its type.", fixed=True, of="service")
    action_name: str = _setting("chat_action", "The name of the action.", fixed=True, of="action")
    action_type: str = _setting("LLMChatAction", "The name of its type.", fixed=True, of="action")
    feedback_period_s: float = _setting(
        0.02, "Pieces that come faster are sent together, since clients keep ten.", least=0, most=1, of="action"
    )


def settings_of(kind: Kind) -> Iterator["Field[Any]"]:
    """The parameters of one node."""
    return (one for one in fields(Settings) if one.metadata["of"] in (None, kind))


def checked(values: Mapping[str, Any]) -> Settings:
    """The settings with these values; what is left out has its default.

    Raises:
        WrongSetting: A value is not allowed.
    """
    settings = Settings(**{one.name: _checked(one, values[one.name]) for one in fields(Settings) if one.name in values})
    if settings.conversation == "client" and not settings.clients.split():
        raise WrongSetting("conversation is client, and clients names none: ROS 2 does not tell who asks.")
    for name in settings.clients.split():
        if not (name.isascii() and name.isidentifier()):
            raise WrongSetting(f"clients: {name!r} cannot be part of a ROS name; use letters, digits and underscores.")
    return settings


def _checked(one: "Field[Any]", value: Any) -> Any:
    kind = type(one.default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise WrongSetting(f"{one.name} must be of type {kind.__name__}, and is {value!r}.")
    told = one.metadata
    if told["choices"] and value not in told["choices"]:
        names = ", ".join(choice or "empty" for choice in told["choices"])
        raise WrongSetting(f"{one.name} must be one of these: {names}. It is {value!r}.")
    if told["least"] is not None and not told["least"] <= value <= told["most"]:
        raise WrongSetting(f"{one.name} must be from {told['least']} to {told['most']}, and is {value}.")
    return value
