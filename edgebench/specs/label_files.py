"""`labels_file` of a head: a text file with one class name a line becomes the head's `labels`."""

from __future__ import annotations

from dataclasses import replace

from edgebench.specs.problem import Problem
from edgebench.specs.yaml_reader import Node

KEY = "labels_file"
MAX_BYTES = 4 * 1024 * 1024


def with_labels(root: Node, problems: list[Problem]) -> Node:
    """The same spec with the labels of every head that names a file of them."""
    heads = root.content.get("heads")
    if heads is None or not isinstance(heads.content, list):
        return root
    filled = [_filled(head, f"heads[{place}]", problems) for place, head in enumerate(heads.content)]
    return replace(root, content=root.content | {"heads": replace(heads, content=filled)})


def _filled(head: Node, key: str, problems: list[Problem]) -> Node:
    stated = head.content.get(KEY) if isinstance(head.content, dict) else None
    if stated is None or not isinstance(stated.content, str):
        return head
    if "labels" in head.content:
        problems.append(Problem.at(stated.place, "state either `labels` or `labels_file`", key=f"{key}.{KEY}"))
        return head
    try:
        labels = _lines(stated)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        problems.append(Problem.at(stated.place, f"{stated.content}: {reason}", key=f"{key}.{KEY}"))
        labels = []
    nodes = [Node(stated.place, label) for label in labels]
    return replace(head, content=head.content | {"labels": Node(stated.place, nodes)})


def _lines(stated: Node) -> list[str]:
    """Lines that are not empty; raises ValueError where they are no list of names."""
    with (stated.place.file.absolute().parent / stated.content).open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    labels = [line.strip() for line in text.splitlines() if line.strip()]
    if len(labels) < 2:
        raise ValueError("holds fewer than two names")
    return labels
