"""From a spec file to the object it states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edgebench.specs.explain import explain
from edgebench.specs.include import INCLUDE, read_merged
from edgebench.specs.label_files import with_labels
from edgebench.specs.problem import Place, Problem
from edgebench.specs.stated import Stated
from edgebench.specs.yaml_reader import Node, plain

S = TypeVar("S", bound=Stated)


def build(cls: type[S], file: Path) -> tuple[S | None, list[Problem]]:
    """The spec a file states, or all that is wrong with it. Files it refers to are not looked for."""
    problems: list[Problem] = []
    root = read_merged(file, problems)
    root = root and with_labels(root, problems)
    spec = _validated(cls, _named(root, file, problems), file, problems) if root else None
    if root is None or spec is None or problems:
        return None, sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
    return spec.read_from(file, dict(_places(root))), []


def _validated(cls: type[S], root: Node, file: Path, problems: list[Problem]) -> S | None:
    complete = all(problem.file == str(file) and problem.key != INCLUDE for problem in problems)
    try:
        # Strict, so that `yes` is no flag and `"5"` no number; as JSON, so that lists may become tuples.
        return cls.model_validate_json(json.dumps(plain(root)), strict=True)
    except ValidationError as exc:
        problems += explain(cls, root, exc, complete=complete)
        return None


def _named(root: Node, file: Path, problems: list[Problem]) -> Node:
    """The file's name is the spec's; stating another is a mistake."""
    name = root.content.get("name")
    if name is None:
        return replace(root, content={"name": Node(Place(file), file.stem), **root.content})
    if isinstance(name.content, str) and name.content != file.stem:
        problems.append(Problem.at(name.place, f"must be {file.stem!r}, as the file is called", key="name"))
    return root


def _places(node: Node, path: str = "") -> Iterator[tuple[str, Place]]:
    """Key path -> place, of every key that is not in a list."""
    for key, child in node.content.items() if isinstance(node.content, dict) else ():
        yield path + key, child.place
        yield from _places(child, f"{path}{key}.")
