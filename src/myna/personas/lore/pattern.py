"""Regular expressions from strangers, in time that is bounded.

Python's own matcher tries one way after the other and may take years over ``(a+)+b``; nothing can stop it. This one
follows all ways at once (Thompson 1968), so its work grows with the text times the pattern, and it counts its steps.
What it understands is JavaScript's syntax, in which cards are written, but for look-around and references back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NoReturn, TypeAlias, assert_never

MOST_INSTRUCTIONS = 2000
MOST_WORK = 3 * MOST_INSTRUCTIONS
"""That making a program may be, in parts of the pattern and their repetitions: those of nothing count as well."""
MOST_REPEATS = 200
DEEPEST = 30


class BadPattern(ValueError):
    """What is no regular expression, or one that is not understood."""


@dataclass(slots=True)
class Steps:
    """How much work is left to whoever matches with it."""

    left: int


@dataclass(frozen=True, slots=True)
class _Set:
    """Characters: ranges and classes, or all others."""

    ranges: tuple[tuple[str, str], ...] = ()
    classes: str = ""
    negated: bool = False

    def has(self, char: str) -> bool:
        found = any(low <= char <= high for low, high in self.ranges) or any(
            _CLASSES[name](char) for name in self.classes
        )
        return found != self.negated


@dataclass(frozen=True, slots=True)
class _Assert:
    kind: Literal["^", "$", "b", "B"]


@dataclass(frozen=True, slots=True)
class _Cat:
    parts: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Alt:
    ways: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    what: "_Node"
    least: int
    most: int | None


_Node: TypeAlias = _Set | _Assert | _Cat | _Alt | _Repeat


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())


_CLASSES: dict[str, Callable[[str], bool]] = {
    "d": lambda char: "0" <= char <= "9",
    "D": lambda char: not "0" <= char <= "9",
    "w": _is_word,
    "W": lambda char: not _is_word(char),
    "s": str.isspace,
    "S": lambda char: not char.isspace(),
    ".": lambda char: char not in "\n\r\u2028\u2029",
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f", "0": "\0"}
_RANGES_A_STEP = 4
"""Of a class in brackets that are looked at in the time of a step."""
_COUNTS = re.compile(r"\{(\d{1,9})(?:(,)(\d{0,9}))?\}")


@dataclass(slots=True)
class _Parser:
    source: str
    dot_all: bool
    at: int = 0
    depth: int = 0

    def whole(self) -> _Node:
        node = self._ways()
        if self.at < len(self.source):
            self._fail("an unmatched )")
        return node

    def _ways(self) -> _Node:
        self.depth += 1
        if self.depth > DEEPEST:
            self._fail(f"more than {DEEPEST} groups in each other")
        ways = [self._sequence()]
        while self._take("|"):
            ways.append(self._sequence())
        self.depth -= 1
        return ways[0] if len(ways) == 1 else _Alt(tuple(ways))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return _Cat(tuple(parts))

    def _repeated(self, node: _Node) -> _Node:
        counts = _COUNTS.match(self.source, self.at)
        if counts:
            least = int(counts[1])
            most = least if not counts[2] else int(counts[3]) if counts[3] else None
            self.at = counts.end()
        elif self.at < len(self.source) and self.source[self.at] in "*+?":
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self.source[self.at]]
            self.at += 1
        else:
            return node
        self._take("?")  # lazy or not: whether it matches is the same
        if self.at < len(self.source) and self.source[self.at] in "*+?":
            self._fail("nothing to repeat")
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            self._fail(f"a repetition that is not between 0 and {MOST_REPEATS} times")
        return _Repeat(node, least, most)

    def _atom(self) -> _Node:
        char = self.source[self.at]
        self.at += 1
        match char:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return _Set(classes="sS" if self.dot_all else ".")
            case "^" | "$":
                return _Assert(char)
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                self._fail("nothing to repeat")
            case _:
                pass
        return _Set(((char, char),))

    def _group(self) -> _Node:
        if self._take("?") and not self._take(":"):
            name = re.compile(r"<[A-Za-z_]\w*>").match(self.source, self.at)
            if name is None:
                self._fail("look-around, which is not understood")
            self.at = name.end()
        node = self._ways()
        if not self._take(")"):
            self._fail("a missing )")
        return node

    def _escape(self) -> _Node:
        if self.at >= len(self.source):
            self._fail("a lone \\")
        char = self.source[self.at]
        match char:
            case "b" | "B":
                self.at += 1
                return _Assert(char)
            case "d" | "D" | "w" | "W" | "s" | "S":
                self.at += 1
                return _Set(classes=char)
            case _:
                literal = self._literal()
                return _Set(((literal, literal),))

    def _literal(self) -> str:
        """The character that an escape stands for, the backslash taken already."""
        if self.at >= len(self.source):
            self._fail("a lone \\")
        code = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,5})\}").match(self.source, self.at)
        if code:
            self.at = code.end()
            return chr(int(code[1] or code[2] or code[3], 16))
        char = self.source[self.at]
        self.at += 1
        if char in "123456789kpP":
            self._fail(f"\\{char}, which is not understood")
        return _ESCAPES.get(char, char)

    def _class(self) -> _Node:
        negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        classes = ""
        while not self._take("]"):
            low = self._member()
            if low is None:
                classes += self.source[self.at - 1]
                continue
            high = low
            if self.source.startswith("-", self.at) and not self.source.startswith("-]", self.at):
                self.at += 1
                high = self._member()
                if high is None or high < low:
                    self._fail("a range that is none")
            ranges.append((low, high))
        return _Set(tuple(dict.fromkeys(ranges)), "".join(dict.fromkeys(classes)), negated)

    def _member(self) -> str | None:
        """A character of a class in brackets; None for one that stands for several."""
        if self.at >= len(self.source):
            self._fail("a missing ]")
        char = self.source[self.at]
        self.at += 1
        if char != "\\":
            return char
        if self.at < len(self.source) and self.source[self.at] in "dDwWsS":
            self.at += 1
            return None
        if self._take("b"):
            return "\b"
        return self._literal()

    def _take(self, char: str) -> bool:
        if self.source.startswith(char, self.at):
            self.at += 1
            return True
        return False

    def _fail(self, why: str) -> NoReturn:
        raise BadPattern(f"{why}, near character {self.at}")


_Instruction: TypeAlias = _Set | _Assert | tuple[int, ...] | None
"""A character, a condition, places to go on from, or the end."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that is ready to be looked for. Made by `compile_pattern`."""

    program: tuple[_Instruction, ...]
    ignore_case: bool
    many_lines: bool
    work: int  # that making it was, in steps

    def is_in(self, text: str, steps: Steps) -> bool:
        """Whether it is found in ``text``; when the steps are used up, it is not."""
        states: set[int] = set()
        for at in range(len(text) + 1):
            reached = self._reach({*states, 0}, text, at, steps)
            if reached is None:
                return True
            if steps.left <= 0 or at == len(text):
                return False
            char = text[at]
            forms = (char, char.lower(), char.upper()) if self.ignore_case else (char,)
            states = set[int]()
            for place in reached:
                if isinstance(wanted := self.program[place], _Set):
                    steps.left -= len(wanted.ranges) // _RANGES_A_STEP
                    if _matches(wanted, forms):
                        states.add(place + 1)
        return False

    def _reach(self, states: set[int], text: str, at: int, steps: Steps) -> list[int] | None:
        """The characters that may come next from ``states``; None at the end of the pattern."""
        seen, waiting, reached = set(states), [*states], list[int]()
        while waiting:
            place = waiting.pop()
            steps.left -= 1
            match self.program[place]:
                case None:
                    return None
                case _Set():
                    reached.append(place)
                    continue
                case _Assert(kind=kind):
                    following = (place + 1,) if self._holds(kind, text, at) else ()
                case following:
                    pass
            for each in following:
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return reached

    def _holds(self, kind: str, text: str, at: int) -> bool:
        match kind:
            case "^":
                return at == 0 or (self.many_lines and text[at - 1] == "\n")
            case "$":
                return at == len(text) or (self.many_lines and text[at] == "\n")
            case _:
                before, after = at > 0 and _is_word(text[at - 1]), at < len(text) and _is_word(text[at])
                return (before != after) == (kind == "b")


_WRITTEN = re.compile(r"(?s)/(.+)/([dgimsuvy]*)")


def is_pattern(key: str) -> bool:
    """Whether ``key`` is written as ``/pattern/flags``; ``/etc/passwd`` is not."""
    return _WRITTEN.fullmatch(key) is not None


def compile_pattern(source: str, *, ignore_case: bool = False) -> Pattern:
    """The pattern in ``source``, written as it is or as ``/pattern/flags``.

    Raises:
        BadPattern: It is no regular expression, has what is not understood, or is too long.
    """
    flags = ""
    if found := _WRITTEN.fullmatch(source):
        source, flags = found[1].replace("\\/", "/"), found[2]
        ignore_case = "i" in flags
    if (work := _work(node := _Parser(source, "s" in flags).whole())) > MOST_WORK:
        raise BadPattern("it is too long")
    program = _Compiler()
    program.add(node)
    program.put(None)
    return Pattern(tuple(program.made), ignore_case, "m" in flags, work)


def _work(node: _Node) -> int:
    """How often `_Compiler.add` will be called for ``node``, about; told without doing it."""
    match node:
        case _Set() | _Assert():
            return 1
        case _Cat(nodes) | _Alt(nodes):
            return 1 + sum(map(_work, nodes))
        case _Repeat(what=what, least=least, most=most):
            return 1 + _work(what) * (least + 1 if most is None else most)


@dataclass(slots=True)
class _Compiler:
    made: list[_Instruction] = field(default_factory=list[_Instruction])

    def put(self, instruction: _Instruction) -> int:
        if len(self.made) >= MOST_INSTRUCTIONS:
            raise BadPattern("it is too long")
        self.made.append(instruction)
        return len(self.made) - 1

    def add(self, node: _Node) -> None:
        match node:
            case _Set() | _Assert():
                self.put(node)
            case _Cat(parts=parts):
                for part in parts:
                    self.add(part)
            case _Alt(ways=ways):
                self._branch(ways)
            case _Repeat(what=what, least=least, most=most):
                for _ in range(least):
                    self.add(what)
                if most is None:
                    self._loop(what)
                else:
                    self._optional(what, most - least)
            case _:
                assert_never(node)

    def _branch(self, ways: tuple[_Node, ...]) -> None:
        split, starts, ends = self.put(()), list[int](), list[int]()
        for way in ways:
            starts.append(len(self.made))
            self.add(way)
            ends.append(self.put(()))
        self.made[split] = tuple(starts)
        for end in ends:
            self.made[end] = (len(self.made),)

    def _loop(self, what: _Node) -> None:
        split = self.put(())
        self.add(what)
        self.put((split,))
        self.made[split] = (split + 1, len(self.made))

    def _optional(self, what: _Node, times: int) -> None:
        splits: list[int] = []
        for _ in range(times):
            splits.append(self.put(()))
            self.add(what)
        for split in splits:
            self.made[split] = (split + 1, len(self.made))


def _matches(wanted: _Set, forms: tuple[str, ...]) -> bool:
    if wanted.negated:
        return all(wanted.has(form) for form in forms)
    return any(wanted.has(form) for form in forms)
