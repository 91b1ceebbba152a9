"""A pool: equal boards that share the rounds of one run, so that every ratio still comes from one board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from edgebench.digests import sha256_json
from edgebench.errors import UsageError, raise_all
from edgebench.pipeline.children.agents import describe
from edgebench.pipeline.jobs.blocks import Measured, machine_of
from edgebench.pipeline.jobs.many import on_each
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedBlock
from edgebench.records.measurement import DeviceInfo, MeasurementJob
from edgebench.specs.device import DeviceSpec
from edgebench.transports import connect

OF_ONE_BOARD = {"name", "description", "notes", "ssh", "pool"}
"""What the specs of equal boards may differ in."""


class Share(NamedTuple):
    """Of the rounds every `of`-th, beginning with number `place`."""

    place: int
    of: int

    def taken(self, blocks: Sequence[PlannedBlock]) -> tuple[PlannedBlock, ...]:
        return tuple(block for block in blocks if block.round % self.of == self.place)


def measure_pool(
    workspace: Workspace,
    pool: DeviceSpec,
    rounds: int,
    measure_share: Callable[[Workspace, str, Share], Measured],
    *,
    gate: bool = False,
) -> Measured:
    """The boards' shares as one job.

    Raises:
        UsageError: the boards are not equal, or there are more of them than rounds.
        EdgebenchError: a board failed; what the others measured is kept for the next time.
    """
    if rounds < len(pool.pool):
        raise UsageError(
            f"{rounds} rounds cannot be shared by {len(pool.pool)} boards", subject=pool.name, fix="measure more rounds"
        )
    specs = [workspace.device(name) for name in pool.pool]
    _require_equal(pool, {spec.name: spec.model_dump(mode="json", exclude=OF_ONE_BOARD) for spec in specs}, "specs")
    infos = dict(zip(pool.pool, _described(workspace, specs), strict=True))
    _require_equal(pool, {name: machine_of(info) for name, info in infos.items()}, "boards")
    place = {name: place for place, name in enumerate(pool.pool)}
    outcomes = on_each(
        workspace,
        pool.pool,
        lambda within, board: measure_share(within, board, Share(place[board], len(place))),
    )
    raise_all([outcome.error for outcome in outcomes if outcome.error])
    found = {outcome.device: outcome.found for outcome in outcomes if outcome.found}
    job = _joined(pool, infos[pool.pool[0]], found, gate=gate)
    workspace.store.save(job.job, job)
    workspace.store.ask(MeasurementJob, [job.job])
    blocks = [block.model_copy(update={"job": job.job}) for part in found.values() for block in part.blocks]
    return Measured(
        job, tuple(blocks), {name: why for part in found.values() for name, why in part.not_measured.items()}
    )


def _described(workspace: Workspace, specs: Sequence[DeviceSpec]) -> list[DeviceInfo]:
    by_name = {spec.name: spec for spec in specs}

    def ask(within: Workspace, board: str) -> DeviceInfo:
        transport = connect(by_name[board], within.store.folder("devices", board))
        return describe(transport, by_name[board], progress=within.progress)

    outcomes = on_each(workspace, list(by_name), ask, what="asking")
    raise_all([outcome.error for outcome in outcomes if outcome.error])
    return [outcome.found for outcome in outcomes if outcome.found]


def _require_equal(pool: DeviceSpec, told: dict[str, dict[str, Any]], what: str) -> None:
    (first, facts), *others = told.items()
    for name, others_facts in others:
        unlike = [key for key in facts.keys() | others_facts.keys() if facts.get(key) != others_facts.get(key)]
        if unlike:
            raise UsageError(
                f"its {what} are not equal: {first} and {name} differ in {', '.join(sorted(unlike))}",
                subject=pool.name,
                fix=f"make them equal, or measure on each by itself: --device {','.join(told)}",
            )


def _joined(pool: DeviceSpec, info: DeviceInfo, parts: dict[str, Measured], *, gate: bool) -> MeasurementJob:
    shares = {board: part.job.job for board, part in parts.items()}
    first: MeasurementJob = next(iter(parts.values())).job
    return first.model_copy(
        update={
            "job": sha256_json([pool.name, shares])[:16],
            "device": info.model_copy(update={"name": pool.name, "description": pool.description, "notes": pool.notes}),
            "shares": shares,
            "blocks": sum(part.job.blocks for part in parts.values()),
            "purpose": "gate" if gate else "run",
        }
    )
