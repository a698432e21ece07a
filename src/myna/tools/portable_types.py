"""Types that pydantic takes on every version of Python: before 3.12 it refuses ``typing.TypedDict``."""

import types
import typing
from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typing_extensions

from myna.core.errors import BadInput


def portable(hint: Any, *, within: Collection[Any] = ()) -> Any:  # noqa: ANN401 - types are no type's values
    """``hint`` with each ``typing.TypedDict`` in it replaced by its equal of ``typing_extensions``.

    Raises:
        BadInput: One of them holds itself; ``within`` are those that this one stands in.
    """
    if typing.is_typeddict(hint):
        return _typed_dict(hint, within) if type(hint).__module__ == "typing" else hint
    origin: Any = get_origin(hint)
    inside = get_args(hint)
    if not inside or origin is Literal:
        return hint
    if origin is Annotated:
        return Annotated[(portable(inside[0], within=within), *inside[1:])]  # pyright: ignore[reportInvalidTypeForm]
    new = tuple(portable(each, within=within) for each in inside)
    if new == inside:
        return hint
    return typing.Union[new] if origin in (typing.Union, types.UnionType) else origin[new]  # noqa: UP007


def _typed_dict(hint: Any, within: Collection[Any]) -> Any:  # noqa: ANN401 - types are no type's values
    if hint in within:
        raise BadInput(
            f"has a type that holds itself: {hint.__name__}.",
            hint="Before Python 3.12, take TypedDict from typing_extensions for it, not from typing.",
        )
    required: frozenset[str] = hint.__required_keys__
    keys = {
        name: (typing_extensions.Required if name in required else typing_extensions.NotRequired)[
            portable(each, within=(*within, hint))
        ]
        for name, each in get_type_hints(hint, include_extras=True).items()
    }
    made: Any = typing_extensions.TypedDict(hint.__name__, keys)  # pyright: ignore[reportArgumentType]
    made.__doc__ = hint.__doc__
    return made
