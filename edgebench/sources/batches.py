"""Forward passes of one fixed shape, so that a sample gets the same answer in any company."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import Head

BATCH = 32
"""Every forward pass has this many samples, the last one filled up: kernels choose their order of summation by
the shape of the batch, so that only a fixed shape gives a sample the same answer in any company."""


def answer_in_batches(
    answer: Callable[[np.ndarray], Sequence[np.ndarray]],
    inputs: np.ndarray,
    heads: Sequence[Head],
    *,
    batch: int = BATCH,
) -> dict[str, np.ndarray]:
    """Head name -> float32 [samples, width].

    Args:
        answer: float32 [batch, ...] -> one [batch, width] per head, in order.
        batch: smaller than BATCH for models that fix it.
    """
    import numpy as np

    answers: dict[str, np.ndarray] = {h.name: np.empty((len(inputs), h.width), np.float32) for h in heads}
    filled = np.zeros((batch, *inputs.shape[1:]), np.float32)
    for start in range(0, len(inputs), batch):
        size = min(batch, len(inputs) - start)
        filled[:size] = inputs[start : start + size]
        for head, values in zip(heads, answer(filled), strict=True):
            answers[head.name][start : start + size] = np.asarray(values)[:size]
    return answers
