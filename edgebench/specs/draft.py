"""A first model spec, written from what a model file tells; what it does not tell stands beside as a comment."""

from __future__ import annotations

import json
import re
from typing import Literal

from pydantic import Field

from edgebench.frozen import Frozen

Kind = Literal["expression", "classes", "valence_arousal", "regression"]
LONGEST_LIST = 20
"""Labels that a spec holds itself; more go to a file beside it, one name a line."""
PLAIN = re.compile(r"[A-Za-z_][\w.-]*(/[\w.-]+)*")
WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class DraftHead(Frozen):
    """One output of the file as a head. `names` are labels, or targets of a regression."""

    kind: Kind
    names: tuple[str, ...] = ()
    activation: Literal["softmax", "logits"] | None = None
    output: int | None = None
    called: str = ""
    """The output's name in the file."""
    note: str = ""


class Draft(Frozen):
    """What a spec needs. A note says what is not known about the value beside it."""

    source: str
    """Key of `source`."""
    size: tuple[int, int]
    color: Literal["rgb", "gray"]
    layout: Literal["nhwc", "nchw"]
    range: tuple[float, float]
    heads: tuple[DraftHead, ...]
    notes: dict[str, str] = Field(default={})
    """By key of `input`, and of `source`."""


def spec_text(draft: Draft, *, file: str, written_by: str, labels_file: str) -> str:
    """YAML of a model spec.

    Args:
        file: path of the model relative to the spec.
        written_by: the command, for the first line.
        labels_file: name of the file that `labels_text` fills, where that is needed.
    """
    lines = [
        (f"# A draft by {written_by}. What the file did not tell is marked; correct it there.", ""),
        (f"source: {{{draft.source}: {_scalar(file)}}}", draft.notes.get("source", "")),
        ("input:", ""),
        (f"  size: [{draft.size[0]}, {draft.size[1]}]", draft.notes.get("size", "")),
        (f"  color: {draft.color}", draft.notes.get("color", "")),
        (f"  layout: {draft.layout}", draft.notes.get("layout", "")),
        ("  crop: none", draft.notes.get("crop", "")),
        (f"  range: [{draft.range[0]:g}, {draft.range[1]:g}]", draft.notes.get("range", "")),
        ("heads:", ""),
        *(line for head in draft.heads for line in _head_lines(head, labels_file)),
    ]
    return "".join(f"{text}  # {note}\n" if note else f"{text}\n" for text, note in lines)


def labels_text(draft: Draft) -> str | None:
    """What the labels file must hold, one name a line; None where the spec needs none."""
    long = [head for head in draft.heads if _in_file(head)]
    return "".join(f"{name}\n" for name in long[0].names) if long else None


def _head_lines(head: DraftHead, labels_file: str) -> list[tuple[str, str]]:
    called = f"the file calls it {head.called!r}" if head.called and head.called != head.kind else ""
    lines = [(f"  - kind: {head.kind}", head.note), (f"    name: {head.kind}", called)]
    if head.output is not None:
        lines.append((f"    output: {head.output}", ""))
    if _in_file(head):
        lines.append(
            (f"    labels_file: {_scalar(labels_file)}", "not known: put the names there, in the order of the scores")
        )
    elif head.kind == "expression":
        listed = ", ".join(map(_scalar, head.names))
        lines.append((f"    labels: [{listed}]", "guessed from the number of scores; order not known"))
    elif head.names:
        key = "targets" if head.kind == "regression" else "labels"
        lines.append((f"    {key}: [{', '.join(map(_scalar, head.names))}]", "not known: put the names here"))
    if head.activation:
        lines.append((f"    activation: {head.activation}", "as it answers to noise"))
    return lines


def _in_file(head: DraftHead) -> bool:
    return head.kind == "classes" and len(head.names) > LONGEST_LIST


def _scalar(text: str) -> str:
    if not text.isprintable():
        return json.dumps(text)
    plain = PLAIN.fullmatch(text) and text.casefold() not in WORDS
    return text if plain else "'" + text.replace("'", "''") + "'"
