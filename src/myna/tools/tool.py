"""Making a tool of a typed function: `tool`.

::

    @tool
    def get_current_weather(location: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
        '''Get the current weather in a given location.'''
"""

import functools
import inspect
import math
import re
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from myna.core.errors import BadInput
from myna.core.tools import JSON, ToolResult, ToolSpec
from myna.tools.docstring import Docstring, read_docstring
from myna.tools.json_schema import Secret
from myna.tools.results import first_items, first_items_of, to_text
from myna.tools.schema import Parameters, parameters_of
from myna.tools.threads import run_in_thread

__all__ = ["TIMEOUT_S", "FunctionTool", "Secret", "tool"]

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_S = 30.0
"""How long a call may take, unless the tool says otherwise."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class FunctionTool(Generic[P, R]):
    """A function that a model may call, and everybody else as before. Made by `tool`.

    An ``async`` function runs on the event loop and must not block it; any other runs in a thread of its own.

    Attributes:
        spec: What the model is told.
        timeout_s: How long a call of the model's may take.
        confirm: Whether the user is asked before each.
        cancellable: Whether it ends with the reply that is interrupted. A thread cannot be ended: nobody waits for it.
    """

    __name__: str
    __wrapped__: Callable[P, R]

    def __init__(
        self,
        function: Callable[P, R],
        spec: ToolSpec,
        parameters: Parameters,
        *,
        timeout_s: float,
        confirm: bool,
        cancellable: bool,
    ) -> None:
        self._function = function
        self._parameters = parameters
        self.spec = spec
        self.timeout_s = timeout_s
        self.confirm = confirm
        self.cancellable = cancellable
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> "FunctionTool[..., R]":
        """The tool of a method, bound to ``instance`` as the method would be."""
        if instance is None:
            return self
        return FunctionTool(
            self._function.__get__(instance, owner),
            self.spec,
            self._parameters,
            timeout_s=self.timeout_s,
            confirm=self.confirm,
            cancellable=self.cancellable,
        )

    def __repr__(self) -> str:
        return f"<tool {self.spec.name}>"

    def check(self, arguments: JSON) -> JSON:
        """See `myna.tools.base.Tool.check`."""
        return self._parameters.check(arguments)

    def mask(self, arguments: JSON) -> JSON:
        """See `myna.tools.base.Tool.mask`."""
        return self._parameters.mask(arguments)

    async def call(self, arguments: JSON) -> object:
        """Call the function with what `check` gave; text, or the `ToolResult` that it returned.

        Raises:
            Busy: Too many calls of it have not returned.
            Exception: Whatever the function raises.
        """
        by_place, by_name = self._bound(arguments)
        function = cast("Callable[..., object]", self._function)
        if _is_async(function):
            return await _awaited(function(*by_place, **by_name))

        def work() -> object:
            value = function(*by_place, **by_name)
            return value if _is_awaited(value) else _gathered(value)

        return await _awaited(await run_in_thread(self, work))

    def _bound(self, arguments: JSON) -> tuple[list[Any], dict[str, Any]]:
        by_name = dict(arguments)
        parameters = inspect.signature(self._function).parameters.values()
        only_by_place = [each.name for each in parameters if each.kind is inspect.Parameter.POSITIONAL_ONLY]
        return [by_name.pop(name) for name in only_by_place if name in by_name], by_name


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...


@overload
def tool(
    function: Callable[P, R],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float = TIMEOUT_S,
    confirm: bool = False,
    cancellable: bool = True,
) -> FunctionTool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float = TIMEOUT_S,
    confirm: bool = False,
    cancellable: bool = True,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float = TIMEOUT_S,
    confirm: bool = False,
    cancellable: bool = True,
) -> Any:
    """Let models call a function: ``@tool`` or ``@tool(confirm=True)``. It can be called as before.

    The model is told the function's name, its docstring, and the names, types, defaults and descriptions of its
    parameters.

    Args:
        function: Has a type for each parameter, and a docstring in Google style.
        name: What the model calls it by, instead of the function's own name.
        description: What the model is told that it does, instead of what its docstring says.
        timeout_s: How long a call of the model's may take.
        confirm: Ask the user before each.
        cancellable: A call ends when the user interrupts the reply. If not, it goes on within its time, and what came
            of it is in the conversation.

    Raises:
        BadInput: The function cannot be a tool: a type or the docstring is missing, or does not fit. The message says
            what to do.
    """
    if function is None:
        return functools.partial(
            tool,
            name=name,
            description=description,
            timeout_s=timeout_s,
            confirm=confirm,
            cancellable=cancellable,
        )
    if isinstance(function, FunctionTool):
        return cast("FunctionTool[..., Any]", function)
    if isinstance(function, classmethod | staticmethod | type) or not callable(function):
        raise BadInput(
            f"{function!r} is no function, and cannot be a tool.",
            hint="Put @tool before a function, or between @classmethod or @staticmethod and its method.",
        )
    called = name or getattr(function, "__name__", "")
    try:
        _check_time(timeout_s)
        spec, parameters = _described(function, called, description)
    except BadInput as error:
        raise BadInput(f"{called or repr(function)} cannot be a tool: it {error.message}", hint=error.hint) from error
    return FunctionTool(function, spec, parameters, timeout_s=timeout_s, confirm=confirm, cancellable=cancellable)


def _check_time(timeout_s: float) -> None:
    if not 0 < timeout_s < math.inf:
        raise BadInput(f"has timeout_s={timeout_s}.", hint="Give it seconds, more than 0.")


def _described(function: Callable[..., Any], name: str, description: str | None) -> tuple[ToolSpec, Parameters]:
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"is called {name!r}, and models call tools by 1 to 64 ASCII letters, digits, _ and -.",
            hint='Give it another name: @tool(name="…").',
        )
    try:
        inspect.signature(function)
    except (ValueError, TypeError) as error:
        raise BadInput(f"has no signature: {error}.", hint="Call it in a function of your own.") from error
    docstring = _docstring(function, description)
    parameters = parameters_of(function, docstring, skip=1 if _is_method(function) else 0)
    return ToolSpec(name, docstring.description, parameters.schema), parameters


def _docstring(function: Callable[..., Any], description: str | None) -> Docstring:
    # An instance's own class is described by its docstring; what it does when called, by that of __call__.
    written = function.__doc__ if inspect.isroutine(function) else getattr(type(function).__call__, "__doc__", None)
    if isinstance(function, functools.partial):
        written = cast("functools.partial[Any]", function).func.__doc__
    if description is None:
        return read_docstring(written)
    return Docstring(description, read_docstring(written).parameters if written else {})


def _is_method(function: Callable[..., Any]) -> bool:
    """Whether it is a method that is not bound yet, as seen by a decorator inside its class."""
    inside = function.__qualname__.rpartition(".")[0] if inspect.isfunction(function) else ""
    first = next(iter(inspect.signature(function).parameters), "")
    return bool(inside) and not inside.endswith("<locals>") and first in ("self", "cls")


def _is_async(function: Callable[..., object]) -> bool:
    plain: Any = function
    while isinstance(plain, functools.partial):
        plain = cast("functools.partial[Any]", plain).func
    if not inspect.isroutine(plain):
        plain = plain.__call__
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


def _gathered(value: object) -> object:
    if isinstance(value, str | ToolResult):
        return value
    return to_text(first_items(cast("Iterator[Any]", value)) if isinstance(value, Iterator) else value)


def _is_awaited(value: object) -> bool:
    return inspect.isawaitable(value) or isinstance(value, AsyncIterable)


async def _awaited(value: object) -> object:
    if inspect.isawaitable(value):
        value = cast(object, await value)
    if isinstance(value, AsyncIterable):
        return to_text(await first_items_of(cast("AsyncIterable[object]", value)))
    return _gathered(value)
