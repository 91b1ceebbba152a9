"""`edgebench run`: latency of the chosen variants on a device, interleaved, every raw sample kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from edgebench.agent import AGENT, CONDITIONS
from edgebench.digests import sha256_file
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.images.first_images import first_images
from edgebench.pipeline.jobs.blocks import (
    Measured,
    Work,
    current_models,
    machine_of,
    measured,
    open_job,
    planned_variant,
    reached,
    require_remote,
)
from edgebench.pipeline.jobs.host_answers import keep_host_answers
from edgebench.pipeline.jobs.pool import Share, measure_pool
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import job_id, plan_blocks
from edgebench.records.artifact import Artifact
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.records.soak import SoakBlock, SoakJob
from edgebench.specs.bench import BenchSettings, SoakSettings
from edgebench.specs.data import DataSettings


def measure(
    workspace: Workspace,
    choice: Choice,
    *,
    device: str = "local",
    data: DataSettings = DataSettings(),
    settings: BenchSettings = BenchSettings(),
    threads: Sequence[int] | None = None,
    force: bool = False,
    detach: bool = False,
) -> Measured:
    """Measures every chosen variant in one interleaved job, making missing artifacts first; with SoakSettings, one
    long block of each.

    Interrupted, the same call goes on with the blocks that are missing; finished, it returns what is
    kept, unless `force` asks for another measurement.

    Args:
        detach: begin the job and come back with the blocks that are there; it goes on without us.
    """
    spec = workspace.device(device)  # before anything is made for a device that nobody knows
    if detach:
        require_remote(spec)
    artifacts = quantize(workspace, choice, data=data)
    return measure_artifacts(
        workspace,
        artifacts,
        device=device,
        data=data,
        settings=settings,
        threads=threads,
        force=force,
        detach=detach,
    )


def measure_artifacts(
    workspace: Workspace,
    artifacts: Sequence[Artifact],
    *,
    device: str,
    data: DataSettings,
    settings: BenchSettings,
    threads: Sequence[int] | None = None,
    force: bool = False,
    detach: bool = False,
    names: Mapping[tuple[str, str], str] | None = None,
    share: Share | None = None,
) -> Measured:
    """Measures artifacts side by side.

    Args:
        share: only these rounds, of a pool's job.
        names: (variant, artifact blob) -> name, where two of one variant are told apart; it makes this a gate's job.
    """
    soaks = isinstance(settings, SoakSettings)
    job_kind, record, task = (SoakJob, SoakBlock, "soak") if soaks else (MeasurementJob, Block, "bench")
    spec = workspace.device(device)
    if spec.pool:
        again = partial(measure_artifacts, data=data, settings=settings, threads=threads, force=force, names=names)
        return measure_pool(
            workspace,
            spec,
            settings.rounds,
            lambda within, board, share: again(within, artifacts, device=board, share=share),
            gate=names is not None,
        )
    counts = tuple(threads or spec.threads)
    folder = workspace.store.folder("devices", spec.name)
    info, ways, not_measured = reached(artifacts, spec, folder, workspace.progress)
    models = current_models(workspace, ways)
    inputs = {
        name: first_images(workspace, model, data, count=settings.inputs, folder=folder)
        for name, model in models.items()
    }
    planned = [
        planned_variant(artifact, way, (names or {}).get((artifact.variant, artifact.blob))) for artifact, way in ways
    ]
    machine = machine_of(info) | {"agent": sha256_file(AGENT), "conditions": sha256_file(CONDITIONS)}
    plan = plan_blocks(planned, settings, counts)
    if share:
        plan, machine = share.taken(plan), machine | {"share": list(share)}
    identity = {name: each.identity for name, each in inputs.items()}
    if spec.transport != "local":
        keep_host_answers(workspace, [artifact for artifact, _ in ways], inputs)
    job = open_job(
        workspace,
        lambda repetition: job_id(
            planned, settings, counts, device=spec, machine=machine, inputs=identity, repetition=repetition
        ),
        job_kind(
            job="",
            device=info,
            settings={**settings.model_dump(), "threads": list(counts)},
            variants=tuple(sorted(variant.variant for variant in planned)),
            datasets={name: each.dataset for name, each in inputs.items()},
            inputs=identity,
            data=data.without_path(),
            blocks=len(plan),
            purpose="share" if share else "gate" if names else "run",
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        record,
        force=force,
    )
    work = Work(
        ways=ways,
        files={each.remote: each.file for each in inputs.values()},
        inputs={name: {"images": each.remote, "affine": each.affine} for name, each in inputs.items()},
        record=record,
        task=task,
    )
    blocks = measured(workspace, job, plan, work, settings, spec, detach=detach)
    return Measured(job, blocks, not_measured)
