"""An interleaved job on a device: opened, shipped, run, and brought back block by block."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Generic, TypeVar

from edgebench.errors import ModelFileError, NothingMeasured, raise_all
from edgebench.pipeline.agents import describe, runnable_file
from edgebench.pipeline.lease import lease
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedBlock, PlannedVariant, schedule_task
from edgebench.records.artifact import Artifact, Runnable
from edgebench.records.measurement import Block, DeviceInfo, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.device import DeviceSpec
from edgebench.specs.model import ModelSpec
from edgebench.store.store import KINDS
from edgebench.transports import Transport, agent_failed, ask_agent, connect

JOURNAL = "journal.jsonl"

AnyBlock = TypeVar("AnyBlock", bound=Block)
AnyJob = TypeVar("AnyJob", bound=MeasurementJob)


@dataclass(frozen=True)
class Work(Generic[AnyBlock]):
    """What a job's blocks are made of.

    Args:
        files: path in the device's work folder -> what to ship there, beside the models.
        inputs: model -> what the agent's `task` takes beside the model itself.
        record: what a block is kept as.
    """

    ways: Sequence[tuple[Artifact, Runnable]]
    files: Mapping[str, Path]
    inputs: Mapping[str, Mapping[str, Any]]
    record: type[AnyBlock]
    task: str = "bench"


def reached(
    artifacts: Sequence[Artifact], spec: DeviceSpec, folder: Path
) -> tuple[DeviceInfo, list[tuple[Artifact, Runnable]], dict[str, str]]:
    """The machine as it describes itself, how each artifact runs there, and those that do not with the reason.

    Raises:
        NothingMeasured: none of them runs there.
    """
    info = describe(connect(spec, folder), description=spec.description, notes=spec.notes)
    ways, not_measured = _ways(artifacts, spec, info)
    if not ways:
        reasons = "; ".join(f"{variant}: {why}" for variant, why in not_measured.items())
        raise NothingMeasured("no variant runs there", subject=spec.name, fix=reasons)
    return info, ways, not_measured


def current_models(workspace: Workspace, ways: Sequence[tuple[Artifact, Runnable]]) -> dict[str, ModelSpec]:
    """The artifacts' models by name.

    Raises:
        ModelFileError: the contract of one changed after its artifacts were made.
    """
    contracts: dict[str, set[str]] = defaultdict(set)
    for artifact, _ in ways:
        contracts[artifact.model].add(artifact.contract_sha256)
    models = {name: workspace.model(name) for name in contracts}
    for name, model in models.items():
        if model.input.sha256 not in contracts[name]:
            raise ModelFileError("`input` in its spec changed while it was in use", subject=name, fix="run again")
    return models


def machine_of(info: DeviceInfo) -> dict[str, Any]:
    """What of a machine decides a latency."""
    return info.model_dump(mode="json", exclude={"name", "description", "notes"})


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


def planned_variant(artifact: Artifact, way: Runnable, name: str | None = None) -> PlannedVariant:
    return PlannedVariant(
        variant=name or artifact.variant,
        artifact=artifact.blob,
        runtime=way.runtime,
        model=_remote(way),
        inputs=artifact.model,
    )


def _remote(way: Runnable) -> str:
    return f"models/{way.blob[:16]}/{way.file_name}"


def open_job(
    workspace: Workspace, name: Callable[[int], str], new: AnyJob, record: type[Block], *, force: bool
) -> AnyJob:
    """The latest job of this work, or `new`: with `force`, once the latest is finished."""
    latest = None
    for repetition in count():
        found = workspace.store.find(type(new), name(repetition))
        if found is None:
            break
        latest = found
    if latest and not (force and len(workspace.store.latest(record, f"{latest.job}/")) >= latest.blocks):
        return latest
    job = new.model_copy(update={"job": name(repetition)})
    workspace.store.save(job.job, job)
    return job


def measured(
    workspace: Workspace,
    job: MeasurementJob,
    blocks: Sequence[PlannedBlock],
    work: Work[AnyBlock],
    settings: BenchSettings,
    spec: DeviceSpec,
) -> tuple[AnyBlock, ...]:
    """The job's blocks, those that are missing measured first."""
    workspace.store.ask(type(job), [job.job])
    kept = workspace.store.latest(work.record, f"{job.job}/")
    if len(kept) < len(blocks):
        with lease(workspace, spec):
            transport = connect(spec, workspace.store.folder("devices", spec.name), job.job)
            _ship(workspace, transport, work)
            _run_schedule(workspace, transport, job, blocks, work, settings, spec)
        kept = workspace.store.latest(work.record, f"{job.job}/")
    return tuple(kept)


def _ship(workspace: Workspace, transport: Transport, work: Work[Any]) -> None:
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as folder:
        for _, way in work.ways:
            transport.put(runnable_file(workspace.store, way, Path(folder)), _remote(way))
    for remote, local in work.files.items():
        transport.put(local, remote)


def _run_schedule(
    workspace: Workspace,
    transport: Transport,
    job: MeasurementJob,
    blocks: Sequence[PlannedBlock],
    work: Work[Any],
    settings: BenchSettings,
    spec: DeviceSpec,
) -> None:
    task = schedule_task(
        job.job,
        blocks,
        settings,
        device=spec,
        inputs=work.inputs,
        journal=JOURNAL,
        measures=work.task,
    )
    with workspace.progress.step(f"measuring on {spec.name}") as step:

        def on_progress(progress: dict[str, Any]) -> None:
            # Kept block by block: whatever ends us, only the block under way is lost.
            if progress["done"]:
                _collect(workspace, transport, job, blocks, work.record)
            step.update(progress["done"], progress["total"], progress.get("block", ""))

        answer = ask_agent(transport, task, on_progress=on_progress)
    _collect(workspace, transport, job, blocks, work.record)
    raise_all([agent_failed(error, f"{spec.name}, block {error['block']}") for error in answer["errors"]])


def _collect(
    workspace: Workspace,
    transport: Transport,
    job: MeasurementJob,
    blocks: Sequence[PlannedBlock],
    record: type[Block],
) -> None:
    """Keeps every block of the journal that is not kept yet."""
    artifacts = {block.id: block.artifact for block in blocks}
    kept = {row.key for row in workspace.store.database.latest(KINDS[record], f"{job.job}/")}
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work:
        local = Path(work) / JOURNAL
        transport.get(JOURNAL, local)
        for line in finished_lines(local.read_bytes()):
            key = f"{job.job}/{line['block']}"
            if line["job"] == job.job and "measured" in line and key not in kept:
                artifact = artifacts[line["block"]]
                block = record(job=job.job, device=job.device.name, artifact=artifact, **line["measured"])
                workspace.store.save(key, block)


def finished_lines(journal: bytes) -> Iterator[dict[str, Any]]:
    """The journal's whole lines; the last one may still be under way."""
    for line in journal[: journal.rfind(b"\n") + 1].splitlines():
        yield json.loads(line)
