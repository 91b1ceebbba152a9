"""`edgebench evaluate --device`: accuracy by the device's own answers, beside the host's to the same images."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.agent import AGENT
from edgebench.digests import sha256_bytes, sha256_file, sha256_json
from edgebench.errors import DeviceError, EdgebenchError, raise_all
from edgebench.pipeline.boards.board import ask_board, busy_error, to_device
from edgebench.pipeline.boards.lease import lease
from edgebench.pipeline.boards.shipping import ship
from edgebench.pipeline.children.agents import runnable_file
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate, npz
from edgebench.pipeline.findings.answers import arrays
from edgebench.pipeline.images.datasets import evaluation_samples
from edgebench.pipeline.images.labels import model_truth
from edgebench.pipeline.jobs.blocks import asked, machine_of, ways_on
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact, Runnable
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import DeviceInfo
from edgebench.records.on_device import DeviceEvaluation, OnDevice
from edgebench.specs.data import DataSettings
from edgebench.specs.device import DeviceSpec
from edgebench.transports import Transport, agent_failed, ask_agent, connect
from edgebench.units import duration_text

if TYPE_CHECKING:
    import numpy as np

    from edgebench.data import Samples

LIMIT_S = 600.0
"""Nobody waits longer unasked: from here on a part of the images has to do."""
TRIAL = 8
"""Images from which the time of all is estimated."""
FEWEST = 100
"""Images that are evaluated however long it takes; all where there are fewer."""
SHARD = 50


def evaluate_on_device(
    workspace: Workspace,
    choice: Choice,
    *,
    device: str,
    data: DataSettings = DataSettings(),
    limit_s: float = LIMIT_S,
    force: bool = False,
) -> tuple[OnDevice, ...]:
    """Has the device answer the images that the host is evaluated on, all of them or, where that would take longer
    than `limit_s`, as many as it has time for, in the proportions of the classes.

    The host is evaluated first, as far as it is not yet.

    Raises:
        DeviceError: it cannot be worked with, or measures somebody's job. Variants that fail do not stop the others.
    """
    spec = workspace.device(device)
    info = asked(workspace, spec)
    here = {each.artifact: each for each in evaluate(workspace, choice, data=data)}
    artifacts = [artifact for artifact in quantize(workspace, choice, data=data) if artifact.blob in here]
    ways, _ = ways_on(info, spec, artifacts)
    samples = {
        model: evaluation_samples(workspace, workspace.model(model), data)
        for model in dict.fromkeys(artifact.model for artifact, _ in ways)
    }
    with lease(workspace, spec):
        board = _Board(workspace, spec, info)
        board.refuse_busy()
        share = board.share(ways, samples, limit_s)
        made = [board.evaluated(artifact, way, samples[artifact.model], share, force=force) for artifact, way in ways]
    raise_all([each for each in made if isinstance(each, EdgebenchError)])
    return tuple(compare(workspace, each, here[each.artifact]) for each in made if isinstance(each, DeviceEvaluation))


def compare(workspace: Workspace, there: DeviceEvaluation, here: Evaluation) -> OnDevice:
    """The device's answers judged, and held against the host's to the same images."""
    import numpy as np

    from edgebench.drift import judge

    spec = workspace.model(there.model)
    answers = arrays(workspace.store, there.outputs)
    places = answers.pop("places")
    host = {head: values[places] for head, values in arrays(workspace.store, here.outputs).items()}
    truth = {
        name: values[places]
        for name, values in model_truth(spec, here.dataset, arrays(workspace.store, here.truth)).items()
    }
    judged = judge(
        {"host": host, there.variant: answers},
        truth,
        spec.heads,
        reference="host",
        margin=spec.budgets.max_accuracy_loss,
    )[there.variant]
    assert judged.drift is not None
    return OnDevice(
        variant=there.variant,
        device=there.device.name,
        emulated=there.device.emulated,
        images=there.images,
        of=there.dataset.samples,
        scores=judged.scores,
        drift=judged.drift,
        largest_difference=max(float(np.abs(answers[head] - host[head]).max()) for head in host),
    )


def part_of(classes: np.ndarray, count: int) -> np.ndarray:
    """So many rows at equal distances after sorting by class, so that every class has its share; in rising order."""
    import numpy as np

    order = np.argsort(classes, kind="stable")
    return np.sort(order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)])


@dataclass(frozen=True)
class _Asked:
    """One variant's images on their way through the device."""

    artifact: Artifact
    way: Runnable
    images: np.ndarray
    affine: dict[str, Any]


@dataclass(frozen=True)
class _Answered:
    outputs: list[np.ndarray]
    elapsed_s: float
    runtime_version: str
    path: str


class _Board:
    """A device that answers images, a shard at a time, so that its progress is seen."""

    def __init__(self, workspace: Workspace, spec: DeviceSpec, info: DeviceInfo) -> None:
        self.workspace, self.spec, self.info = workspace, spec, info
        self.transport: Transport = connect(spec, workspace.store.folder("devices", spec.name), "evaluation")

    def refuse_busy(self) -> None:
        if not self.transport.leaves:
            return
        home = to_device(self.workspace, self.spec)  # a lease lies there, not in the folder that we work in
        if (busy := ask_board(home, "examine")["busy"]) is not None:
            raise busy_error(self.spec, busy, "wait for its end: an evaluation would disturb what it measures")

    def share(self, ways: Sequence[tuple[Artifact, Runnable]], samples: Mapping[str, Samples], limit_s: float) -> float:
        """Of the images, the part that the device has time for: from a trial with each variant, loading included."""
        all_s = sum(self._estimated_s(artifact, way, samples[artifact.model].images) for artifact, way in ways)
        part = min(1.0, limit_s / all_s) if all_s else 1.0
        for model, own in samples.items():
            count = _count(own, part)
            text = f"{model}: all {len(own)} images with every variant would take about {duration_text(all_s)} there"
            if count < len(own):
                text += f"; {count} of them have to do, in the proportions of the classes"
            self.workspace.progress.note(text)
        return part

    def _estimated_s(self, artifact: Artifact, way: Runnable, images: np.ndarray) -> float:
        """Of all images; nothing of a variant that does not run, which is told when its turn comes."""
        try:
            trial = self._answers(self._asked(artifact, way, images[:TRIAL]))
        except DeviceError as exc:
            self.workspace.progress.note(f"{artifact.variant}: {exc.problem}")
            return 0.0
        return trial.elapsed_s * len(images) / min(TRIAL, len(images))

    def evaluated(
        self, artifact: Artifact, way: Runnable, samples: Samples, part: float, *, force: bool
    ) -> DeviceEvaluation | EdgebenchError:
        """What is kept of it, or made now; an error of this variant alone."""
        places = part_of(samples.classes, _count(samples, part))
        key = sha256_json(
            {
                "artifact": artifact.blob,
                "runnable": way.blob,
                "contract": artifact.contract_sha256,
                "dataset": samples.info.id,
                "places": places.tolist(),
                "device": self.spec.name,
                "machine": machine_of(self.info),
                "agent": sha256_file(AGENT),
            }
        )
        store = self.workspace.store
        found = None if force else store.find(DeviceEvaluation, key)
        if found:
            return found
        try:
            answered = self._answers(self._asked(artifact, way, samples.images[places]))
        except DeviceError as exc:
            return exc
        outputs = {head: answered.outputs[place] for head, place in artifact.outputs.items()}
        record = DeviceEvaluation(
            variant=artifact.variant,
            model=artifact.model,
            artifact=artifact.blob,
            contract_sha256=artifact.contract_sha256,
            device=self.info,
            dataset=samples.info,
            images=len(places),
            outputs=store.blobs.put_bytes(npz({**outputs, "places": places})),
            runtime=way.runtime,
            runtime_version=answered.runtime_version,
            path=answered.path,
            duration_s=answered.elapsed_s,
        )
        store.save(key, record, again=force)
        return store.get(DeviceEvaluation, key)

    def _asked(self, artifact: Artifact, way: Runnable, images: np.ndarray) -> _Asked:
        return _Asked(artifact, way, images, self.workspace.model(artifact.model).input.affine())

    def _answers(self, asked: _Asked) -> _Answered:
        import numpy as np

        shards = ceil(len(asked.images) / SHARD)
        own = f"answers/{secrets.token_hex(8)}"
        with tempfile.TemporaryDirectory(dir=self.workspace.store.folder("tmp")) as folder:
            images = self._ship(asked, Path(folder))
            self.transport.run(["mkdir", "-p", f"{own}/claims"])
            try:
                told = self._through(asked, images, own, shards)
                parts = [self._fetched(f"{own}/{place}.npz", Path(folder, f"{place}.npz")) for place in range(shards)]
            finally:
                self.transport.run(["rm", "-rf", own])
        outputs = [np.concatenate([part[f"output_{k}"] for part in parts]) for k in range(len(parts[0]))]
        first = told[0]
        return _Answered(outputs, sum(each["elapsed_s"] for each in told), first["runtime_version"], first["path"])

    def _ship(self, asked: _Asked, folder: Path) -> str:
        import numpy as np

        model = runnable_file(self.workspace.store, asked.way, folder)
        content = np.ascontiguousarray(asked.images)
        images = f"inputs/{sha256_bytes(content.tobytes())[:16]}.npy"
        np.save(folder / "images.npy", content)
        ship(self.workspace.progress, self.transport, {self._model(asked): model, images: folder / "images.npy"})
        return images

    def _through(self, asked: _Asked, images: str, own: str, shards: int) -> list[dict[str, Any]]:
        """The agent's account of each shard, in their order."""
        cuts = [min(place * SHARD, len(asked.images)) for place in range(shards + 1)]
        task = {
            "task": "predict_all",
            "claims": f"{own}/claims",
            "shards": [
                {
                    "runtime": asked.way.runtime,
                    "model": self._model(asked),
                    "threads": 1,
                    "images": images,
                    "start": cuts[place],
                    "stop": cuts[place + 1],
                    "affine": asked.affine,
                    "output": f"{own}/{place}.npz",
                }
                for place in range(shards)
            ],
        }
        told: dict[int, dict[str, Any]] = {}
        about = f"{self.spec.name}, {asked.artifact.variant}"
        with self.workspace.progress.step(f"evaluating on {self.spec.name}") as step:

            def on_progress(line: dict[str, Any]) -> None:
                if "error" in line:
                    raise agent_failed(line["error"], about)
                if "answer" in line:
                    told[line["shard"]] = line["answer"]
                    step.update(cuts[line["shard"] + 1], len(asked.images), asked.artifact.variant)

            ask_agent(self.transport, task, subject=asked.artifact.variant, on_progress=on_progress)
        return [told[place] for place in range(shards)]

    def _fetched(self, remote: str, local: Path) -> dict[str, np.ndarray]:
        import numpy as np

        self.transport.get(remote, local)
        with np.load(local, allow_pickle=False) as found:
            return dict(found)

    def _model(self, asked: _Asked) -> str:
        return f"models/{asked.way.blob[:16]}/{asked.way.file_name}"


def _count(samples: Samples, part: float) -> int:
    return min(len(samples), max(FEWEST, int(part * len(samples))))
