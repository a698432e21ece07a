import typing
from typing import Annotated, Any, TypedDict

import pytest
import typing_extensions
from pydantic import TypeAdapter, ValidationError

from myna.core.errors import BadInput
from myna.tools.portable_types import portable


class Stop(TypedDict):
    """Where it stops."""

    name: str
    minutes: typing.NotRequired[int]


class Line(TypedDict, total=False):
    stops: list[Stop]


class Theirs(typing_extensions.TypedDict):
    a: int


WITHIN: list[Any] = [list[Line], dict[str, Line], Line | None, Annotated[Line, "A line."], tuple[Line, ...], Theirs]


@pytest.mark.parametrize("hint", WITHIN)
def test_a_typed_dict_is_taken_by_pydantic_wherever_it_stands(hint: Any):
    assert TypeAdapter[Any](portable(hint)).json_schema()


def test_what_is_required_stays_so():
    line = TypeAdapter[Any](portable(Line))
    assert line.validate_python({}) == {}
    assert line.validate_python({"stops": [{"name": "Ulm"}]}) == {"stops": [{"name": "Ulm"}]}
    with pytest.raises(ValidationError, match="Field required"):
        line.validate_python({"stops": [{"minutes": 3}]})
    assert TypeAdapter[Any](portable(Stop)).json_schema()["description"] == "Where it stops."


@pytest.mark.parametrize("hint", [int, list[int], int | None, Annotated[int, "A number."], typing.Literal["a"], Theirs])
def test_any_other_type_stays_as_it_is(hint: Any):
    assert portable(hint) is hint or portable(hint) == hint


def test_a_typed_dict_that_holds_itself_is_refused_with_what_to_do():
    class Node(TypedDict):
        children: "list[Node]"

    Node.__annotations__["children"] = list[Node]
    with pytest.raises(BadInput, match="holds itself"):
        portable(Node)
