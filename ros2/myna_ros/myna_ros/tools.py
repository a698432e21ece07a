"""What a robot can do, offered to the model: methods with `tool`, their JSON schema, and a check of arguments."""

import inspect
import json
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

LONGEST_OUTPUT = 8_000
"""Characters of a result that the model is given."""

LONGEST_ARGUMENTS = 20_000

_MARK = "_myna_tool"
_JSON_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True)
class Range:
    """From `lowest` to `highest`, both included: ``Annotated[float, Range(0.1, 2.0)]``."""

    lowest: float
    highest: float


class BadTool(TypeError):
    """A tool's method cannot be told to a model, and why."""


class BadArguments(ValueError):
    """What the model wrote does not fit the tool; it is told so."""


def tool(method: F) -> F:
    """Offer a method of a `myna_ros.node.VoiceNode` to the model.

    Raises:
        BadTool: It has no docstring, or a parameter without a type that a model can be told.
    """
    ToolSpec.of(method)
    setattr(method, _MARK, True)
    return method


@dataclass(frozen=True)
class ToolSpec:
    """A tool, as the model is told of it.

    Attributes:
        name: The method's.
        description: Its docstring, up to ``Args:``.
        parameters: A JSON schema.
    """

    name: str
    description: str
    parameters: dict[str, Any]

    @classmethod
    def of(cls, method: Callable[..., Any]) -> "ToolSpec":
        """The tool that a method is.

        Raises:
            BadTool: As `tool`.
        """
        name = method.__name__
        description, told = _docstring(inspect.getdoc(method) or "")
        if not description:
            raise BadTool(f"The tool {name} has no docstring. Say in one sentence what it is for.")
        types = typing.get_type_hints(method, include_extras=True)
        properties: dict[str, Any] = {}
        required: list[str] = []
        for parameter in inspect.signature(method).parameters.values():
            if parameter.name == "self":
                continue
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise BadTool(f"The tool {name} takes *{parameter.name}, which no model can fill in.")
            schema = _schema(name, parameter.name, types.get(parameter.name))
            if parameter.name in told:
                schema["description"] = told[parameter.name]
            if parameter.default is parameter.empty:
                required.append(parameter.name)
            else:
                schema["default"] = parameter.default
            properties[parameter.name] = schema
        if unknown := set(told) - set(properties):
            raise BadTool(
                f"The docstring of the tool {name} tells of {', '.join(sorted(unknown))}, which it does not take."
            )
        parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return cls(name, description, parameters)

    def told(self) -> dict[str, Any]:
        """As the Realtime protocol has it."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }

    def read(self, arguments: str) -> dict[str, Any]:
        """What the model wrote, as keywords for the method.

        Raises:
            BadArguments: It does not fit.
        """
        if len(arguments) > LONGEST_ARGUMENTS:
            raise BadArguments(f"the arguments have {len(arguments)} characters")
        try:
            found: Any = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            raise BadArguments("the arguments are no JSON") from None
        if not isinstance(found, dict):
            raise BadArguments("the arguments have to be a JSON object")
        given = typing.cast("dict[str, Any]", found)
        properties: dict[str, dict[str, Any]] = self.parameters["properties"]
        if unknown := set(given) - set(properties):
            raise BadArguments(
                f"there is no {', '.join(sorted(unknown))}; there is {', '.join(properties) or 'nothing'}"
            )
        if missing := [name for name in self.parameters["required"] if name not in given]:
            raise BadArguments(f"{', '.join(missing)} is missing")
        return {name: _checked(name, value, properties[name]) for name, value in given.items()}


def tools_of(robot: object) -> Iterator[tuple[ToolSpec, Callable[..., Any]]]:
    """All that an object offers, with what to call."""
    for name in dir(type(robot)):
        if getattr(inspect.getattr_static(type(robot), name), _MARK, False):
            method = getattr(robot, name)
            yield ToolSpec.of(method), method


def output_of(result: object) -> str:
    """What the model is told of what a tool returned: text as it is, all else as JSON."""
    if result is None:
        return "Done."
    if isinstance(result, str):
        text = result
    else:
        try:
            text = json.dumps(result, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            text = str(result)
    return text if len(text) <= LONGEST_OUTPUT else f"{text[:LONGEST_OUTPUT]} …"


def _schema(name: str, parameter: str, kind: object) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if typing.get_origin(kind) is typing.Annotated:
        kind, *notes = typing.get_args(kind)
        for note in notes:
            if isinstance(note, Range):
                limits = {"minimum": note.lowest, "maximum": note.highest}
    if typing.get_origin(kind) is Literal:
        values = list(typing.get_args(kind))
        if len({type(value) for value in values}) == 1 and type(values[0]) in _JSON_TYPES:
            return {"type": _JSON_TYPES[type(values[0])], "enum": values}
    if isinstance(kind, type) and kind in _JSON_TYPES:
        return {"type": _JSON_TYPES[kind], **limits}
    raise BadTool(
        f"The parameter {parameter} of the tool {name} has no type that a model can be told: "
        "str, int, float, bool, a Literal of them, or Annotated with a Range."
    )


def _checked(name: str, value: Any, schema: Mapping[str, Any]) -> str | int | float | bool:
    kind = schema["type"]
    if kind == "number" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    elif kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (str, int, float, bool)) or _JSON_TYPES[type(value)] != kind:
        raise BadArguments(f"{name} has to be of the type {kind}")
    if "enum" in schema and value not in schema["enum"]:
        raise BadArguments(f"{name} has to be one of {', '.join(map(str, schema['enum']))}")
    if isinstance(value, (int, float)) and "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        raise BadArguments(f"{name} has to be from {schema['minimum']} to {schema['maximum']}")
    return value


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What stands before ``Args:``, and what is told of each parameter there."""
    description, _, rest = text.partition("\nArgs:\n")
    told: dict[str, str] = {}
    last = ""
    indent = 0
    for line in rest.splitlines():
        if line.strip() and not line.startswith(" "):
            break
        stripped = line.strip()
        depth = len(line) - len(line.lstrip())
        name, colon, about = stripped.partition(":")
        if colon and name.isidentifier() and (not last or depth <= indent):
            last, indent = name, depth
            told[name] = about.strip()
        elif stripped and last:
            told[last] += f" {stripped}"
    return " ".join(description.split("\nReturns:")[0].split()), told
