"""What training found, epoch by epoch."""

from __future__ import annotations

from edgebench.frozen import Frozen
from edgebench.specs.model import Training

# History file:
#   1 - first version
SCHEMA = 1


class Epoch(Frozen):
    """One pass over the training samples. Losses are means over its steps; None where a head is absent.

    `loss_expression` is that of any classes, `loss_valence_arousal` of any numbers.
    `validation` is keyed `accuracy` and, by target, such as `rmse_valence`, of the weights at the end of the epoch.
    """

    epoch: int
    learning_rate: float
    loss: float
    loss_expression: float | None
    loss_valence_arousal: float | None
    validation: dict[str, float]
    duration_s: float


class History(Frozen):
    """A training from its first epoch on, over all the times it was interrupted.

    `identity` hashes whatever decides the weights but the number of epochs.
    """

    schema_version: int = SCHEMA
    model: str
    identity: str
    seed: int
    samples: int
    validation_samples: int
    training: Training
    epochs: tuple[Epoch, ...] = ()
    weights: str = ""
    weights_sha256: str = ""
    """Of the file of final weights; empty until training has ended."""
