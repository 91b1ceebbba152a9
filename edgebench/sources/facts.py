"""What a model file tells about its contract and its heads: read where it can be, tried where it must be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebench.errors import ModelFileError
from edgebench.sources.activations import SLACK
from edgebench.sources.border import translated
from edgebench.sources.contract import Shape
from edgebench.sources.opening import Opened, open_model
from edgebench.specs.draft import Draft, DraftHead

if TYPE_CHECKING:
    import numpy as np

CHANNELS = (1, 3)
USUAL_SIZE = 224
"""Of the draft, where the file leaves it open."""
PIXELS_INSIDE = (0.5, 8.0)
"""What a net's own rescaling makes of its largest input: 1, or 1/0.225 with ImageNet's deviations."""
NOISES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
"""Ranges of the noise that a file is tried on, as it may take any."""
EXPRESSIONS: dict[int, tuple[tuple[str, ...], str]] = {
    7: (("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"), "FER2013's"),
    8: (("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt"), "AffectNet's"),
}
AFFECT = re.compile(r"valence|arousal|affect|(^|_)va(_|$)", re.IGNORECASE)
DOCTOR = "run `edgebench models doctor`"
MOST_HEADS = 2


def draft_of(path: Path, kind: str) -> Draft:
    """A draft of the spec for a model file.

    Args:
        kind: as `recognize` recognized it.

    Raises:
        ModelFileError: it is damaged, holds code, or takes or answers what no spec can state.
    """
    opened = open_model(path, kind)
    if len(opened.inputs) != 1:
        raise ModelFileError(
            f"has {len(opened.inputs)} inputs, not one", subject=str(path), fix="save a model of one image"
        )
    ((shape, dtype),) = opened.inputs
    if dtype != "float32":
        quantized = "int8" in dtype or "int16" in dtype
        raise ModelFileError(
            f"takes {dtype}" + (", so it is quantized already" if quantized else ""),
            subject=str(path),
            fix="give the float model",
        )
    layout, notes = _layout(shape, opened.layout, path)
    height, width, channels = shape[1:] if layout == "nhwc" else (*shape[2:], shape[1])
    if height is None or width is None:
        notes["size"] = "not known: the file leaves it open, this is a usual one"
    size = (height or USUAL_SIZE, width or USUAL_SIZE)
    colors = channels or 3
    value_range, notes["range"] = _range(opened.gains)
    if colors == 3:
        notes["color"] = f"not known, it may be bgr: {DOCTOR}"
    notes["crop"] = f"not known, it may be face_box or landmarks: {DOCTOR}"
    tensor = (*size, colors) if layout == "nhwc" else (colors, *size)
    if opened.quantized:
        notes["source"] = "quantized already: what is made of it starts from that; the float model is better"
    answers = _answers(opened, (shape[0] or 1, *tensor), path)
    return Draft(
        source=kind,
        size=size,
        color="gray" if colors == 1 else "rgb",
        layout=layout,
        range=value_range,
        heads=_heads(answers, path),
        notes=notes,
    )


def _layout(shape: Shape, usual: str, path: Path) -> tuple[Literal["nhwc", "nchw"], dict[str, str]]:
    """Where the channels are, which are one or three; both or neither place fitting, where the framework has them."""
    if len(shape) != 4:
        raise ModelFileError(
            f"takes {_text(shape)}, which is no batch of images", subject=str(path), fix="save a model of one image"
        )
    last, first = shape[3] in CHANNELS, shape[1] in CHANNELS
    if not last and not first and None not in (shape[1], shape[3]):
        raise ModelFileError(
            f"takes {_text(shape)}, images of neither one nor three channels", subject=str(path), fix="it has no spec"
        )
    if last == first:
        return ("nchw" if usual == "nchw" else "nhwc"), {"layout": "not known: guessed from the kind of file"}
    return ("nhwc" if last else "nchw"), {}


def _text(shape: Shape) -> str:
    return "x".join("?" if size is None else str(size) for size in shape) or "a single number"


def _range(gains: Sequence[float]) -> tuple[tuple[float, float], str]:
    gain = 1.0
    for factor in gains:
        gain *= factor
    low, high = PIXELS_INSIDE
    if gains and low <= 255 * gain <= high:
        return (0, 255), "the net itself rescales pixels of 0 to 255"
    if gains and low <= gain <= high:
        return (0, 1), "the net itself normalizes pixels of 0 to 1"
    return (0, 1), f"not known: {DOCTOR}"


def _answers(opened: Opened, shape: tuple[int, ...], path: Path) -> list[tuple[str, np.ndarray]]:
    """Name and answers to all noises of every output: float [samples, ...]."""
    import numpy as np

    random = np.random.default_rng(0)
    found: dict[str, list[np.ndarray]] = {}
    with translated(path, f"does not run on {_text(shape)}", fix="save it again for one image"):
        for low, high in NOISES:
            for name, values in opened.ask(random.uniform(low, high, shape).astype(np.float32)):
                found.setdefault(name, []).append(np.asarray(values))
        return [(name, np.concatenate(values)) for name, values in found.items()]


def _heads(answers: Sequence[tuple[str, np.ndarray]], path: Path) -> tuple[DraftHead, ...]:
    for name, values in answers:
        if values.ndim != 2 or not values.shape[1]:
            raise ModelFileError(
                f"answers {name} of {_text(values.shape[1:])}, where a head is a row of numbers",
                subject=str(path),
                fix="save a model that ends in its scores, detectors and other nets have no spec",
            )
    heads = [_head(place, name, values, alone=len(answers) == 1) for place, (name, values) in enumerate(answers)]
    classes = sum(head.activation is not None for head in heads)
    if max(classes, len(heads) - classes) > 1 or len(heads) > MOST_HEADS:
        raise ModelFileError(
            f"answers {', '.join(f'{name} {values.shape[1]}' for name, values in answers)}: at most one may be scores "
            "of classes and one other numbers",
            subject=str(path),
            fix="save a model of those outputs alone",
        )
    return tuple(heads)


def _head(place: int, name: str, values: np.ndarray, *, alone: bool) -> DraftHead:
    width = values.shape[1]
    output = None if alone else place
    softmax = _is_softmax(values)
    if not softmax and width == 2 and (AFFECT.search(name) or not alone):
        note = "" if AFFECT.search(name) else "guessed from two numbers that are no probabilities"
        return DraftHead(kind="valence_arousal", output=output, called=name, note=note)
    if width == 1:
        return DraftHead(
            kind="regression", names=("value",), output=output, called=name, note="not known: one number is no scores"
        )
    activation: Literal["softmax", "logits"] = "softmax" if softmax else "logits"
    doubt = "" if softmax or width > 2 else "not known: two numbers may be valence_arousal"
    if width in EXPRESSIONS:
        names, whose = EXPRESSIONS[width]
        note = f"guessed: {width} scores, in {whose} order; `classes` if they are something else"
        return DraftHead(kind="expression", names=names, activation=activation, output=output, called=name, note=note)
    names = tuple(f"class_{number}" for number in range(width))
    return DraftHead(kind="classes", names=names, activation=activation, output=output, called=name, note=doubt)


def _is_softmax(values: np.ndarray) -> bool:
    import numpy as np

    finite = values[np.isfinite(values).all(axis=1)].astype(np.float64)
    return bool(
        values.shape[1] > 1
        and len(finite)
        and (finite.min() >= -SLACK)
        and (np.abs(finite.sum(axis=1) - 1) <= SLACK).all()
    )
