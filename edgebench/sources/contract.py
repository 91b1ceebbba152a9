"""Does a model take what its spec says, and which of its outputs is which head? The same for every framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.errors import ModelFileError

if TYPE_CHECKING:
    from edgebench.specs.model import Head, InputContract

Shape = Sequence[int | None]
"""Sizes, None where a size is free."""


def check_inputs(
    inputs: Sequence[tuple[Shape, str]], contract: InputContract, path: Path, *, fix: str, free_size: bool = True
) -> None:
    """Refuses what does not take one float32 tensor [batch, ...] of the contract's shape.

    Args:
        inputs: shape, its batch first, and dtype of each of the model's inputs.
        fix: how a model of this kind gets one input.
        free_size: whether height, width and channels may be left to the spec.
    """
    if len(inputs) != 1:
        raise ModelFileError(f"has {len(inputs)} inputs, not one", subject=str(path), fix=fix)
    ((shape, dtype),) = inputs
    wanted = (None, *contract_shape(contract))
    fits = len(shape) == len(wanted) and all(a in (None, b) for a, b in zip(shape[1:], wanted[1:], strict=True))
    if not fits:
        raise ModelFileError(
            f"takes input {tuple(shape)}, the spec says {wanted} ({contract.layout}, {contract.color})",
            subject=str(path),
            fix="correct input.size, input.color or input.layout",
        )
    if not free_size and None in shape[1:]:
        raise ModelFileError(
            f"leaves sizes of its input open, {tuple(shape)}",
            subject=str(path),
            fix=f"export it for inputs of {'x'.join(map(str, wanted[1:]))}",
        )
    if dtype != "float32":
        raise ModelFileError(f"takes {dtype}, not float32", subject=str(path), fix="save it with float32 input")


def contract_shape(contract: InputContract) -> tuple[int, int, int]:
    """Of one sample, in the contract's layout."""
    height, width = contract.size
    return (height, width, contract.channels) if contract.layout == "nhwc" else (contract.channels, height, width)


def outputs_of_heads(outputs: Sequence[tuple[str, Shape]], heads: Sequence[Head], path: Path) -> list[int]:
    """Place of each head's output: by `output` where the spec states it, else by name, else by width.

    Outputs may be left over where every head is told its own, by statement or name: a width alone could mean
    another one.

    Args:
        outputs: name and shape, its batch first, of each of the model's outputs.

    Raises:
        ModelFileError: a head has no output, or several heads or outputs could go together.
    """
    names = [name for name, _ in outputs]
    widths = [shape[1] if len(shape) == 2 else None for _, shape in outputs]
    told = [_told(head, names) for head in heads]
    places = [_by_width(head, widths, told) if at is None else at for head, at in zip(heads, told, strict=True)]
    found = [at for at, head in zip(places, heads, strict=True) if at is not None and _width(widths, at) == head.width]
    distinct = len(found) == len(heads) == len(set(found))
    if not distinct or (len(found) < len(outputs) and None in told):
        raise ModelFileError(
            f"answers {_listed([(name, shape[1:]) for name, shape in outputs])}, "
            f"the spec has heads {', '.join(map(_asked, heads))}",
            subject=str(path),
            fix="correct the heads of the spec, name the output layers after them, or state `output`, a name or a "
            "number from 0, in each",
        )
    return found


def outputs_left_out(outputs: Sequence[tuple[str, Shape]], places: Sequence[int]) -> tuple[str, ...]:
    """Name and width of each output that is no head's."""
    return tuple(_listed([(name, shape[1:])]) for at, (name, shape) in enumerate(outputs) if at not in places)


def _told(head: Head, names: Sequence[str]) -> int | None:
    """The output that the spec states for a head or that is called like it; -1 where none is called as stated."""
    if isinstance(head.output, int):
        return head.output
    called = head.output or head.name
    if called in names:
        return names.index(called)
    return None if head.output is None else -1


def _width(widths: Sequence[int | None], place: int) -> int | None:
    return widths[place] if 0 <= place < len(widths) else None


def _by_width(head: Head, widths: Sequence[int | None], told: Sequence[int | None]) -> int | None:
    """The one output of a head's width that no other head is told to have; None where there are several or none."""
    free = [place for place, width in enumerate(widths) if width == head.width and place not in told]
    return free[0] if len(free) == 1 else None


def _asked(head: Head) -> str:
    """A head's name and width, and the output that the spec states for it."""
    return f"{head.name} {head.width}" + (f" of output {head.output!r}" if head.output is not None else "")


def _listed(shapes: Sequence[tuple[str, Shape]]) -> str:
    return ", ".join(
        f"{name} {'x'.join('?' if size is None else str(size) for size in shape)}" for name, shape in shapes
    )


def finite_or_refused(weights: Mapping[str, object], path: Path) -> None:
    """Refuses weights that hold NaN or infinity.

    Args:
        weights: name -> array.
    """
    import numpy as np

    for name, values in weights.items():
        array = np.asarray(values)
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise ModelFileError(f"{name} holds NaN or infinity", subject=str(path), fix="train it again")
