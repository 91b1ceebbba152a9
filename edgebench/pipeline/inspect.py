"""`edgebench inspect`: the operators of a kept variant or of any model file, read in a child process."""

from __future__ import annotations

from pathlib import Path

from edgebench.errors import NothingMeasured, UnknownName
from edgebench.pipeline.children.workers import Report, Task, run_tasks
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact, Operators
from edgebench.registry import resolve
from edgebench.specs.variant import Variant
from edgebench.targets import TARGETS


def inspect(workspace: Workspace, what: str) -> tuple[str, Operators]:
    """Operators of the newest artifact of a variant, or of a file, by its suffix."""
    path = Path(what)
    if path.exists():
        return what, _of_file(workspace, path)
    Variant.parse(what)
    kept = {artifact.variant: artifact for artifact in workspace.store.latest(Artifact)}
    if not kept:
        raise NothingMeasured("the store holds no artifact", fix="run `edgebench quantize` first")
    if what not in kept:
        raise UnknownName.among(what, kept, kind="variant in the store")
    return what, kept[what].operators


def _of_file(workspace: Workspace, path: Path) -> Operators:
    suffixes = {resolve(TARGETS, name, kind="format").suffix: name for name in TARGETS}
    if path.suffix not in suffixes:
        raise UnknownName.among(path.suffix or path.name, suffixes, kind="model file")
    task = Task(str(path), "edgebench.pipeline.inspect:inspect_file", {"format_": suffixes[path.suffix], "path": path})
    (outcome,) = run_tasks([task], jobs=1, log=workspace.log)
    if outcome.error:
        raise outcome.error
    operators: Operators = outcome.value
    return operators


def inspect_file(report: Report, *, format_: str, path: Path) -> Operators:
    """In the child, which a hostile file may take down."""
    operators: Operators = resolve(TARGETS, format_, kind="format")().inspect(path)
    return operators
