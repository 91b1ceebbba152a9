"""`edgebench run`: latency of the chosen variants on a device, interleaved, every raw sample kept."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from edgebench.agent import AGENT
from edgebench.digests import sha256_bytes, sha256_file, sha256_json
from edgebench.errors import ModelFileError, NothingMeasured, raise_all
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.agents import describe, runnable_file
from edgebench.pipeline.datasets import evaluation_samples
from edgebench.pipeline.lease import lease
from edgebench.pipeline.quantize import Choice, quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedBlock, PlannedVariant, job_id, plan_blocks, schedule_task
from edgebench.records.artifact import Artifact, Runnable
from edgebench.records.measurement import Block, DeviceInfo, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.specs.device import DeviceSpec
from edgebench.transports import Transport, agent_failed, ask_agent, connect

JOURNAL = "journal.jsonl"


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
    info = describe(connect(spec, folder), description=spec.description, notes=spec.notes)
    ways, not_measured = _ways(artifacts, spec, info)
    if not ways:
        reasons = "; ".join(f"{variant}: {why}" for variant, why in not_measured.items())
        raise NothingMeasured("no variant runs there", subject=device, fix=reasons)
    contracts: dict[str, set[str]] = defaultdict(set)
    for artifact, _ in ways:
        contracts[artifact.model].add(artifact.contract_sha256)
    inputs = {name: _inputs(workspace, name, data, settings, folder, contracts=own) for name, own in contracts.items()}
    planned = [_planned(artifact, way, (names or {}).get((artifact.variant, artifact.blob))) for artifact, way in ways]
    machine = info.model_dump(mode="json", exclude={"name", "description", "notes"}) | {"agent": sha256_file(AGENT)}
    identity = {name: each.identity for name, each in inputs.items()}
    job = _open_job(
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
        force=force,
    )
    workspace.store.ask(MeasurementJob, [job.job])
    blocks = plan_blocks(planned, settings, counts)
    kept = workspace.store.latest(Block, f"{job.job}/")
    if len(kept) < len(blocks):
        with lease(workspace, spec):
            transport = connect(spec, workspace.store.folder("devices", spec.name, job.job))
            _ship(workspace, transport, ways, inputs)
            _run_schedule(workspace, transport, job, blocks, settings, spec, inputs)
        kept = workspace.store.latest(Block, f"{job.job}/")
    return Measured(job, tuple(kept), not_measured)


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
    workspace: Workspace,
    model: str,
    data: DataSettings,
    settings: BenchSettings,
    folder: Path,
    *,
    contracts: Collection[str],
) -> _Inputs:
    """The first evaluation images, so that the answers of the timed path can be held against the evaluation's.

    Args:
        contracts: hashes of those that the model's artifacts were made under; the spec's must be one of them.
    """
    import numpy as np

    spec = workspace.model(model)
    if spec.input.sha256 not in contracts:
        raise ModelFileError("`input` in its spec changed while it was in use", subject=model, fix="run again")
    samples = evaluation_samples(workspace, spec, data.model_copy(update={"allow_missing_classes": True}))
    images = np.ascontiguousarray(samples.images[: settings.inputs])
    identity = sha256_json([sha256_bytes(images.tobytes()), list(images.shape), spec.input.affine()])
    file = folder / f"{model}-{identity[:16]}.npy"
    with as_store_errors(file), replacing(file) as part:
        np.save(part, images)
    return _Inputs(file, spec.input.affine(), identity, samples.info.id)


def _ways(
    artifacts: Sequence[Artifact], spec: DeviceSpec, info: DeviceInfo
) -> tuple[list[tuple[Artifact, Runnable]], dict[str, str]]:
    """How each artifact runs on the device; a translation that stands in for a runtime is never timed."""
    ways, not_measured = [], {}
    for artifact in artifacts:
        real = [way for way in artifact.runnable if not way.reference]
        way = next((way for way in real if way.runtime in spec.runtimes and way.runtime in info.runtimes), None)
        if way:
            ways.append((artifact, way))
        else:
            not_measured[artifact.variant] = f"needs the runtime {' or '.join(way.runtime for way in real)}"
    return ways, not_measured


def _planned(artifact: Artifact, way: Runnable, name: str | None) -> PlannedVariant:
    return PlannedVariant(
        variant=name or artifact.variant,
        artifact=artifact.blob,
        runtime=way.runtime,
        model=_remote(way),
        inputs=artifact.model,
    )


def _remote(way: Runnable) -> str:
    return f"models/{way.blob[:16]}/{way.file_name}"


def _open_job(workspace: Workspace, name: Callable[[int], str], new: MeasurementJob, *, force: bool) -> MeasurementJob:
    """The latest job of this work, or `new`: with `force`, once the latest is finished."""
    latest = None
    for repetition in count():
        found = workspace.store.find(MeasurementJob, name(repetition))
        if found is None:
            break
        latest = found
    if latest and not (force and len(workspace.store.latest(Block, f"{latest.job}/")) >= latest.blocks):
        return latest
    job = new.model_copy(update={"job": name(repetition)})
    workspace.store.save(job.job, job)
    return job


def _ship(
    workspace: Workspace,
    transport: Transport,
    ways: Sequence[tuple[Artifact, Runnable]],
    inputs: Mapping[str, _Inputs],
) -> None:
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work:
        for _, way in ways:
            transport.put(runnable_file(workspace.store, way, Path(work)), _remote(way))
    for each in inputs.values():
        transport.put(each.file, each.remote)


def _run_schedule(
    workspace: Workspace,
    transport: Transport,
    job: MeasurementJob,
    blocks: Sequence[PlannedBlock],
    settings: BenchSettings,
    spec: DeviceSpec,
    inputs: Mapping[str, _Inputs],
) -> None:
    task = schedule_task(
        job.job,
        blocks,
        settings,
        device=spec,
        inputs={name: {"images": each.remote, "affine": each.affine} for name, each in inputs.items()},
        journal=JOURNAL,
    )
    with workspace.progress.step(f"measuring on {spec.name}") as step:

        def on_progress(progress: dict[str, Any]) -> None:
            # Kept block by block: whatever ends us, only the block under way is lost.
            if progress["done"]:
                _collect(workspace, transport, job, blocks)
            step.update(progress["done"], progress["total"], progress.get("block", ""))

        answer = ask_agent(transport, task, on_progress=on_progress)
    _collect(workspace, transport, job, blocks)
    raise_all([agent_failed(error, f"{spec.name}, block {error['block']}") for error in answer["errors"]])


def _collect(workspace: Workspace, transport: Transport, job: MeasurementJob, blocks: Sequence[PlannedBlock]) -> None:
    """Keeps every block of the journal that is not kept yet."""
    artifacts = {block.id: block.artifact for block in blocks}
    kept = {row.key for row in workspace.store.database.latest("block", f"{job.job}/")}
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work:
        local = Path(work) / JOURNAL
        transport.get(JOURNAL, local)
        for line in finished_lines(local.read_bytes()):
            key = f"{job.job}/{line['block']}"
            if line["job"] == job.job and "measured" in line and key not in kept:
                artifact = artifacts[line["block"]]
                block = Block(job=job.job, device=job.device.name, artifact=artifact, **line["measured"])
                workspace.store.save(key, block)


def finished_lines(journal: bytes) -> Iterator[dict[str, Any]]:
    """The journal's whole lines; the last one may still be under way."""
    for line in journal[: journal.rfind(b"\n") + 1].splitlines():
        yield json.loads(line)
