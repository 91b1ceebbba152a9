"""Which output of an artifact is which head of its model: converters drop names and shuffle the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING

from edgebench.errors import ConversionError

if TYPE_CHECKING:
    import numpy as np

MOST_OUTPUTS = 6


def match_outputs(source: Mapping[str, np.ndarray], artifact: Sequence[np.ndarray]) -> dict[str, int]:
    """Head name -> index of the artifact's output of the same shape whose values are closest.

    Args:
        source: the model's own answers, head name -> [samples, width].
        artifact: the artifact's answers to the same samples, in its own order.

    Raises:
        ConversionError: the number or the shapes of the outputs differ.
    """
    if len(source) != len(artifact) or len(source) > MOST_OUTPUTS:
        raise ConversionError(f"the model has {len(source)} outputs, its artifact {len(artifact)}")
    orders = [
        order
        for order in permutations(range(len(artifact)))
        if all(artifact[i].shape == values.shape for i, values in zip(order, source.values(), strict=True))
    ]
    if not orders:
        wanted = ", ".join(f"{name} {values.shape}" for name, values in source.items())
        found = ", ".join(str(values.shape) for values in artifact)
        raise ConversionError(f"the shapes of its outputs are {found}, the model's are {wanted}")
    best = min(orders, key=lambda order: _distance(source, [artifact[i] for i in order]))
    return dict(zip(source, best, strict=True))


def parity(source: Mapping[str, np.ndarray], artifact: Sequence[np.ndarray], outputs: Mapping[str, int]) -> float:
    """Largest absolute difference between the model's answers and the artifact's, over all heads and samples."""
    import numpy as np

    return float(np.max([np.abs(values - artifact[outputs[head]]).max() for head, values in source.items()]))


def _distance(source: Mapping[str, np.ndarray], artifact: Sequence[np.ndarray]) -> float:
    """Sum over heads of the mean absolute difference: robust where int8 misses single values."""
    import numpy as np

    return sum(float(np.abs(a - b).mean()) for a, b in zip(source.values(), artifact, strict=True))
