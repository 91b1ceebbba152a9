"""A first model spec, written from what a model file tells; what it does not tell stands beside as a comment."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import Field

from edgebench.frozen import Frozen
from edgebench.specs.heads import Activation

Kind = Literal["expression", "classes", "valence_arousal", "regression"]
LONGEST_LIST = 20
"""Labels that a spec holds itself; more go to a file beside it, one name a line."""
PLAIN = re.compile(r"[A-Za-z_][\w.-]*(/[\w.-]+)*")
ANSWERS = {
    "softmax": "as it answers to noise",
    "logits": "as it answers to noise",
    "sigmoid": "as it answers to noise: between 0 and 1, but they do not add up to 1",
}
WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class DraftHead(Frozen):
    """One output of the file as a head. `names` are labels, or targets of a regression."""

    kind: Kind
    names: tuple[str, ...] = ()
    activation: Activation | None = None
    output: int | None = None
    called: str = ""
    """The output's name in the file."""
    note: str = ""


class Draft(Frozen):
    """What a spec needs. A note says what is not known about the value beside it."""

    source: str
    """Key of `source`."""
    signature: str = ""
    """Of a SavedModel, where it is not the usual one."""
    size: tuple[int, int]
    color: Literal["rgb", "gray"]
    layout: Literal["nhwc", "nchw"]
    range: tuple[float, float]
    heads: tuple[DraftHead, ...]
    left_out: tuple[DraftHead, ...] = ()
    """Outputs that a spec of these heads has no room for."""
    notes: dict[str, str] = Field(default={})
    """By key of `input`, and of `source`."""


def source_of(draft: Draft, file: str, module: str | None = None) -> dict[str, Any]:
    """The key `source` of the spec.

    Args:
        module: what builds the net that the file is a state dict of.
    """
    stated = {draft.source: file if module is None else {"module": module, "state_dict": file}}
    return stated | ({"signature": draft.signature} if draft.signature else {})


def spec_text(draft: Draft, *, file: str, written_by: str, labels_file: str, module: str | None = None) -> str:
    """YAML of a model spec.

    Args:
        file: path of the model relative to the spec.
        written_by: the command, for the first line.
        labels_file: name of the file that `labels_text` fills, where that is needed.
        module: what builds the net that the file is a state dict of, its path relative to the spec.
    """
    lines = [
        (f"# A draft by {written_by}. What the file did not tell is marked; correct it there.", ""),
        (f"source: {_flow(source_of(draft, file, module))}", draft.notes.get("source", "")),
        ("input:", ""),
        (f"  size: [{draft.size[0]}, {draft.size[1]}]", draft.notes.get("size", "")),
        (f"  color: {draft.color}", draft.notes.get("color", "")),
        (f"  layout: {draft.layout}", draft.notes.get("layout", "")),
        ("  crop: none", draft.notes.get("crop", "")),
        (f"  range: [{draft.range[0]:g}, {draft.range[1]:g}]", draft.notes.get("range", "")),
        ("heads:", ""),
        *(line for head in draft.heads for line in _head_lines(head, labels_file)),
        *_left_out_lines(draft),
    ]
    return "".join(f"{text}  # {note}\n" if note else f"{text}\n" for text, note in lines)


def _left_out_lines(draft: Draft) -> list[tuple[str, str]]:
    if not draft.left_out:
        return []
    rule = "Left out, as a spec has one head of class scores at most and one of other numbers; put it in place of that:"
    return [(f"  # {rule}", ""), *((f"  # - output: {head.output}", _what(head)) for head in draft.left_out)]


def _what(head: DraftHead) -> str:
    kind = f"{len(head.names)} {'scores' if head.activation else 'numbers'}" if len(head.names) > 1 else "one number"
    return f"the file calls it {head.called!r}, {'two numbers' if head.kind == 'valence_arousal' else kind}"


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
        lines.append((f"    activation: {head.activation}", ANSWERS[head.activation]))
    return lines


def _in_file(head: DraftHead) -> bool:
    return head.kind == "classes" and len(head.names) > LONGEST_LIST


def _flow(value: str | dict[str, Any]) -> str:
    if isinstance(value, str):
        return _scalar(value)
    return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"


def _scalar(text: str) -> str:
    if not text.isprintable():
        return json.dumps(text)
    plain = PLAIN.fullmatch(text) and text.casefold() not in WORDS
    return text if plain else "'" + text.replace("'", "''") + "'"
