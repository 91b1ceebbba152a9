"""The agent on this machine: what it says of it, and the files that it loads."""

from __future__ import annotations

import time
from pathlib import Path

from edgebench.pipeline.workspace import Workspace
from edgebench.progress import Progress
from edgebench.records.artifact import Runnable
from edgebench.records.measurement import DeviceInfo
from edgebench.specs.device import DeviceSpec
from edgebench.store import Store
from edgebench.transports import Transport, ask_agent
from edgebench.transports.local import LocalTransport
from edgebench.units import lag_text


def describe(transport: Transport, spec: DeviceSpec | None = None, *, progress: Progress | None = None) -> DeviceInfo:
    """The machine behind a transport, as its agent sees it and its spec adds to that.

    Args:
        progress: is told where the machine's clock is wrong, which dates its blocks.
    """
    asked_s = time.time()
    answer = ask_agent(transport, {"task": "describe"})
    here_s = time.time()
    if progress and (lag := lag_text(answer["now_s"] - here_s, delay_s=here_s - asked_s)):
        progress.note(f"{transport.name}: its clock is {lag}, and so are the times of its blocks; the run has ours")
    info = DeviceInfo(name=transport.name, **answer["device"])
    told = ("description", "notes", "emulated")
    return info.model_copy(update={key: getattr(spec, key) for key in told}) if spec else info


def this_machine(workspace: Workspace) -> DeviceInfo:
    return describe(LocalTransport("local", workspace.store.folder("agents")))


def runnable_file(store: Store, runnable: Runnable, folder: Path) -> Path:
    """The file the agent loads, under its own name in `folder`, because runtimes go by the suffix."""
    return store.blobs.export(runnable.blob, folder / runnable.file_name)
