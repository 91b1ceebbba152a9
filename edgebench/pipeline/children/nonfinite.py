"""Which layer first answers NaN or infinity, found in a child process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from edgebench.pipeline.children.workers import Report, Task, run_tasks
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.registry import resolve
from edgebench.specs.model import ModelSpec
from edgebench.targets import TARGETS


def first_layer(
    workspace: Workspace, spec: ModelSpec, artifact: Artifact | None, images: Path, sample: int
) -> str | None:
    """The layer's name, or None where it cannot be told. Without an artifact the source is searched."""
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work:
        file = workspace.store.blobs.export(artifact.blob, Path(work) / artifact.file_name) if artifact else None
        format_ = artifact.format if artifact else None
        arguments = {"spec": spec, "format_": format_, "file": file, "images": images, "sample": sample}
        task = Task(spec.name, "edgebench.pipeline.children.nonfinite:find", arguments)
        (outcome,) = run_tasks([task], jobs=1, log=workspace.log)
    layer: str | None = outcome.value  # None as well when the search itself failed: the NaN is the news
    return layer


def find(
    report: Report, *, spec: ModelSpec, format_: str | None, file: Path | None, images: Path, sample: int
) -> str | None:
    """In the child: searches one sample layer by layer."""
    import numpy as np

    from edgebench.inputs import PreparedInputs
    from edgebench.sources import framework, load_source

    inputs = PreparedInputs(np.load(images, mmap_mode="r"), spec.input)[sample]
    if format_ is None and framework(spec) in TARGETS:  # the source's own file is of a target's format
        format_, file = framework(spec), spec.source_file()
    layer: str | None
    if format_ is None:
        searchable: Any = load_source(spec)
        layer = searchable.first_nonfinite(inputs)
    else:
        layer = resolve(TARGETS, format_, kind="format")().first_nonfinite(file, inputs)
    return layer
