"""YAML as data that remembers where each value stood.

Plain scalars follow the YAML 1.2 core schema, so `no`, `1:30`, `010` and `2024-01-01` are text and `1e-3`
is a number; underscores in whole numbers are allowed. Tags and merge keys are refused: a spec holds data.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from edgebench.specs.problem import Place, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 10_000  # after aliases are expanded
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# YAML 1.2.2, section 5.1: what a stream may hold.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Section 10.3.2, and underscores between digits. A leading zero is octal to some readers: it stays text.
_INT = re.compile(r"[-+]?(0|[1-9](_?[0-9]){0,99})")
_BASED = re.compile(r"0o[0-7]{1,99}|0x[0-9a-fA-F]{1,99}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]{1,9})?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass(frozen=True)
class Node:
    """A value and where it is stated; for the value of a key, the place of the key.

    `content` is a dict of Nodes, a list of Nodes, or a scalar; `text` is a scalar as it was written;
    `values` counts this node and all below it.
    """

    place: Place
    content: Any
    text: str | None = None
    values: int = 1


def plain(node: Node) -> Any:
    """The same without places."""
    if isinstance(node.content, dict):
        return {key: plain(child) for key, child in node.content.items()}
    if isinstance(node.content, list):
        return [plain(child) for child in node.content]
    return node.content


def read(file: Path, problems: list[Problem]) -> Node | None:
    """The mapping a YAML file holds. Appends what is wrong; None where nothing can be made of the file."""
    text = _text(file, problems)
    if text is None:
        return None
    try:
        root = _Composer(file, problems).compose(text)
    except yaml.MarkedYAMLError as exc:
        text = ("" if isinstance(exc, _Refused) else "not YAML: ") + (exc.problem or exc.context or "")
        problems.append(Problem.at(_place(file, exc.problem_mark), text))
        return None
    except yaml.YAMLError as exc:
        problems.append(Problem.at(Place(file), f"not YAML: {exc}"))
        return None
    if root is None or not isinstance(root.content, dict):
        found = "nothing" if root is None or root.content is None else _kind(root)
        problems.append(Problem.at(root.place if root else Place(file), f"must hold keys and values, found {found}"))
        return None
    return root


def _text(file: Path, problems: list[Problem]) -> str | None:
    try:
        # A named pipe would wait for ever, a device might never end.
        if not stat.S_ISREG(file.stat().st_mode):
            problems.append(Problem.at(Place(file), "is not a file"))
            return None
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as exc:
        problems.append(Problem.at(Place(file), f"cannot be read: {exc.strerror or exc}"))
        return None
    if len(data) > MAX_BYTES:
        problems.append(Problem.at(Place(file), f"is larger than {MAX_BYTES // 1024} KiB, so it is no spec"))
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        problems.append(Problem.at(Place(file, line), "is not UTF-8 text"))
        return None
    if odd := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        problems.append(Problem.at(Place(file, line), f"holds the control character {odd.group()!r}"))
        return None
    return text


class _Refused(yaml.MarkedYAMLError):
    """YAML, but beyond what a spec may be."""

    def __init__(self, problem: str, place: Place) -> None:
        super().__init__(None, None, problem, yaml.Mark("", 0, place.line - 1, place.column - 1, None, 0))


@dataclass
class _Open:
    """A mapping or sequence whose end has not been seen."""

    place: Place
    is_mapping: bool
    anchor: str | None
    children: list[Node] = field(default_factory=list)


class _Composer:
    """Builds nodes from parser events, without recursion and within bounds."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.anchors: dict[str, Node | None] = {}  # None while the anchored value is still open
        self.open: list[_Open] = []

    def compose(self, text: str) -> Node | None:
        root: Node | None = None
        for node in self._nodes(yaml.parse(text, Loader=_LOADER)):
            if node.values > MAX_VALUES:
                raise _Refused(f"more than {MAX_VALUES} values once aliases are expanded", node.place)
            if self.open:
                self.open[-1].children.append(node)
            elif root is not None:
                raise _Refused("a second document; write one in each file", node.place)
            else:
                root = node
        return root

    def _nodes(self, events: Iterator[yaml.Event]) -> Iterator[Node]:
        """Finished nodes, children before parents."""
        for event in events:
            place = _place(self.file, event.start_mark)
            if isinstance(event, yaml.AliasEvent):
                yield self._alias(str(event.anchor), place)
            elif isinstance(event, yaml.ScalarEvent):
                self._refuse_tag(event, place)
                text = str(event.value)
                value = scalar(text) if event.implicit[0] else text
                yield self._anchored(event.anchor, Node(place, value, text))
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event, place)
            elif isinstance(event, yaml.CollectionEndEvent):
                yield self._end()

    def _begin(self, event: Any, place: Place) -> None:
        self._refuse_tag(event, place)
        if len(self.open) == MAX_DEPTH:
            raise _Refused(f"nested deeper than {MAX_DEPTH} levels", place)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append(_Open(place, isinstance(event, yaml.MappingStartEvent), event.anchor))

    def _end(self) -> Node:
        done = self.open.pop()
        content = self._mapping(done.children) if done.is_mapping else done.children
        values = 1 + sum(child.values for child in done.children)
        return self._anchored(done.anchor, Node(done.place, content, values=values))

    def _mapping(self, children: list[Node]) -> dict[str, Node]:
        content: dict[str, Node] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if key.text is None:
                self.problems.append(Problem.at(key.place, f"a key must be text, found {_kind(key)}"))
            elif key.text in content:
                first = content[key.text].place.line
                self.problems.append(Problem.at(key.place, f"stated twice, first on line {first}", key=key.text))
            else:
                content[key.text] = replace(value, place=key.place)
        return content

    def _anchored(self, anchor: str | None, node: Node) -> Node:
        if anchor:
            self.anchors[anchor] = node
        return node

    def _alias(self, anchor: str, place: Place) -> Node:
        if anchor not in self.anchors:
            raise _Refused(f"*{anchor} refers to nothing above it", place)
        node = self.anchors[anchor]
        if node is None:
            raise _Refused(f"*{anchor} refers to itself", place)
        return replace(node, place=place)

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            self.problems.append(Problem.at(place, f"the tag {event.tag} is refused: a spec holds data only"))


def scalar(text: str) -> Any:
    """What an unquoted word means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _kind(node: Node) -> str:
    return "a mapping" if isinstance(node.content, dict) else "a list" if isinstance(node.content, list) else "a value"


def _place(file: Path, mark: Any) -> Place:
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
