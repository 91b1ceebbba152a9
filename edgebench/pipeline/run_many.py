"""`edgebench run --device a,b`: the same job on several devices at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from edgebench.pipeline.choice import Choice
from edgebench.pipeline.jobs.blocks import asked
from edgebench.pipeline.jobs.many import Outcome, on_each
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import DataSettings

T = TypeVar("T")


def run_on_each(
    workspace: Workspace,
    choice: Choice,
    devices: Sequence[str],
    do: Callable[..., T],
    *,
    data: DataSettings,
    **options: Any,
) -> tuple[Outcome[T], ...]:
    """`measure`, or `time_pipeline`, on several devices; the artifacts are made once, for those that answer.

    Raises:
        UnknownName: a device is not known; nothing is made or begun then.
    """
    specs = {device: workspace.device(device) for device in devices}
    boards = [device for device, spec in specs.items() if not spec.pool]
    answers = on_each(workspace, boards, lambda within, device: asked(within, specs[device]), what="asking")
    gone = {answer.device: Outcome[T](answer.device, error=answer.error) for answer in answers if answer.error}
    there = [device for device in specs if device not in gone]
    if there:
        quantize(workspace, choice, data=data)
    found = on_each(workspace, there, lambda within, device: do(within, choice, device=device, data=data, **options))
    outcomes = gone | {outcome.device: outcome for outcome in found}
    return tuple(outcomes[device] for device in specs)
