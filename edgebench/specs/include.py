"""`include: FILE` (or a list): other files' keys first, local keys over them.

Mappings are merged key by key; lists and scalars are replaced. `name` is never taken over.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from edgebench.specs.problem import Problem
from edgebench.specs.yaml_reader import Node, read

INCLUDE = "include"
MAX_CHAIN = 16


def read_merged(file: Path, problems: list[Problem]) -> Node | None:
    """A spec file with all it includes; every node keeps the place it was stated at."""
    return _Reader(problems).read(file, ())


class _Reader:
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.done: dict[str, Node | None] = {}

    def read(self, file: Path, chain: tuple[Path, ...]) -> Node | None:
        key = os.path.realpath(file)
        if key not in self.done:
            node = read(file, self.problems)
            self.done[key] = node and self._with_included(node, (*chain, file))
        return self.done[key]

    def _with_included(self, node: Node, chain: tuple[Path, ...]) -> Node:
        own = dict(node.content)
        stated = own.pop(INCLUDE, None)
        merged: dict[str, Node] = {}
        for part in self._files(stated) if stated else ():
            included = self._included(part, chain)
            if included:
                inherited = {key: child for key, child in included.content.items() if key != "name"}
                merged = _merge(merged, inherited)
        return replace(node, content=_merge(merged, own))

    def _files(self, stated: Node) -> list[Node]:
        files = []
        for part in stated.content if isinstance(stated.content, list) else [stated]:
            if isinstance(part.content, str) and part.content:
                files.append(part)
            else:
                self.problems.append(Problem.at(part.place, "must be a file name or a list of them", key=INCLUDE))
        return files

    def _included(self, part: Node, chain: tuple[Path, ...]) -> Node | None:
        file = chain[-1].parent / part.content
        if complaint := _complaint(file, chain):
            links = " -> ".join(str(link) for link in (*chain, file))
            self.problems.append(Problem.at(part.place, f"{complaint}: {links}", key=INCLUDE))
            return None
        return self.read(file, chain)


def _complaint(file: Path, chain: tuple[Path, ...]) -> str:
    if not os.path.exists(file):  # unlike Path.exists, False for any name the system refuses
        return "no such file"
    if os.path.realpath(file) in [os.path.realpath(link) for link in chain]:
        return "files include one another"
    return f"more than {MAX_CHAIN} files include one another in a row" if len(chain) == MAX_CHAIN else ""


def _merge(below: dict[str, Node], above: dict[str, Node]) -> dict[str, Node]:
    merged = dict(below)
    for key, node in above.items():
        under = below.get(key)
        if under and isinstance(under.content, dict) and isinstance(node.content, dict):
            node = replace(node, content=_merge(under.content, node.content))
        merged[key] = node
    return merged
