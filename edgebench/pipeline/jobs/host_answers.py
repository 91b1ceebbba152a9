"""What this machine answers to the images that another one's blocks cycle through."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebench.agent import AGENT
from edgebench.digests import sha256_file, sha256_json
from edgebench.pipeline.children.agents import runnable_file, this_machine
from edgebench.pipeline.children.shards import Answer, PredictJob, predict_all
from edgebench.pipeline.images.first_images import FirstImages
from edgebench.pipeline.jobs.sameness import keep_answers
from edgebench.pipeline.workspace import Workspace
from edgebench.records.answers import HostAnswers
from edgebench.records.artifact import Artifact, Runnable
from edgebench.records.measurement import DeviceInfo


def keep_host_answers(workspace: Workspace, artifacts: Sequence[Artifact], inputs: Mapping[str, FirstImages]) -> None:
    """Makes and keeps those of this machine's answers that are not kept yet; a failure is noted and costs one check.

    Args:
        inputs: model -> its images.
    """
    host = this_machine(workspace)
    missing = {}
    for artifact in artifacts:
        way = next((way for way in artifact.runnable if way.runtime in host.runtimes), None)
        key = _key(artifact, way, inputs[artifact.model].identity, host) if way else ""
        if way and workspace.store.find(HostAnswers, key) is None:
            missing[key] = artifact, way
    if not missing:
        return
    with (
        tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as folder,
        workspace.progress.step("answering here, for comparison") as step,
    ):
        jobs = [
            PredictJob(
                key=key,
                subject=artifact.variant,
                runtime=way.runtime,
                model=runnable_file(workspace.store, way, Path(folder, way.blob[:16])),
                images=inputs[artifact.model].file,
                start=0,
                stop=inputs[artifact.model].count,
                affine=inputs[artifact.model].affine,
            )
            for key, (artifact, way) in missing.items()
        ]
        for done, answer in enumerate(predict_all(workspace, jobs), 1):
            artifact, way = missing[answer.job.key]
            step.update(done, len(jobs), artifact.variant)
            if answer.error:
                workspace.progress.note(f"{artifact.variant}: nothing to hold its answers against: {answer.error}")
            else:
                record = _record(workspace, artifact, way, answer, inputs[artifact.model].identity, host)
                workspace.store.save(answer.job.key, record)


def host_answers(workspace: Workspace, artifact: Artifact, inputs: str) -> HostAnswers | None:
    """Those made last, on whatever machine."""
    found = workspace.store.latest(HostAnswers, f"{inputs}/{artifact.blob}/") if inputs else []
    return found[-1] if found else None


def _key(artifact: Artifact, way: Runnable, inputs: str, host: DeviceInfo) -> str:
    machine = [host.processor, host.features, way.runtime, host.runtimes[way.runtime], sha256_file(AGENT)]
    return f"{inputs}/{artifact.blob}/{sha256_json(machine)[:16]}"


def _record(
    workspace: Workspace, artifact: Artifact, way: Runnable, answer: Answer, inputs: str, host: DeviceInfo
) -> HostAnswers:
    return HostAnswers(
        variant=artifact.variant,
        artifact=artifact.blob,
        inputs=inputs,
        answers=keep_answers(workspace.store.blobs, answer.outputs),
        runtime=way.runtime,
        runtime_version=answer.runtime_version,
        path=answer.path,
        reference=way.reference,
        processor=host.processor,
        features=host.features,
    )
