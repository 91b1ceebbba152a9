"""Cached uint8 images as the float tensors a model takes, made by the agent's own function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgebench.agent.edgebench_agent import to_input

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import InputContract


class PreparedInputs(Sequence["np.ndarray[Any, Any]"]):
    """Images under a contract: item `i` is float32 [1, ...] in the contract's layout.

    Nothing is held but the (memory-mapped) images, so a set of any size costs one sample of memory.

    Args:
        images: uint8 [samples, height, width, channels], colour order already the contract's.
    """

    def __init__(self, images: np.ndarray, contract: InputContract) -> None:
        self.images = images
        self.affine = contract.affine()

    def __len__(self) -> int:
        return len(self.images)

    # A slice is a batch, not a sequence of samples: what every consumer wants.
    def __getitem__(self, index: int | slice) -> np.ndarray:  # type: ignore[override]
        """One sample as a batch of one, or a slice as a batch."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(index)
            index = slice(index, index + 1 or None)
        prepared: np.ndarray = to_input(self.images[index], self.affine)
        return prepared
