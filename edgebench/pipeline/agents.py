"""The agent on this machine: what it says of it, and the files that it loads."""

from __future__ import annotations

from pathlib import Path

from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Runnable
from edgebench.records.measurement import DeviceInfo
from edgebench.store import Store
from edgebench.transports import Transport, ask_agent
from edgebench.transports.local import LocalTransport


def describe(transport: Transport, *, description: str = "", notes: str = "") -> DeviceInfo:
    """The machine behind a transport, as its agent sees it."""
    device = ask_agent(transport, {"task": "describe"})["device"]
    return DeviceInfo(name=transport.name, description=description, notes=notes, **device)


def this_machine(workspace: Workspace) -> DeviceInfo:
    return describe(LocalTransport("local", workspace.store.folder("agents")))


def runnable_file(store: Store, runnable: Runnable, folder: Path) -> Path:
    """The file the agent loads, under its own name in `folder`, because runtimes go by the suffix."""
    return store.blobs.export(runnable.blob, folder / runnable.file_name)
