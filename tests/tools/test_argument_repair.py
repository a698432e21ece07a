import dataclasses
import enum
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from myna.core.errors import BadInput
from myna.tools.docstring import Docstring
from myna.tools.schema import parameters_of


def checked(function: Callable[..., None], arguments: dict[str, Any]) -> Any:
    return parameters_of(function, Docstring("Do it.", {})).check(arguments)


def only(hint: Any, written: object) -> Any:
    """What a parameter of this type is, of which so much is written."""

    def take(x: Any) -> None: ...

    take.__annotations__["x"] = hint
    return checked(take, {"x": written})["x"]


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


def forecast(
    city: str,
    days: Annotated[int, Field(ge=1, le=7)] = 3,
    unit: Literal["celsius", "fahrenheit"] = "celsius",
    hours: list[int] | None = None,
) -> None: ...


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"city": 89073}, {"city": "89073"}),
        ({"city": "Ulm", "days": "2"}, {"days": 2}),
        ({"city": "Ulm", "days": 2.0}, {"days": 2}),
        ({"city": "Ulm", "days": None}, {"days": 3}),
        ({"city": "Ulm", "unit": " Celsius"}, {"unit": "celsius"}),
        ({"city": "Ulm", "hours": 7}, {"hours": [7]}),
        ({"city": "Ulm", "hours": "[7, 8]"}, {"hours": [7, 8]}),
        ({"city": "Ulm", "hours": ["7", 8]}, {"hours": [7, 8]}),
    ],
)
def test_what_can_only_be_meant_in_one_way_is_taken_so(written: dict[str, Any], meant: dict[str, Any]):
    values = checked(forecast, written)
    assert {name: values[name] for name in meant} == meant


@pytest.mark.parametrize(
    ("hint", "written", "meant"),
    [
        (Literal[1, 2], "2", 2),
        (Literal["1", "2"], 2, "2"),
        (Literal["not in force"], "not_in_force", "not in force"),
        (list[Unit], ["Celsius"], [Unit.CELSIUS]),
        (Unit | None, "CELSIUS", Unit.CELSIUS),
        (Point, '{"x": 1}', Point(1)),
    ],
)
def test_a_choice_is_found_however_it_is_written(hint: Any, written: object, meant: object):
    assert only(hint, written) == meant


def test_a_choice_that_may_be_one_of_two_is_told():
    with pytest.raises(BadInput):
        only(Literal["a-b", "a_b"], "A B")
