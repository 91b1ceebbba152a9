"""Which block is measured when: rounds over all variants, each round in an order of its own.

Neighbours in time share the machine's mood, so variants are interleaved rather than measured one after
the other, and the order is drawn anew for each round so that no variant always follows the same one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from edgebench.digests import sha256_json
from edgebench.errors import UsageError
from edgebench.frozen import Frozen
from edgebench.specs.bench import BenchSettings
from edgebench.specs.device import DeviceSpec

AGENT_SCHEMA = 1


class PlannedVariant(Frozen):
    """What the agent loads: `model` is its path in the work folder, `inputs` a key of the job's inputs."""

    variant: str
    artifact: str
    """sha256 of the artifact's blob."""
    runtime: str
    model: str
    inputs: str


class PlannedBlock(PlannedVariant):
    id: str
    round: int
    position: int
    threads: int


def plan_blocks(
    variants: Sequence[PlannedVariant], settings: BenchSettings, threads: Sequence[int]
) -> tuple[PlannedBlock, ...]:
    """Every variant at every thread count once a round; the same whatever the order of the arguments.

    Raises:
        UsageError: two variants share a name, or a thread count is given twice.
    """
    pairs = sorted(((variant, count) for variant in variants for count in threads), key=_name)
    if len({_name(pair) for pair in pairs}) < len(pairs):
        raise UsageError("a variant or a thread count is named twice", fix="name each once")
    return tuple(
        PlannedBlock(
            **dict(variant), id=f"r{number}.{variant.variant}.t{count}", round=number, position=i, threads=count
        )
        for number in range(settings.rounds)
        for i, (variant, count) in enumerate(_shuffled(pairs, seed=f"{settings.seed}/{number}"))
    )


def _name(pair: tuple[PlannedVariant, int]) -> tuple[str, int]:
    return pair[0].variant, pair[1]


def _shuffled(pairs: Sequence[tuple[PlannedVariant, int]], *, seed: str) -> list[tuple[PlannedVariant, int]]:
    order = list(pairs)
    random.Random(seed).shuffle(order)
    return order


def job_id(
    variants: Sequence[PlannedVariant],
    settings: BenchSettings,
    threads: Sequence[int],
    *,
    device: DeviceSpec,
    machine: Mapping[str, Any],
    inputs: Mapping[str, str],
    repetition: int = 0,
) -> str:
    """Equal for two jobs that would measure the same thing: the later one continues the earlier one's journal.

    Args:
        machine: what decides a latency besides the job: processor, runtimes, the agent.
        inputs: key -> sha256 of the images and the affine step it stands for.
        repetition: another number makes another job of the same work.
    """
    facts = {
        "variants": sorted((v.variant, v.artifact, v.runtime, v.inputs) for v in variants),
        "settings": settings.model_dump(),
        "threads": sorted(threads),
        "device": device.name,
        "affinity": device.cpu_affinity,
        "governor": device.governor,
        "start_below_c": device.start_below_c,
        "veto": device.veto.model_dump(),
        "machine": dict(machine),
        "inputs": dict(inputs),
        "repetition": repetition,
    }
    return sha256_json(facts)[:16]


def schedule_task(
    job: str,
    blocks: Sequence[PlannedBlock],
    settings: BenchSettings,
    *,
    device: DeviceSpec,
    inputs: Mapping[str, Mapping[str, Any]],
    journal: str,
    measures: str = "bench",
) -> dict[str, Any]:
    """The job as the agent takes it.

    Args:
        inputs: key -> what the task of each block takes beside the model, with paths in the work folder.
        measures: that task.
    """
    return {
        "schema": AGENT_SCHEMA,
        "task": "schedule",
        "measures": measures,
        "job": job,
        "blocks": [block.model_dump(exclude={"artifact"}) for block in blocks],
        "settings": settings.model_dump(exclude={"rounds", "seed"}),
        "veto": device.veto.model_dump(),
        "affinity": list(device.cpu_affinity),
        "governor": device.governor,
        "start_below_c": device.start_below_c,
        "inputs": {key: dict(value) for key, value in inputs.items()},
        "journal": journal,
    }
