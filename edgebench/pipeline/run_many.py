"""`edgebench run --device a,b`: the same job on several devices at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from edgebench.pipeline.choice import Choice
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
    **asked: Any,
) -> tuple[Outcome[T], ...]:
    """`measure`, or `time_pipeline`, on several devices; the artifacts are made once, before all.

    Raises:
        UnknownName: a device is not known; nothing is made or begun then.
    """
    for device in devices:
        workspace.device(device)
    quantize(workspace, choice, data=data)
    return on_each(workspace, devices, lambda within, device: do(within, choice, device=device, data=data, **asked))
