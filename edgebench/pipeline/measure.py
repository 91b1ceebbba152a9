"""`edgebench run`: latency of the chosen variants on a device, interleaved, every raw sample kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgebench.agent import AGENT
from edgebench.digests import sha256_bytes, sha256_file, sha256_json
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.blocks import Work, current_models, machine_of, measured, open_job, planned_variant, reached
from edgebench.pipeline.datasets import evaluation_samples
from edgebench.pipeline.quantize import Choice, quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import job_id, plan_blocks
from edgebench.records.artifact import Artifact
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.specs.model import ModelSpec


@dataclass(frozen=True)
class Measured:
    """A job with all its blocks, and the variants that this device could not run, with the reason."""

    job: MeasurementJob
    blocks: tuple[Block, ...]
    not_measured: dict[str, str]


def measure(
    workspace: Workspace,
    choice: Choice,
    *,
    device: str = "local",
    data: DataSettings = DataSettings(),
    settings: BenchSettings = BenchSettings(),
    threads: Sequence[int] | None = None,
    force: bool = False,
) -> Measured:
    """Measures every chosen variant in one interleaved job, making missing artifacts first.

    Interrupted, the same call goes on with the blocks that are missing; finished, it returns what is
    kept, unless `force` asks for another measurement.
    """
    workspace.device(device)  # before anything is made for a device that nobody knows
    artifacts = quantize(workspace, choice, data=data)
    return measure_artifacts(
        workspace, artifacts, device=device, data=data, settings=settings, threads=threads, force=force
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
    names: Mapping[tuple[str, str], str] | None = None,
) -> Measured:
    """Measures artifacts side by side.

    Args:
        names: (variant, artifact blob) -> name, where two of one variant are told apart; it makes this a gate's job.
    """
    spec = workspace.device(device)
    counts = tuple(threads or spec.threads)
    folder = workspace.store.folder("devices", spec.name)
    info, ways, not_measured = reached(artifacts, spec, folder)
    models = current_models(workspace, ways)
    inputs = {name: _inputs(workspace, model, data, settings, folder) for name, model in models.items()}
    planned = [
        planned_variant(artifact, way, (names or {}).get((artifact.variant, artifact.blob))) for artifact, way in ways
    ]
    machine = machine_of(info) | {"agent": sha256_file(AGENT)}
    identity = {name: each.identity for name, each in inputs.items()}
    job = open_job(
        workspace,
        lambda repetition: job_id(
            planned, settings, counts, device=spec, machine=machine, inputs=identity, repetition=repetition
        ),
        MeasurementJob(
            job="",
            device=info,
            settings={**settings.model_dump(), "threads": list(counts)},
            variants=tuple(sorted(variant.variant for variant in planned)),
            datasets={name: each.dataset for name, each in inputs.items()},
            data=data.without_path(),
            blocks=settings.rounds * len(planned) * len(counts),
            purpose="gate" if names else "run",
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        Block,
        force=force,
    )
    work = Work(
        ways=ways,
        files={each.remote: each.file for each in inputs.values()},
        inputs={name: {"images": each.remote, "affine": each.affine} for name, each in inputs.items()},
        record=Block,
    )
    blocks = measured(workspace, job, plan_blocks(planned, settings, counts), work, settings, spec)
    return Measured(job, blocks, not_measured)


@dataclass(frozen=True)
class _Inputs:
    """Real preprocessed images that the timed path cycles through."""

    file: Path
    affine: dict[str, Any]
    identity: str
    dataset: str

    @property
    def remote(self) -> str:
        return f"inputs/{self.file.name}"


def _inputs(
    workspace: Workspace, spec: ModelSpec, data: DataSettings, settings: BenchSettings, folder: Path
) -> _Inputs:
    """The first evaluation images, so that the answers of the timed path can be held against the evaluation's."""
    import numpy as np

    samples = evaluation_samples(workspace, spec, data.model_copy(update={"allow_missing_classes": True}))
    images = np.ascontiguousarray(samples.images[: settings.inputs])
    identity = sha256_json([sha256_bytes(images.tobytes()), list(images.shape), spec.input.affine()])
    file = folder / f"{spec.name}-{identity[:16]}.npy"
    with as_store_errors(file), replacing(file) as part:
        np.save(part, images)
    return _Inputs(file, spec.input.affine(), identity, samples.info.id)
