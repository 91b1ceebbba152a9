"""Are a model's answers what the spec says they are? Held against the activation of every class head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgebench.errors import ModelFileError
from edgebench.specs.model import ClassHead
from edgebench.specs.variant import source_id

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import ModelSpec

SLACK = 0.01
"""By which a sum of probabilities may miss 1: a softmax in float16 does by less."""


def check_activations(spec: ModelSpec, answers: Mapping[str, np.ndarray]) -> None:
    """Refuses a `softmax` that answers no probabilities, `logits` that answer nothing else, and wide `sigmoid`s.

    Args:
        answers: head name -> float [samples, width] on real samples; what is not finite is passed over.

    Raises:
        ModelFileError: a class head of the spec states the other activation.
    """
    for head in spec.heads:
        if isinstance(head, ClassHead):
            _check_head(head, answers[head.name], subject=source_id(spec.name))


def _check_head(head: ClassHead, answers: np.ndarray, *, subject: str) -> None:
    import numpy as np

    finite = answers[np.isfinite(answers).all(axis=1)].astype(np.float64)
    if not len(finite):
        return
    sums = finite.sum(axis=1)
    probable = (finite.min(axis=1) >= -SLACK) & (np.abs(sums - 1) <= SLACK)
    if head.activation == "softmax" and not probable.all():
        raise ModelFileError(
            f"{head.name} is stated as softmax, but answers {finite.min():.3g} to {finite.max():.3g}, "
            f"{sums.min():.3g} to {sums.max():.3g} in sum",
            subject=subject,
            fix=f"state `activation: logits` for {head.name}, if that is what it answers",
        )
    if head.activation == "sigmoid" and not (-SLACK <= finite.min() <= finite.max() <= 1 + SLACK):
        raise ModelFileError(
            f"{head.name} is stated as sigmoid, but answers {finite.min():.3g} to {finite.max():.3g}",
            subject=subject,
            fix=f"state `activation: logits` for {head.name}, if that is what it answers",
        )
    if head.activation == "logits" and probable.all():
        raise ModelFileError(
            f"{head.name} is stated as logits, but answers probabilities",
            subject=subject,
            fix=f"state `activation: softmax` for {head.name}",
        )
