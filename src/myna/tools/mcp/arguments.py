"""The arguments of a call, against the JSON schema that the server gave."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from myna.core.errors import BadInput
from myna.core.tools import JSON
from myna.tools.masking import without_secrets

if TYPE_CHECKING:  # jsonschema is imported with the first call: most runs have no MCP server
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

LONGEST = 32_768
"""Of a schema, in characters of JSON."""
MOST_TOLD = 5
LONGEST_TOLD = 200


def problem_of(schema: JSON) -> str:
    """Why a schema is of no use; empty if it is.

    What is more than `LONGEST` would fill the model's context by itself.
    """
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415 - heavy

    if (length := len(json.dumps(schema, default=str))) > LONGEST:
        return f"its schema is too long ({length} characters)"
    if schema.get("type") != "object":
        return "its arguments are no object"
    try:
        validator_for(dict(schema), default=Draft202012Validator).check_schema(_without_patterns(schema))
    except Exception as error:  # noqa: BLE001 - of jsonschema; or whatever comes of a schema that is none at all
        return f"its schema is wrong: {str(error).partition(chr(10))[0][:LONGEST_TOLD]}"
    return ""


class Arguments:
    """Checks and masks the arguments of a tool."""

    def __init__(self, schema: JSON) -> None:
        self._schema = schema

    def check(self, arguments: JSON) -> JSON:
        """The arguments, as they are. Where the schema cannot be followed, they are left to the server to check.

        So are patterns: a regular expression can take minutes, and nothing else would go on meanwhile.

        Raises:
            BadInput: They do not fit; the message says which and why.
        """
        from referencing.exceptions import Unresolvable  # noqa: PLC0415 - heavy

        try:
            errors = [_told(error) for error, _ in zip(self._errors(arguments), range(MOST_TOLD), strict=False)]
        except (Unresolvable, RecursionError):
            return arguments
        if errors:
            raise BadInput(f"The arguments do not fit: {'; '.join(errors)}.")
        return arguments

    def mask(self, arguments: JSON) -> JSON:
        """The arguments without the values that the schema calls passwords or write-only."""
        return cast(JSON, without_secrets(arguments, self._schema))

    def _errors(self, arguments: JSON) -> "Iterator[ValidationError]":
        return self._validator.iter_errors(arguments)

    @cached_property
    def _validator(self) -> "Validator":
        from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415 - heavy
        from referencing import Registry  # noqa: PLC0415 - heavy

        schema = dict(self._schema)
        made = validator_for(schema, default=Draft202012Validator)
        # An empty registry: a $ref to an address is not fetched.
        return made(_without_patterns(schema), registry=Registry())


def _told(error: "ValidationError") -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    text = error.message
    if len(text) > LONGEST_TOLD:  # it quotes the value
        text = f"must be {json.dumps(error.validator_value, default=str)[:LONGEST_TOLD]} ({error.validator})"
    return f"{where}: {text}" if where else text


_PATTERNS = {"pattern", "patternProperties"}
_OF_NAMES = {"properties", "$defs", "definitions", "dependentSchemas"}  # their keys are no keywords
_OTHERS = {"additionalProperties", "unevaluatedProperties"}  # what is another property, the patterns say
_PLAIN = {"const", "enum", "default", "examples"}


def _without_patterns(schema: JSON) -> dict[str, Any]:
    """The schema without regular expressions, and what rests on them.

    Parts may not name a dialect of their own, as a reference to a part could otherwise.
    """
    patterns = '"patternProperties"' in json.dumps(schema, default=str)
    return cast("dict[str, Any]", _plain(schema, {*_PATTERNS, "$schema", *(_OTHERS if patterns else ())}))


def _plain(value: object, dropped: set[str], *, names: bool = False) -> object:
    if isinstance(value, list):
        return [_plain(each, dropped) for each in cast("list[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    return {
        key: each if key in _PLAIN and not names else _plain(each, dropped, names=key in _OF_NAMES and not names)
        for key, each in cast("Mapping[str, Any]", value).items()
        if names or key not in dropped
    }
