"""Regular expressions whose time is bounded by the text's length, whatever the text is.

Values come from outside, and a backtracking engine can be stalled by one. This one keeps the set of
all states it could be in instead (Thompson), and remembers the steps it has made before. It answers
only whether the expression is somewhere in the text; case does not matter.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

PATTERN_LENGTH_MAX: Final = 200
REPETITIONS_MAX: Final = 100
# States times characters is the work of the worst value: some 10 ms with these two limits.
STATES_MAX: Final = 300
VALUE_LENGTH_MAX: Final = 512
DEPTH_MAX: Final = 20
_STEPS_REMEMBERED_MAX: Final = 4096

_Accepts = Callable[[str], bool]
_SPECIAL: Final = r"\.^$|?*+()[]{}"
_CLASSES: Final[dict[str, _Accepts]] = {
    "d": str.isdecimal,
    "w": lambda char: char.isalnum() or char == "_",
    "s": str.isspace,
}


class NotUnderstood(ValueError):
    """The expression is not one of ours; the message says which part."""


# An instruction is one of: a character that fits, two ways to go on, an anchor, the end.
@dataclass(frozen=True, slots=True)
class _Character:
    accepts: _Accepts
    then: int


@dataclass(slots=True)
class _Fork:
    ways: list[int]


@dataclass(frozen=True, slots=True)
class _Anchor:
    is_start: bool
    then: int


_Instruction = _Character | _Fork | _Anchor
_MATCH: Final = 0  # the state in which the expression was found

# The expression as a tree, made by the parser: nested tuples would do, names are clearer.


@dataclass(frozen=True, slots=True)
class _One:
    accepts: _Accepts


@dataclass(frozen=True, slots=True)
class _Edge:
    is_start: bool


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple["_Tree", ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    parts: tuple["_Tree", ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: "_Tree"
    least: int
    most: int | None


_Tree = _One | _Edge | _Sequence | _Choice | _Repeat


@dataclass(slots=True)
class Expression:
    """An expression that can be looked for."""

    _program: list[_Instruction | None]
    _start: int
    _steps: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)

    def is_in(self, text: str) -> bool:
        """Tell whether the expression is somewhere in `text`, of which only the start is read."""
        states = self._follow((self._start,), at_start=True)
        for char in text[:VALUE_LENGTH_MAX]:
            if _MATCH in states:
                return True
            step = self._steps.get((states, char))
            states = self._step(states, char) if step is None else step
        return _MATCH in states or _MATCH in self._follow(states, at_start=not text, at_end=True)

    def _step(self, states: frozenset[int], char: str) -> frozenset[int]:
        reached = [self._start]  # it may start anywhere
        for state in states:
            instruction = self._program[state]
            if isinstance(instruction, _Character) and instruction.accepts(char):
                reached.append(instruction.then)
        following = self._follow(reached, at_start=False)
        if len(self._steps) >= _STEPS_REMEMBERED_MAX:
            self._steps.clear()
        self._steps[states, char] = following
        return following

    def _follow(
        self, states: Iterable[int], *, at_start: bool, at_end: bool = False
    ) -> frozenset[int]:
        """Give all states that can be reached without reading another character."""
        seen: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            instruction = self._program[state]
            if isinstance(instruction, _Fork):
                waiting += instruction.ways
            elif isinstance(instruction, _Anchor) and (
                at_start if instruction.is_start else at_end
            ):
                waiting.append(instruction.then)
        return frozenset(seen)


def compile_expression(pattern: str) -> Expression:
    r"""Read an expression: . [] ^ $ | () * + ? {m,n} and \d \w \s.

    Raises:
        NotUnderstood: it has an error, or something that is not among these.
    """
    if len(pattern) > PATTERN_LENGTH_MAX:
        raise NotUnderstood(f"it has more than {PATTERN_LENGTH_MAX} characters")
    tree = _Parser(pattern).parse()
    program: list[_Instruction | None] = [None]
    start = _emit(tree, program, _MATCH)
    return Expression(program, start)


def _emit(tree: _Tree, program: list[_Instruction | None], then: int) -> int:
    """Write the instructions of `tree`, which go on at `then`; give where they start."""
    match tree:
        case _One(accepts):
            return _add(program, _Character(accepts, then))
        case _Edge(is_start):
            return _add(program, _Anchor(is_start, then))
        case _Sequence(parts):
            for part in reversed(parts):
                then = _emit(part, program, then)
            return then
        case _Choice(parts):
            return _add(program, _Fork([_emit(part, program, then) for part in parts]))
        case _Repeat(part, least, most):
            return _emit_repeat(part, least, most, program=program, then=then)


def _emit_repeat(
    part: _Tree, least: int, most: int | None, *, program: list[_Instruction | None], then: int
) -> int:
    if most is None:
        loop = _Fork([then])
        at = _add(program, loop)
        loop.ways.append(_emit(part, program, at))
    else:
        at = then
        for _ in range(most - least):
            at = _add(program, _Fork([then, _emit(part, program, at)]))
    for _ in range(least):
        at = _emit(part, program, at)
    return at


def _add(program: list[_Instruction | None], instruction: _Instruction) -> int:
    if len(program) >= STATES_MAX:
        raise NotUnderstood("it is too large; shorten it or its repetitions")
    program.append(instruction)
    return len(program) - 1


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def parse(self) -> _Tree:
        tree = self._choice()
        if self._at < len(self._pattern):
            raise NotUnderstood('a ")" closes nothing')
        return tree

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _choice(self) -> _Tree:
        parts = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else _Choice(tuple(parts))

    def _sequence(self) -> _Tree:
        parts: list[_Tree] = []
        while (char := self._peek()) and char not in "|)":
            parts.append(self._repeated(self._atom()))
        return _Sequence(tuple(parts))

    def _repeated(self, part: _Tree) -> _Tree:
        bounds = self._bounds()
        if bounds is None:
            return part
        if isinstance(part, _Edge):
            raise NotUnderstood("^ and $ cannot be repeated")
        if self._peek() == "?":
            self._at += 1  # lazy or greedy: it is found or not
        if self._peek() and self._peek() in "*+?{":
            raise NotUnderstood(f"{self._peek()!r} follows a repetition")
        return _Repeat(part, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        char = self._peek()
        if char not in {"*", "+", "?", "{"}:
            return None
        self._at += 1
        if char != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        text, brace, _ = self._pattern[self._at :].partition("}")
        self._at += len(text) + 1
        least, comma, most = text.partition(",")
        if not brace or not _is_count(least) or (most and not _is_count(most)):
            raise NotUnderstood(r"a repetition is written {2}, {2,} or {2,5}; the character is \{")
        bounds = (int(least), int(most) if most else None) if comma else (int(least), int(least))
        if max(bounds[0], bounds[1] or 0) > REPETITIONS_MAX:
            raise NotUnderstood(f"it repeats more than {REPETITIONS_MAX} times")
        if bounds[1] is not None and bounds[1] < bounds[0]:
            raise NotUnderstood(f"{{{text}}} ends before it starts")
        return bounds

    def _atom(self) -> _Tree:
        char = self._take()
        match char:
            case "(":
                return self._group()
            case "[":
                return _One(self._set())
            case ".":
                return _One(lambda _: True)
            case "^" | "$":
                return _Edge(is_start=char == "^")
            case "\\":
                return _One(self._escape())
            case "*" | "+" | "?" | "{":
                raise NotUnderstood(f"nothing stands before {char!r} that could be repeated")
            case _:
                return _One(_equal_to(char))

    def _group(self) -> _Tree:
        if self._pattern.startswith("?:", self._at):
            self._at += 2
        elif self._peek() == "?":
            raise NotUnderstood('groups with "(?" are not known here; case does not matter anyway')
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise NotUnderstood("its groups are nested too deep")
        tree = self._choice()
        self._depth -= 1
        if self._take() != ")":
            raise NotUnderstood('a "(" is not closed')
        return tree

    def _escape(self) -> _Accepts:
        char = self._take()
        if char.lower() in _CLASSES:
            accepts = _CLASSES[char.lower()]
            return accepts if char.islower() else lambda one: not accepts(one)
        if not char or (char.isascii() and char.isalnum()):
            raise NotUnderstood(rf"\{char} is not known here; \d, \w and \s are")
        return _equal_to(char)

    def _set(self) -> _Accepts:
        is_negated = self._peek() == "^"
        self._at += is_negated
        members = list(self._members())

        def accepts(char: str) -> bool:
            return any(member(char) for member in members) is not is_negated

        return accepts

    def _members(self) -> Iterator[_Accepts]:
        first = True
        while (char := self._take()) != "]" or first:
            first = False
            if not char:
                raise NotUnderstood('a "[" is not closed')
            if char == "\\" and self._peek().lower() in _CLASSES:
                yield self._escape()
                continue
            low = self._literal(char)
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._at += 1
                yield _between(low, self._literal(self._take()))
            else:
                yield _equal_to(low)

    def _literal(self, char: str) -> str:
        if char != "\\":
            return char
        escaped = self._take()
        if not escaped or (escaped.isascii() and escaped.isalnum()):
            raise NotUnderstood(rf"\{escaped} is not known here; \d, \w and \s are")
        return escaped


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4


def _equal_to(wanted: str) -> _Accepts:
    lower, upper = wanted.lower(), wanted.upper()
    return lambda char: char in (wanted, lower, upper)


def _between(low: str, high: str) -> _Accepts:
    if high < low:
        raise NotUnderstood(f"[{low}-{high}] ends before it starts")
    return lambda char: (
        low <= char <= high or any(low <= one <= high for one in (char.lower(), char.upper()))
    )
