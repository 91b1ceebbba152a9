"""Which answers a device's are held against: those of the evaluation of the same images, else this machine's own."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from edgebench.pipeline.jobs.host_answers import host_answers
from edgebench.pipeline.jobs.sameness import Machine, Reference, compared, flat, reference_of
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.records.caveat import Caveat
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.records.results import DeviceAnswers
from edgebench.store import Store

if TYPE_CHECKING:
    import numpy as np

Compared = tuple[DeviceAnswers, Caveat | None]


def answers_of_job(workspace: Workspace, job: MeasurementJob, blocks: Iterable[Block]) -> dict[str, Compared]:
    """Variant -> what it answered, of those whose artifact is kept."""
    found: dict[tuple[str, str], list[Block]] = defaultdict(list)
    for block in blocks:
        found[block.variant, block.artifact].append(block)
    artifacts = {(each.variant, each.blob): each for each in workspace.store.latest(Artifact)}
    evaluations = {(each.artifact, each.dataset.id): each for each in workspace.store.latest(Evaluation)}
    return {
        variant: answers_of(
            workspace, job, own, artifact, evaluations.get((blob, job.datasets.get(artifact.model, "")))
        )
        for (variant, blob), own in found.items()
        if (artifact := artifacts.get((variant, blob)))
    }


def answers_of(
    workspace: Workspace,
    job: MeasurementJob,
    blocks: Sequence[Block],
    artifact: Artifact,
    evaluation: Evaluation | None,
) -> Compared:
    """What one artifact's blocks answered, and a caveat where that is not the same.

    Args:
        evaluation: of just this artifact.
    """
    count = job.settings["inputs"]
    here = host_answers(workspace, artifact, job.inputs.get(artifact.model, ""))
    reference = reference_of(here, workspace.store.blobs) if here else None
    if evaluation and job.datasets.get(artifact.model) == evaluation.dataset.id:
        reference = Reference(
            "evaluation",
            flat(artifact, outputs_of(workspace.store, evaluation), count),
            Machine(
                evaluation.host["processor"],
                frozenset(evaluation.host["features"].split()),
                evaluation.host[evaluation.runtime],
            ),
            path=here.path if here else "",
            stand_in=evaluation.reference,
        )
    return compared(blocks, artifact, job.device, reference, workspace.store, images=count)


def outputs_of(store: Store, evaluation: Evaluation) -> Mapping[str, np.ndarray]:
    """Head -> float32 [samples, width]."""
    return arrays(store, evaluation.outputs)


def arrays(store: Store, blob: str) -> dict[str, np.ndarray]:
    import numpy as np

    with np.load(io.BytesIO(store.blobs.read(blob)), allow_pickle=False) as found:
        return dict(found)
