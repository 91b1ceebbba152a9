"""`edgebench evaluate`: every variant's answer to every image, kept; the source model's as well."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.agent import AGENT
from edgebench.data import Samples
from edgebench.digests import sha256_file, sha256_json
from edgebench.errors import DataError, EdgebenchError, ModelFileError, NonFiniteOutput, UsageError, raise_all
from edgebench.pipeline.children.agents import runnable_file, this_machine
from edgebench.pipeline.children.predictions import (
    ArtifactRow,
    Predicted,
    SourceRow,
    predict_artifacts,
    predict_sources,
)
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.images.datasets import evaluation_samples, images_path
from edgebench.pipeline.images.labels import refuse_unlabelled
from edgebench.pipeline.opening import refuse_unfit
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact, Runnable
from edgebench.records.caveat import Caveat
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import DeviceInfo
from edgebench.sources import fingerprint, framework, packages
from edgebench.specs.data import DataSettings
from edgebench.specs.model import ModelSpec
from edgebench.specs.variant import source_id

if TYPE_CHECKING:
    import numpy as np

REFERENCE = Caveat(
    kind="reference-executed",
    text="run through a translation to ONNX, because this machine has no CoreML: right for accuracy, no latency",
    fix="run on macOS",
)


def evaluate(
    workspace: Workspace,
    choice: Choice,
    *,
    data: DataSettings = DataSettings(),
    force: bool = False,
) -> tuple[Evaluation, ...]:
    """Evaluates the source and every chosen variant of each model, making missing artifacts first.

    Returns:
        One record per row, the source of a model before its variants. Rows that fail do not stop the
        others: those are kept, then the first failure is raised with the rest as its notes.
    """
    specs = [workspace.model(model) for model in choice.models]
    for spec in specs:
        _refuse_random(spec)
    refuse_unfit(workspace, specs)
    sets = {spec.name: evaluation_samples(workspace, spec, data) for spec in specs}
    for spec in specs:
        refuse_unlabelled(spec, sets[spec.name].info, _truth(sets[spec.name]))
    artifacts = quantize(workspace, choice, data=data)
    host = this_machine(workspace)
    shown = data.without_path()
    rows = [row for spec in specs for row in _rows(workspace, spec, sets[spec.name], shown, artifacts, host)]
    workspace.store.ask(Evaluation, [row.key for row in rows])
    missing = [row for row in rows if force or workspace.store.find(Evaluation, row.key) is None]
    _evaluate_missing(workspace, missing, again=force)
    return tuple(workspace.store.get(Evaluation, row.key) for row in rows)


@dataclass(frozen=True)
class _Row:
    """One row to evaluate and the key of everything its outputs depend on. The source has no artifact."""

    key: str
    spec: ModelSpec
    source_sha256: str
    samples: Samples
    data: DataSettings
    host: dict[str, str]
    artifact: Artifact | None = None
    runnable: Runnable | None = None

    @property
    def variant(self) -> str:
        return self.artifact.variant if self.artifact else source_id(self.spec.name)

    def record(self, outputs: str, truth: str, duration_s: float) -> Evaluation:
        reference = self.runnable is not None and self.runnable.reference
        return Evaluation(
            variant=self.variant,
            model=self.spec.name,
            dataset=self.samples.info,
            artifact=self.artifact.blob if self.artifact else self.source_sha256,
            contract_sha256=self.spec.input.sha256,
            data=self.data,
            outputs=outputs,
            truth=truth,
            runtime=self.runnable.runtime if self.runnable else framework(self.spec),
            reference=reference,
            host=self.host,
            duration_s=duration_s,
            caveats=(REFERENCE,) if reference else (),
        )


def _rows(
    workspace: Workspace,
    spec: ModelSpec,
    samples: Samples,
    data: DataSettings,
    artifacts: Sequence[Artifact],
    host: DeviceInfo,
) -> Iterator[_Row]:
    # What bit-exactness depends on besides the artifact: the runtime, and the processor's vector units.
    machine = {"processor": host.processor, "features": " ".join(host.features)}
    shared = {"model": spec.name, "dataset": samples.info.id, "machine": machine}
    tools = {name: version(name) for name in packages(spec)}
    source_sha256 = fingerprint(spec)
    source = {"source": source_sha256, "contract": spec.input.sha256, "tools": tools}
    yield _Row(sha256_json({**shared, **source}), spec, source_sha256, samples, data, {**machine, **tools})
    agent = sha256_file(AGENT)
    for artifact in artifacts:
        if artifact.model != spec.name:
            continue
        _refuse_changed(spec, source_sha256, artifact)
        _refuse_overlap(workspace, artifact, samples)
        runnable = _local_way(artifact, host)
        tools = {runnable.runtime: host.runtimes[runnable.runtime]}
        made = {
            "variant": artifact.variant,
            "runnable": runnable.blob,
            "outputs": artifact.outputs,
            "contract": spec.input.sha256,
        }
        key = sha256_json({**shared, **made, "agent": agent, "tools": tools})
        yield _Row(key, spec, source_sha256, samples, data, {**machine, **tools}, artifact, runnable)


def _local_way(artifact: Artifact, host: DeviceInfo) -> Runnable:
    """The best way to run an artifact with the runtimes of this machine."""
    for way in artifact.runnable:
        if way.runtime in host.runtimes:
            return way
    needed = " or ".join(way.runtime for way in artifact.runnable)
    raise UsageError(f"needs the runtime {needed}, which this machine lacks", subject=artifact.variant)


def _evaluate_missing(workspace: Workspace, rows: Sequence[_Row], *, again: bool) -> None:
    by_key = {row.key: row for row in rows}
    failures: list[EdgebenchError] = []
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work:
        for predicted in _predict(workspace, rows, Path(work)):
            row = by_key[predicted.key]
            error = predicted.error or _nonfinite(workspace, row, predicted)
            if error:
                failures.append(error)
                continue
            outputs = workspace.store.blobs.put_bytes(npz(predicted.outputs))
            truth = workspace.store.blobs.put_bytes(npz(_truth(row.samples)))
            workspace.store.save(row.key, row.record(outputs, truth, predicted.duration_s), again=again)
    raise_all(failures)


def _predict(workspace: Workspace, rows: Sequence[_Row], work: Path) -> Iterator[Predicted]:
    sources = [
        SourceRow(row.key, row.spec, row.source_sha256, images_path(row.samples), len(row.samples))
        for row in rows
        if not row.artifact
    ]
    artifacts = [
        ArtifactRow(
            key=row.key,
            variant=row.variant,
            runtime=row.runnable.runtime,
            model=runnable_file(workspace.store, row.runnable, work),
            heads=row.artifact.outputs,
            affine=row.spec.input.affine(),
            images=images_path(row.samples),
            samples=len(row.samples),
        )
        for row in rows
        if row.artifact and row.runnable
    ]
    if sources:
        yield from predict_sources(workspace, sources)
    if artifacts:
        yield from predict_artifacts(workspace, artifacts)


def _nonfinite(workspace: Workspace, row: _Row, predicted: Predicted) -> NonFiniteOutput | None:
    """An error naming the row, the image and the first layer, where an output is NaN or infinite."""
    import numpy as np

    from edgebench.pipeline.children.nonfinite import first_layer

    for head, values in predicted.outputs.items():
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            layer = first_layer(workspace, row.spec, row.artifact, images_path(row.samples), int(bad[0]))
            where = f", first in layer {layer}" if layer else ""
            return NonFiniteOutput(
                f"{head} is NaN or infinite for {len(bad)} of {len(values)} images{where}",
                subject=row.variant,
                fix="look at that layer's weights and input range",
            )
    return None


def _refuse_random(spec: ModelSpec) -> None:
    if spec.has_random_weights:
        raise UsageError(
            "its weights are random, so an accuracy would mean nothing",
            subject=spec.name,
            fix=f"train it (edgebench train --model {spec.name}) and name the weights in its spec; "
            "size and latency work as it is (edgebench quantize, edgebench run)",
        )


def _refuse_changed(spec: ModelSpec, source_sha256: str, artifact: Artifact) -> None:
    """A row is compared with its source, so both must come of one model under one contract."""
    if (artifact.source_sha256, artifact.contract_sha256) != (source_sha256, spec.input.sha256):
        raise ModelFileError("its model or spec changed while it was in use", subject=artifact.variant, fix="run again")


def _refuse_overlap(workspace: Workspace, artifact: Artifact, samples: Samples) -> None:
    if artifact.calibration is None:
        return
    calibrated = set(json.loads(workspace.store.blobs.read(artifact.calibration.contents)))
    if shared := calibrated & set(samples.content):
        raise DataError(
            f"{len(shared)} images of {samples.info.name} also calibrated it",
            subject=artifact.variant,
            fix="calibrate on a training part that shares no image with the validation part",
        )


def _truth(samples: Samples) -> dict[str, Any]:
    import numpy as np

    return {
        "classes": samples.classes,
        "values": samples.values,
        "content": np.array(samples.content),
    }


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as .npz bytes that depend on their content only."""
    import numpy as np

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue())
    return buffer.getvalue()
