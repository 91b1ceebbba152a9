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
from edgebench.sources.opening import SIGNATURE, Opened, open_model
from edgebench.sources.rescaling import range_of
from edgebench.specs.draft import Draft, DraftHead

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.source import TorchModule

CHANNELS = (1, 3)
USUAL_SIZE = 224
"""Of the draft, where the file leaves it open."""
NOISES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
"""Ranges of the noise that a file is tried on, as it may take any."""
EXPRESSIONS: dict[int, tuple[tuple[str, ...], str]] = {
    7: (("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"), "FER2013's"),
    8: (("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt"), "AffectNet's"),
}
AFFECT = re.compile(r"valence|arousal|affect|(^|_)va(_|$)", re.IGNORECASE)
DOCTOR = "run `edgebench models doctor`"
WHOLE = ("int8", "int16")
"""Inputs of quantized nets alone."""


def draft_of(
    path: Path,
    kind: str,
    *,
    module: TorchModule | None = None,
    size: tuple[int, int] | None = None,
    signature: str | None = None,
) -> Draft:
    """A draft of the spec for a model file.

    Args:
        kind: as `recognize` recognized it.
        module: what builds the net of a state dict, with absolute paths.
        size: height and width of the images, where the file leaves them open.
        signature: which one of a SavedModel's answers.

    Raises:
        SpecError: there is no such module.
        ModelFileError: it is damaged, holds code, or takes or answers what no spec can state.
    """
    opened = open_model(path, kind, module=module, size=size, signature=signature)
    if len(opened.inputs) != 1:
        raise ModelFileError(
            f"has {len(opened.inputs)} inputs, not one", subject=str(path), fix="save a model of one image"
        )
    ((shape, dtype),) = opened.inputs
    if dtype != "float32":
        raise _refuse_input(dtype, opened, path)
    layout, notes = _layout(shape, opened.layout, path)
    *stated, channels = shape[1:] if layout == "nhwc" else (*shape[2:], shape[1])
    if size is None and None in stated:
        notes["size"] = "not known: the file leaves it open, this is a usual one"
    size = _size(stated, size, path)
    colors = channels or 3
    if colors == 3:
        notes["color"] = f"not known, it may be bgr: {DOCTOR}"
    notes["crop"] = f"not known, it may be face_box or landmarks: {DOCTOR}"
    tensor = (*size, colors) if layout == "nhwc" else (colors, *size)
    batch = (shape[0] or 1, *tensor)
    value_range, notes["range"] = _range(opened, batch, path)
    if opened.quantized:
        notes["source"] = "quantized already: what is made of it starts from that; the float model is better"
    heads = _heads(_answers(opened, batch, path), path)
    chosen = _chosen(heads)
    return Draft(
        source=kind,
        signature=opened.signature if opened.signature != SIGNATURE else "",
        size=size,
        color="gray" if colors == 1 else "rgb",
        layout=layout,
        range=value_range,
        heads=chosen,
        left_out=tuple(head for head in heads if head not in chosen),
        notes=notes,
    )


def _refuse_input(dtype: str, opened: Opened, path: Path) -> ModelFileError:
    # A float net may take pixels as they are, unsigned, and make floats of them itself.
    if dtype in WHOLE or (dtype == "uint8" and opened.quantized):
        return ModelFileError(
            f"takes {dtype}, so it is quantized already", subject=str(path), fix="give the float model"
        )
    return ModelFileError(f"takes {dtype}, not float32", subject=str(path), fix="save it with float32 input")


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


def _size(stated: Sequence[int | None], asked: tuple[int, int] | None, path: Path) -> tuple[int, int]:
    if asked and any(side not in (None, wanted) for side, wanted in zip(stated, asked, strict=True)):
        raise ModelFileError(
            f"takes {_text(stated)}, not {_text(asked)}", subject=str(path), fix="leave out --size, or correct it"
        )
    usual = asked or (USUAL_SIZE, USUAL_SIZE)
    return stated[0] or usual[0], stated[1] or usual[1]


def _text(shape: Shape) -> str:
    return "x".join("?" if size is None else str(size) for size in shape) or "a single number"


def _range(opened: Opened, shape: tuple[int, ...], path: Path) -> tuple[tuple[float, float], str]:
    import numpy as np

    with translated(path, f"does not run on {_text(shape)}", fix="save it again for one image"):
        begin = opened.beginning()
        low, high = (float(np.mean(begin(np.full(shape, pixel, np.float32)))) for pixel in (0, 1))
    found = range_of(low, high)
    if found is None:
        return (0, 1), f"not known: {DOCTOR}"
    return found, f"the net itself normalizes pixels of {found[0]:g} to {found[1]:g}"


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
                fix="write the spec by hand, where other outputs are its scores: this one is left out then; detectors "
                "and other nets have no spec",
            )
    return tuple(_head(place, name, values, alone=len(answers) == 1) for place, (name, values) in enumerate(answers))


def _chosen(heads: Sequence[DraftHead]) -> tuple[DraftHead, ...]:
    """At most one head of classes, rather of expressions, and one of other numbers, rather of valence and arousal."""
    best = [
        next((head for kind in kinds for head in heads if head.kind == kind), None)
        for kinds in (("expression", "classes"), ("valence_arousal", "regression"))
    ]
    return tuple(head for head in heads if head in best)


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
    activation: Literal["softmax", "logits", "sigmoid"] = (
        "softmax" if softmax else "sigmoid" if _is_sigmoid(values) else "logits"
    )
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


def _is_sigmoid(values: np.ndarray) -> bool:
    import numpy as np

    finite = values[np.isfinite(values).all(axis=1)]
    return bool(len(finite) and finite.min() >= 0 and finite.max() <= 1)
