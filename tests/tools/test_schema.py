import dataclasses
import datetime
import enum
import typing
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypedDict, Union
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from myna.core.errors import BadInput
from myna.tools.docstring import read_docstring
from myna.tools.json_schema import Secret
from myna.tools.masking import MASK
from myna.tools.schema import Parameters, parameters_of


def of(function: Callable[..., Any]) -> Parameters:
    return parameters_of(function, read_docstring(function.__doc__ or "Do it."))


def only(hint: Any) -> Parameters:
    """The parameters of a function that takes one, ``x``, of this type."""

    def take(x: Any) -> None:
        """Take it."""

    take.__annotations__["x"] = hint
    return of(take)


def schema_of(hint: Any) -> Any:
    return only(hint).schema["properties"]["x"]


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Place(BaseModel):
    """Somewhere."""

    name: str = Field(description="What it is called.")
    title: str = ""
    point: Point | None = None


class Stop(TypedDict):
    name: str
    minutes: typing.NotRequired[int]


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []


class Line(TypedDict):
    stops: list[Stop]


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a"], {"type": "string", "const": "a"}),
        (Unit, {"type": "string", "enum": ["celsius", "fahrenheit"]}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (Union[int, str], {"anyOf": [{"type": "integer"}, {"type": "string"}]}),  # noqa: UP007
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (Path, {"type": "string", "format": "path"}),
        (Annotated[int, Field(ge=1, le=7)], {"type": "integer", "minimum": 1, "maximum": 7}),
        (Annotated[str, "The city."], {"type": "string", "description": "The city."}),
        (Annotated[str, Field(description="The city.")], {"type": "string", "description": "The city."}),
        (
            Point,
            {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
                "required": ["x"],
            },
        ),
        (Any, {}),
        (list, {"type": "array"}),
        (dict, {"type": "object"}),
        (SecretStr, {"type": "string"}),
        (Annotated[str, Secret], {"type": "string"}),
        (Annotated[str, Secret()], {"type": "string"}),
    ],
)
def test_a_type_has_its_schema(hint: Any, schema: Any):
    assert schema_of(hint) == schema


def test_types_within_types_are_written_in_place_and_without_titles():
    assert schema_of(list[Place]) == {
        "type": "array",
        "items": {
            "type": "object",
            "description": "Somewhere.",
            "properties": {
                "name": {"type": "string", "description": "What it is called."},
                "title": {"type": "string", "default": ""},
                "point": {
                    "type": "object",
                    "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
                    "required": ["x"],
                },
            },
            "required": ["name"],
        },
    }


def test_a_type_that_holds_itself_is_referred_to():
    parameters = only(Tree)
    Draft202012Validator.check_schema(parameters.schema)
    assert parameters.schema["properties"]["x"] == {"$ref": "#/$defs/Tree"}
    assert parameters.schema["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    checked = parameters.check({"x": {"name": "a", "children": [{"name": "b"}]}})
    assert checked["x"].children[0].name == "b"


def test_a_parameter_that_may_be_left_out_has_a_schema_without_null():
    def take(city: str | None = None, days: int | str | None = None, units: list[Unit] | None = None) -> None: ...

    assert of(take).schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "units": {"type": "array", "items": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        },
    }
    assert of(take).check({"city": None}) == {"city": None, "days": None, "units": None}


def test_a_default_is_told_and_taken_as_python_has_it():
    marker = object()

    def take(unit: Unit = Unit.CELSIUS, names: list[str] = [], other: Any = marker) -> None: ...  # noqa: B006

    parameters = of(take)
    assert parameters.schema["properties"] == {
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "names": {"type": "array", "items": {"type": "string"}, "default": []},
        "other": {},
    }
    checked = parameters.check({})
    assert checked == {"unit": Unit.CELSIUS, "names": [], "other": marker}
    checked["names"].append("a")
    assert parameters.check({})["names"] == []


def test_a_field_as_the_default_describes_the_parameter():
    def take(days: int = Field(3, ge=1, description="How many.")) -> None: ...

    parameters = of(take)
    assert parameters.schema["properties"]["days"] == {
        "type": "integer",
        "default": 3,
        "minimum": 1,
        "description": "How many.",
    }
    assert parameters.check({}) == {"days": 3}


def test_what_fields_say_beside_a_type_does_not_change_the_parameter():
    def take(
        x: Annotated[int, Field(alias="n", deprecated=True)], y: Annotated[list[int], Field(default_factory=list)]
    ) -> None: ...

    assert list(of(take).schema["properties"]) == ["x", "y"]
    assert of(take).check({"x": 1}) == {"x": 1, "y": []}


def test_the_docstring_s_words_go_before_those_of_the_annotation():
    def take(days: Annotated[int, "Days."], hours: Annotated[int, "Hours."]) -> None:
        """Wait.

        Args:
            days: How many days.
        """

    described = {name: each["description"] for name, each in of(take).schema["properties"].items()}
    assert described == {"days": "How many days.", "hours": "Hours."}


def test_arguments_become_what_the_types_say():
    def take(unit: Unit, when: datetime.date, at: Point, much: Decimal, where: Path, both: tuple[int, str]) -> None: ...

    assert of(take).check(
        {"unit": "celsius", "when": "2026-11-21", "at": {"x": 1}, "much": "1.10", "where": "/tmp", "both": [1, "a"]}
    ) == {
        "unit": Unit.CELSIUS,
        "when": datetime.date(2026, 11, 21),
        "at": Point(1, 0),
        "much": Decimal("1.10"),
        "where": Path("/tmp"),
        "both": (1, "a"),
    }


def test_arguments_by_other_names_are_checked_by_their_type():
    def take(city: str, **more: int) -> None:
        """Take.

        Args:
            city: A city.
            **more: What else there is.
        """

    parameters = of(take)
    assert parameters.schema["additionalProperties"] == {"type": "integer"}
    assert parameters.check({"city": "Ulm", "a": "1"}) == {"city": "Ulm", "a": 1}
    with pytest.raises(BadInput, match="a: Input should be a valid integer"):
        parameters.check({"city": "Ulm", "a": "one"})


def forecast(
    city: str,
    days: Annotated[int, Field(ge=1, le=7)] = 3,
    unit: Literal["celsius", "fahrenheit"] = "celsius",
    hours: list[int] | None = None,
    key: Annotated[str, Secret] = "",
) -> None: ...


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "city is missing"),
        ({"city": ["Ulm"]}, 'city: Input should be a valid string (given: ["Ulm"])'),
        ({"city": "Ulm", "days": 9}, "days: Input should be less than or equal to 7 (given: 9)"),
        ({"city": "Ulm", "days": "two"}, "days: Input should be a valid integer"),
        ({"city": "Ulm", "unit": "kelvin"}, "unit: Input should be 'celsius' or 'fahrenheit' (given: \"kelvin\")"),
        ({"city": "Ulm", "hours": [1, "x"]}, "hours.1: Input should be a valid integer"),
        ({"city": "Ulm", "country": "de"}, "there is no parameter country"),
        ({"days": 0, "land": 1}, "city is missing; days: Input should be greater than or equal to 1 (given: 0); there"),
        ({"city": "Ulm", "key": ["hunter2"]}, 'key: Input should be a valid string (given: "***")'),
        ({"city": {"of": "x" * 500}}, f'(given: {{"of": "{"x" * 52}…)'),
    ],
)
def test_what_does_not_fit_is_told_with_what_is_wanted(arguments: dict[str, Any], said: str):
    with pytest.raises(BadInput) as error:
        of(forecast).check(arguments)
    assert said in error.value.message
    assert error.value.hint == (
        'The parameters are: city: string, days: integer (optional), unit: "celsius" | "fahrenheit" (optional), '
        "hours: list of integer (optional), key: string (optional)."
    )


def test_a_check_of_the_function_s_own_says_its_own_words():
    def even(number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number

    with pytest.raises(BadInput, match=r"^x: 3 is odd \(given: 3\)\."):
        only(Annotated[int, AfterValidator(even)]).check({"x": 3})


def test_secrets_are_masked_wherever_they_stand():
    class Login(BaseModel):
        user: str
        password: SecretStr

    @dataclasses.dataclass
    class Keys:
        names: list[str]
        key: Annotated[str, Secret]

    class Nested(BaseModel):
        login: Login
        others: "list[Nested]" = []

    def take(one: Login, many: list[Login], either: Login | str, keys: Keys, tree: Nested, free: str) -> None: ...

    Nested.model_rebuild(_types_namespace={"Login": Login, "Nested": Nested})
    login = {"user": "ada", "password": "hunter2"}
    hidden = {"user": "ada", "password": MASK}
    written = {
        "one": login,
        "many": [login, login],
        "either": login,
        "keys": {"names": ["a"], "key": "hunter2"},
        "tree": {"login": login, "others": [{"login": login}]},
        "free": "hunter",
    }
    assert of(take).mask(written) == {
        "one": hidden,
        "many": [hidden, hidden],
        "either": hidden,
        "keys": {"names": ["a"], "key": MASK},
        "tree": {"login": hidden, "others": [{"login": hidden}]},
        "free": "hunter",
    }


@pytest.mark.parametrize(
    "written",
    [{"passwort": "hunter2"}, {"login": "hunter2"}, {"login": ["hunter2"]}, {"login": {"pass": "hunter2"}}],
)
def test_a_secret_in_the_wrong_place_is_masked_too(written: dict[str, Any]):
    class Login(TypedDict):
        user: str
        password: SecretStr

    assert "hunter2" not in str(only(Login).mask({"x": written}))

    def take(login: Login) -> None: ...

    take.__annotations__["login"] = Login
    assert "hunter2" not in str(of(take).mask(written))


@given(
    st.dictionaries(
        st.text(max_size=5) | st.sampled_from(["city", "days", "unit", "hours", "key"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=5,
    )
)
def test_whatever_a_model_writes_fits_or_is_told_not_to(written: dict[str, Any]):
    parameters = of(forecast)
    parameters.mask(written)
    try:
        checked = parameters.check(written)
    except BadInput:
        return
    assert checked.keys() == {"city", "days", "unit", "hours", "key"}
    assert 1 <= checked["days"] <= 7
    assert checked["unit"] in ("celsius", "fahrenheit")


@pytest.mark.parametrize(
    "hint", [Point, Place, list[Place], Tree, Line, Unit, dict[str, list[Point]], tuple[Unit, ...]]
)
def test_every_schema_is_one(hint: Any):
    Draft202012Validator.check_schema(only(hint).schema)
    assert "title" not in only(hint).schema
