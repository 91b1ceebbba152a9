from __future__ import annotations

import numpy as np

from edgebench.pipeline.results import gather
from edgebench.pipeline.sameness import answers_sha256, other_answers
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.records.measurement import Block


def test_the_timed_path_is_proven_to_compute_what_was_judged(made: Workspace) -> None:
    kinds = {caveat.kind for row in gather(made).variants for caveat in row.caveats}
    assert "reference-executed" in kinds
    assert "other-answers" not in kinds


def test_other_answers_are_told_apart(made: Workspace) -> None:
    block = made.store.latest(Block)[0]
    artifact = next(a for a in made.store.latest(Artifact) if a.variant == block.variant)
    outputs = {"expression": np.zeros((4, 8), np.float32), "valence_arousal": np.zeros((4, 2), np.float32)}
    same = block.model_copy(update={"outputs_sha256": answers_sha256(artifact, outputs, 4)})
    assert other_answers([same, same], artifact, outputs, 4) is None
    assert other_answers([same, same], artifact, None, 4) is None
    assert other_answers([block], artifact, outputs, 4) is not None
    varied = other_answers([same, block], artifact, None, 4)
    assert varied is not None
    assert "different answers" in varied.text
    assert other_answers([same.model_copy(update={"threads": 2})], artifact, outputs, 4) is None
