"""An interleaved job on a device: opened, shipped, run, and brought back block by block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Generic, TypeVar

from edgebench.agent import AGENT, CONDITIONS
from edgebench.errors import AgentDied, ModelFileError, NothingMeasured, UsageError
from edgebench.pipeline.boards.board import basics, refuse, require_board, unsupported
from edgebench.pipeline.boards.lease import lease
from edgebench.pipeline.children.agents import describe
from edgebench.pipeline.jobs import tickets
from edgebench.pipeline.jobs.following import JOURNAL, carry_out
from edgebench.pipeline.jobs.sending import send, source_of
from edgebench.pipeline.jobs.tickets import Source, Ticket
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedBlock, PlannedVariant, schedule_task
from edgebench.records.artifact import Artifact, Runnable
from edgebench.records.measurement import Block, DeviceInfo, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.device import DeviceSpec
from edgebench.specs.model import ModelSpec
from edgebench.store.store import KINDS
from edgebench.transports import Transport, connect

AnyBlock = TypeVar("AnyBlock", bound=Block)
AnyJob = TypeVar("AnyJob", bound=MeasurementJob)


@dataclass(frozen=True)
class Measured(Generic[AnyJob, AnyBlock]):
    """A job with all its blocks, and the variants that this device could not run, with the reason."""

    job: AnyJob
    blocks: tuple[AnyBlock, ...]
    not_measured: dict[str, str]


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


def asked(workspace: Workspace, spec: DeviceSpec) -> DeviceInfo:
    """The machine as it describes itself, before anything is made for it.

    Raises:
        DeviceError: it cannot be asked, cannot be measured on, or is another board than its spec says.
        NothingMeasured: it has not been set up.
    """
    transport = connect(spec, workspace.store.folder("devices", spec.name))
    try:
        info = describe(transport, spec, progress=workspace.progress)
    except AgentDied:
        _refuse(transport, spec)
        raise
    require_board(spec, info.board)
    if transport.leaves and not set(spec.runtimes) & info.runtimes.keys():
        _refuse(transport, spec)
        raise NothingMeasured(
            f"has none of its runtimes: {', '.join(spec.runtimes)}",
            subject=spec.name,
            fix=f"edgebench devices setup {spec.name}",
        )
    return info


def ways_on(
    info: DeviceInfo, spec: DeviceSpec, artifacts: Sequence[Artifact]
) -> tuple[list[tuple[Artifact, Runnable]], dict[str, str]]:
    """How each artifact runs on the device, and those that do not with the reason.

    A translation that stands in for a runtime is never timed.

    Raises:
        NothingMeasured: none of them runs there.
    """
    ways, not_measured = [], {}
    for artifact in artifacts:
        real = [way for way in artifact.runnable if not way.reference]
        way = next((way for way in real if way.runtime in spec.runtimes and way.runtime in info.runtimes), None)
        if way:
            ways.append((artifact, way))
        else:
            not_measured[artifact.variant] = f"needs the runtime {' or '.join(way.runtime for way in real)}"
    if not ways:
        reasons = "; ".join(f"{variant}: {why}" for variant, why in not_measured.items())
        fix = f"edgebench devices setup {spec.name}; {reasons}" if spec.transport == "ssh" else reasons
        raise NothingMeasured("no variant runs there", subject=spec.name, fix=fix)
    return ways, not_measured


def _refuse(transport: Transport, spec: DeviceSpec) -> None:
    """Raises DeviceError where the machine is one that cannot be measured on, and leaves nothing there then."""
    if transport.leaves and (why := unsupported(basics(transport), spec.ssh.python)):
        transport.run(["rm", "-rf", AGENT.name, CONDITIONS.name, "__pycache__"])
        refuse(why, transport)


def require_remote(spec: DeviceSpec) -> None:
    """Raises UsageError where a job cannot go on without us."""
    if spec.pool:
        fix = f"detach on each of its boards: --device {','.join(spec.pool)}"
        raise UsageError("a pool cannot be detached: its boards share one run", subject=spec.name, fix=fix)
    if spec.transport == "local":
        raise UsageError("its jobs end with the command", subject=spec.name, fix="leave --detach out")


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
    facts = info.model_dump(mode="json", exclude={"name", "description", "notes", "emulated"})
    return facts | ({"emulated": True} if info.emulated else {})


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
    *,
    detach: bool = False,
) -> tuple[AnyBlock, ...]:
    """The job's blocks, those that are missing measured first; with `detach`, only begun, and those that are there."""
    workspace.store.ask(type(job), [job.job])
    ticket = Ticket(
        job=job.job,
        device=spec.name,
        kind=KINDS[type(job)],
        block_kind=KINDS[work.record],
        task=schedule_task(
            job.job, blocks, settings, device=spec, inputs=work.inputs, journal=JOURNAL, measures=work.task
        ),
        artifacts={block.id: block.artifact for block in blocks},
        files=_sources(work),
    )
    if len(ticket.kept(workspace)) < len(blocks):
        tickets.keep(workspace, ticket)
        with lease(workspace, spec):
            transport = connect(spec, workspace.store.folder("devices", spec.name), job.job)
            send(workspace, transport, ticket)
            carry_out(workspace, transport, ticket, detach=detach)
        if not detach:
            tickets.drop(workspace, ticket)
    return tuple(workspace.store.latest(work.record, f"{job.job}/"))


def _sources(work: Work[Any]) -> dict[str, Source]:
    models = {_remote(way): Source(sha256=way.blob) for _, way in work.ways}
    return models | {remote: source_of(file) for remote, file in work.files.items()}
