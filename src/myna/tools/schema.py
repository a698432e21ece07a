"""A function's parameters as the JSON schema that a model is given, and the check of what the model writes.

The signature says what there is and pydantic what its types mean: whatever pydantic can validate may stand in it.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, SchemaError

from myna.core.errors import BadInput
from myna.core.tools import JSON
from myna.tools.argument_repair import as_meant
from myna.tools.docstring import Docstring
from myna.tools.json_schema import FullSchema, signature_of, told
from myna.tools.masking import without_secrets
from myna.tools.portable_types import portable

_SHOWN = 60  # characters of a wrong value that the model is told again


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a function takes.

    Attributes:
        schema: For the model: a JSON schema of type object, without titles and references.
    """

    schema: JSON
    _full: JSON  # the same, with the marks of what is secret
    _model: type[BaseModel]
    _fields: Mapping[str, str]  # of the model, by the parameters' names, which need not be names that a field may have

    def check(self, arguments: JSON) -> JSON:
        """Values for all parameters, as their types say; those that ``arguments`` lack have their defaults.

        Raises:
            BadInput: They do not fit; the message says which, and what is wanted.
        """
        try:
            return self._values(arguments)
        except ValidationError as error:
            wrong = error.errors(include_url=False)
        places = {str(error["loc"][0]) for error in wrong if error["loc"]}
        try:
            return self._values(as_meant(arguments, places, self.schema))
        except ValidationError:
            explained = "; ".join(_explain(error, self._full) for error in wrong)
            raise BadInput(f"{explained}.", hint=f"The parameters are: {signature_of(self.schema)}.") from None

    def mask(self, arguments: JSON) -> JSON:
        """``arguments`` with `myna.tools.masking.MASK` in place of secrets."""
        return cast(JSON, without_secrets(arguments, self._full))

    def _values(self, arguments: JSON) -> JSON:
        checked = self._model.model_validate(arguments)
        # Not by getattr, which warns of a field that is marked as deprecated.
        values = {name: checked.__dict__[field] for name, field in self._fields.items()}
        return {**values, **(checked.model_extra or {})}


def parameters_of(function: Callable[..., Any], docstring: Docstring, *, skip: int = 0) -> Parameters:
    """What ``function`` takes, but for the first ``skip`` parameters (``self``).

    Raises:
        BadInput: A parameter has no type, or one that JSON has no words for; or the docstring describes others.
    """
    taken = list(inspect.signature(function).parameters.values())[skip:]
    hints = _hints(function)
    _check_names(taken, hints, docstring)
    others = next((portable(hints[each.name]) for each in taken if each.kind is each.VAR_KEYWORD), None)
    named = [each for each in taken if each.kind is not each.VAR_KEYWORD]
    fields = {f"p{place}": _field(each, hints[each.name], docstring) for place, each in enumerate(named)}
    names = {each.name: f"p{place}" for place, each in enumerate(named)}
    model = _model(fields, others, names)
    full = model.model_json_schema(schema_generator=FullSchema)
    return Parameters(told(full), told(full, secrets=True), model, names)


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    plain: Any = inspect.unwrap(function)
    while hasattr(plain, "func"):  # functools.partial
        plain = inspect.unwrap(plain.func)
    try:
        return get_type_hints(plain if inspect.isroutine(plain) else type(plain).__call__, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise BadInput(
            f"has a type that cannot be read: {error}.", hint="Define or import it at the top of the file."
        ) from error


def _check_names(taken: Sequence[inspect.Parameter], hints: Mapping[str, Any], docstring: Docstring) -> None:
    for parameter in taken:
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise BadInput(
                f"takes *{parameter.name}, and a model gives all arguments by name.", hint="Take a list instead."
            )
        if parameter.name not in hints:
            raise BadInput(f"has no type for {parameter.name}.", hint=f"Write it, like {parameter.name}: str.")
    names = [parameter.name for parameter in taken]
    if unknown := [name for name in docstring.parameters if name.lstrip("*") not in names]:
        raise BadInput(
            f"describes {', '.join(unknown)} in its docstring, and has no such parameter.",
            hint=f"Its parameters: {', '.join(names) or 'none'}.",
        )


def _field(parameter: inspect.Parameter, hint: Any, docstring: Docstring) -> tuple[Any, Any]:  # noqa: ANN401 - a type
    options: dict[str, Any] = {"alias": parameter.name}
    if isinstance(parameter.default, FieldInfo):  # x: int = Field(5, description="…"), as FastAPI has it
        hint = Annotated[hint, parameter.default]
    elif parameter.default is not parameter.empty:
        options["default"] = parameter.default
    metadata = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    described = docstring.parameters.get(parameter.name) or next((e for e in metadata if isinstance(e, str)), "")
    if described:
        options["description"] = described
    elif docstring.parameters and not any(isinstance(each, FieldInfo) and each.description for each in metadata):
        raise BadInput(
            f"describes other parameters in its docstring, but not {parameter.name}.", hint="Describe it there too."
        )
    return portable(hint), Field(**options)


def _model(fields: Mapping[str, Any], others: object, names: Mapping[str, str]) -> type[BaseModel]:
    try:
        return _made(fields, others)
    except (PydanticUserError, SchemaError, TypeError) as error:
        faulty = next((name for name, field in names.items() if not _works(fields[field])), "a parameter")
        raise BadInput(
            f"has a type for {faulty} that JSON has no words for: {_first_sentence(error)}.",
            hint="Take text, numbers, lists, Literals, enums, dataclasses, TypedDicts or pydantic models.",
        ) from error


def _first_sentence(error: Exception) -> str:
    return str(error).splitlines()[0].partition(". ")[0].rstrip(".")


def _made(fields: Mapping[str, Any], others: object) -> type[BaseModel]:
    config = ConfigDict(extra="forbid" if others is None else "allow", coerce_numbers_to_str=True)
    more: dict[str, Any] = {} if others is None else {"__pydantic_extra__": (dict[str, cast(Any, others)], ...)}
    model = create_model("Arguments", __config__=config, **fields, **more)
    if missing := fields.keys() - model.model_fields.keys():
        raise TypeError(f"{fields[missing.pop()][0]} is no type of a parameter.")
    model.model_json_schema(schema_generator=FullSchema)  # some types can be validated, but have no schema
    return model


def _works(field: tuple[Any, Any]) -> bool:
    try:
        _made({"p": field}, None)
    except (PydanticUserError, SchemaError, TypeError):
        return False
    return True


def _explain(error: ErrorDetails, full: JSON) -> str:
    place = ".".join(map(str, error["loc"])) or "the arguments"
    match error["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"there is no parameter {place}"
        case _:
            said = error["msg"].removeprefix("Value error, ")
            return f"{place}: {said} (given: {_shown(error, full)})"


def _shown(error: ErrorDetails, full: JSON) -> str:
    schema: JSON = full["properties"].get(error["loc"][0], {}) if error["loc"] else full
    secret = without_secrets(error["input"], {**schema, "$defs": full.get("$defs", {})})
    text = json.dumps(secret, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
