"""What a model that writes ReAct has written: thoughts and actions are kept back, the answer goes out at once."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from myna.core.tools import ToolSpec
from myna.text.tool_calls import BrokenCall, FoundCall, ToolCallFilter
from myna.tools.json_schema import properties_of

Part: TypeAlias = Literal["plain", "thought", "action", "input", "observation", "answer"]

LABELS: Final[dict[str, Part]] = {
    "thought": "thought",
    "思考": "thought",
    "想法": "thought",
    "action": "action",
    "行动": "action",
    "动作": "action",
    "action input": "input",
    "行动输入": "input",
    "动作输入": "input",
    "observation": "observation",
    "观察": "observation",
    "final answer": "answer",
    "最终答案": "answer",
    "最终回答": "answer",
}
"""What stands before a colon at the beginning of a line, in lower case.

It may be numbered, bold, a heading, quoted or in a list, and all of it in a code fence.
"""

NO_ACTION: Final = frozenset(
    {"none", "no action", "n/a", "no", "final answer", "answer", "finish", "无", "没有", "不需要"}
)
"""What models write where they mean no action."""

_LABEL = "|".join(sorted(map(re.escape, LABELS), key=len, reverse=True))
_BULLETS = ("-", "+", ">")
_FENCE = r"(```\w{0,12}[ \t]{0,4}\r?\n)?"
_BEFORE = r"[ \t]{0,4}(?:[-+>*] )?([#*_]{0,3}) ?"
_AFTER = r"(?: ?\d{1,2})?[*_]{0,3} ?"
_MARK = re.compile(rf"{_FENCE}{_BEFORE}({_LABEL}){_AFTER}[:：]", re.IGNORECASE | re.ASCII)
_BEGINNING = re.compile(_FENCE + _BEFORE)
_FENCE_BEGINS = re.compile(r"`{1,2}|```\w{0,12}[ \t]{0,4}\r?", re.ASCII)
_FENCE_ENDS = re.compile(r"```[ \t]*(?:\n|\Z)")
_LONGEST_MARK = 50
_ENDING = re.compile(r" ?\d{0,2}[*_]{0,3} ?")
_ANSWER_IN_LINE = re.compile(r"(?:final answer|最终答案|最终回答)[*_]{0,3} ?[:：][*_]{0,3}", re.IGNORECASE | re.ASCII)


class ReActReader:
    """Takes an answer apart as it comes, in whatever pieces.

    ::

        Thought: I have to look.          kept back
        Action: get_weather               kept back
        Action Input: {"place": "Oslo"}   kept back
        Final Answer: It is sunny.        goes out, from "It" on

    Text before the first mark goes out too: a model that writes no mark has just answered. Of it are held back white
    space and what may still become a mark or a call, which is at most some 50 characters. The first action, or else
    the first answer, is the end: what a model makes up after it is dropped.

    Args:
        tools: Those that there are. A call of one in the model's own format is an action too, and is not shown.

    Attributes:
        over: What still comes does not count, so the model may be stopped.
        answered: Some of the answer went out.
        call: The name and the arguments of a call in the model's own format.
    """

    def __init__(self, tools: Sequence[ToolSpec] = ()) -> None:
        self.over = False
        self.call: tuple[str, str] | None = None
        self._calls = ToolCallFilter({tool.name: tool.parameters for tool in tools})
        self._fenced = False
        self.answered = False
        self._parts: dict[Part, list[str]] = {}
        self._part: Part = "plain"
        self._held = ""
        self._line_begins = True
        self._begins = True  # nothing of the part came yet
        self._gap = ""  # white space that goes out before more of the same
        self._stars = 0  # with which a bold mark may still close

    def feed(self, piece: str) -> str:
        """What is now known to be for the user; may be empty."""
        return "".join(map(self._next, self._calls.feed(piece)))

    def finish(self) -> str:
        """What was held back of it: the model has ended."""
        shown = "".join(map(self._next, self._calls.finish())) + self._read(self._held, whole=True)
        late = _ANSWER_IN_LINE.search(self.thought)
        if late and not self.action and not self.call and not self.answered:
            answer = self.thought[late.end() :].strip()
            self.answered = bool(answer)
            return shown + answer
        return shown

    @property
    def thought(self) -> str:
        """What the model thought."""
        return self._text("thought")

    @property
    def action(self) -> str:
        """The tool, as the model wrote it; empty if there is no action."""
        action = self._text("action")
        return "" if action.strip(" .*_`").lower() in NO_ACTION else action

    @property
    def input(self) -> str:
        """Its arguments, as the model wrote them."""
        return self._text("input")

    def _text(self, part: Part) -> str:
        return "".join(self._parts.get(part, ())).strip()

    def _next(self, found: str | FoundCall | BrokenCall) -> str:
        if isinstance(found, str):
            return self._read(self._held + found, whole=False)
        shown = self._read(self._held, whole=True)
        if found.name and not self.over and not self.answered:
            self.call = found.name, found.arguments
        self.over = True
        return shown

    def _read(self, text: str, *, whole: bool) -> str:
        shown: list[str] = []
        place = 0
        while place < len(text) and not self.over:
            if self._line_begins:
                if mark := _MARK.match(text, place):
                    self._fenced = self._fenced or bool(mark[1])
                    self._begin(LABELS[mark[3].lower()], stars=mark[2])
                    place = mark.end()
                    continue
                ends = _FENCE_ENDS.match(text, place) if self._fenced else None
                if ends and (whole or ends[0].endswith("\n")):
                    self._fenced, self.over = False, self.answered or bool(self.action)
                    place = ends.end()
                    continue
                if not whole and _may_become_mark(text, place):
                    break
                self._line_begins = False
            end = text.find("\n", place) + 1 or len(text)
            shown.append(self._take(text[place:end]))
            self._line_begins = text[end - 1] == "\n"
            place = end
        self._held = "" if self.over else text[place:]
        return "".join(shown)

    def _begin(self, part: Part, stars: str) -> None:
        acted = bool(self.action)
        self.over = self.answered or (acted and (part != "input" or "input" in self._parts))
        self._part = part
        self._begins = True
        self._line_begins = True  # a mark may follow at once
        self._gap = "\n" if part in self._parts else ""
        self._stars = len(stars.replace("#", ""))

    def _take(self, text: str) -> str:
        """More of the part, of one line; back comes what the user sees."""
        if self._begins:
            while self._stars and text[:1] in {"*", "_"}:
                self._stars -= 1
                text = text[1:]
            text = text.lstrip()
        known = text.rstrip()
        if not known:
            self._gap += "" if self._begins else text
            return ""
        piece = self._gap + known
        self._gap = text[len(known) :]
        self._begins = False
        part = self._parts.setdefault(self._part, [])
        part.append(piece)
        if self._part == "plain":
            return piece
        if self._part != "answer":
            return ""
        self.answered = True
        return f"\n{piece}" if len(part) == 1 and "plain" in self._parts else piece


def _may_become_mark(text: str, place: int) -> bool:
    """Whether the line that begins at ``place`` may begin with a mark when more of it has come."""
    if len(text) - place > _LONGEST_MARK:
        return False
    beginning = _BEGINNING.match(text, place)
    rest = text[beginning.end() if beginning else place :].lower()
    if rest in _BULLETS or _FENCE_BEGINS.fullmatch(text, place):
        return True
    return any(
        label.startswith(rest) or (rest.startswith(label) and _ENDING.fullmatch(rest, len(label))) for label in LABELS
    )


# ------------------------------------------------------------------------------------------------- its actions

_CALL = re.compile(r"([\w.-]{1,64})\s*[(\[]\s*(.*?)\s*[)\]]?\s*", re.DOTALL)
_NAME_KEYS = ("action", "name", "tool", "function")
_ARGUMENT_KEYS = ("action_input", "input", "arguments", "args", "parameters")


def read_action(action: str, arguments: str, tools: Sequence[ToolSpec]) -> tuple[str, str]:
    """The name and the arguments of a call, in any of the ways that models write them.

    ``look``, with quotes around it, ``look({"at": "it"})``, ``look[it]``, ``{"action": "look", "action_input": …}``;
    arguments in a code fence, with words around them, or a bare value where there is but one parameter.

    Returns:
        The arguments are a JSON object wherever they can be read as one, else as they were written.
    """
    names = {tool.name: tool for tool in tools}
    if (found := _object_in(action)) and (name := _first(found, _NAME_KEYS)) in names:
        inner = _first(found, _ARGUMENT_KEYS)
        return str(name), inner if isinstance(inner, str) else json.dumps(inner or {}, ensure_ascii=False)
    lines = action.strip().splitlines()
    name = (lines[0] if lines else "").strip(" `'\"*.")
    if name not in names and (call := _CALL.fullmatch(action.strip(" `\n"))) and call[1] in names:
        name, arguments = call[1], arguments or call[2]
    elif not arguments and len(lines) > 1:
        arguments = "\n".join(lines[1:])
    tool = names.get(name)
    return name, _read_arguments(arguments, properties_of(tool.parameters) if tool else ())


def _read_arguments(written: str, parameters: Collection[str]) -> str:
    if (found := _object_in(written)) is not None:
        return json.dumps(found, ensure_ascii=False)
    value = written.strip(" `\n")
    if value.lower() in {"", "none", "null", "无"}:
        return "{}"
    if len(parameters) != 1 or value.startswith("{"):
        return written
    (name,) = parameters
    try:
        return json.dumps({name: json.loads(value)}, ensure_ascii=False)
    except ValueError:
        return json.dumps({name: value.strip("'\"")}, ensure_ascii=False)


def _object_in(text: str) -> dict[str, Any] | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found)


def _first(found: Mapping[str, Any], keys: Sequence[str]) -> Any:  # noqa: ANN401 - JSON
    return next((found[key] for key in keys if key in found), None)
