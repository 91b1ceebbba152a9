"""Did the timed path compute what the evaluation judged? The same images must give the same answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgebench.records.artifact import Artifact
from edgebench.records.caveat import Caveat
from edgebench.records.measurement import Block

if TYPE_CHECKING:
    import numpy as np


def other_answers(
    blocks: Sequence[Block], artifact: Artifact, outputs: Mapping[str, np.ndarray] | None, images: int
) -> Caveat | None:
    """A caveat where single-threaded blocks answered differently from one another or from the evaluation.

    Args:
        outputs: the evaluation's, head -> [samples, width], of the very images that the blocks cycled
            through first; None where those are unknown.
        images: how many the blocks cycled through.
    """
    found = {block.outputs_sha256 for block in blocks if block.threads == 1}
    if len(found) > 1:
        return _caveat("its blocks gave different answers to the same images")
    if found and outputs is not None and found != {answers_sha256(artifact, outputs, images)}:
        return _caveat("the timed runs gave other answers than the evaluation to the same images")
    return None


def answers_sha256(artifact: Artifact, outputs: Mapping[str, np.ndarray], images: int) -> str:
    """The agent's hash of its answers: float32 bytes, output after output, image after image."""
    digest = hashlib.sha256()
    for head in sorted(artifact.outputs, key=artifact.outputs.__getitem__):
        digest.update(outputs[head][:images].astype("<f4").tobytes())
    return digest.hexdigest()


def _caveat(text: str) -> Caveat:
    return Caveat(
        kind="other-answers", text=text, fix="evaluate and measure with the same runtime version and processor"
    )
