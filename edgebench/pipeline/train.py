"""`edgebench train`: the literature's recipe on any data set the loaders read, in a child process."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgebench.digests import sha256_json
from edgebench.files import as_store_errors
from edgebench.pipeline.children.workers import Report, Task, run_tasks
from edgebench.pipeline.images.datasets import evaluation_samples, training_samples
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import SYNTHETIC, DataSettings
from edgebench.specs.model import ModelSpec
from edgebench.training import History, check_request
from edgebench.training import train as fit


def train(
    workspace: Workspace,
    model: str,
    *,
    data: str = SYNTHETIC,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = True,
    out: Path | None = None,
) -> tuple[History, Path]:
    """Trains a model of the zoo; an interrupted training goes on where it was.

    Args:
        out: where the weights go, beside the checkpoints in the store.

    Returns:
        The history, and the weights file.
    """
    spec = workspace.model(model)
    check_request(spec, epochs=epochs, seed=seed)
    # Decoded here, where progress shows; the child maps the same cached tensors.
    samples = training_samples(workspace, spec, data)
    evaluation_samples(workspace, spec, DataSettings(folder=data, allow_missing_classes=True))
    identity = sha256_json([spec.training.model_dump(exclude={"epochs"}), samples.info.id, seed])[:12]
    folder = workspace.store.folder("training", f"{spec.name}-{identity}")
    arguments = {
        "home": workspace.store.home,
        "spec": spec,
        "data": data,
        "folder": folder,
        "epochs": epochs,
        "seed": seed,
        "resume": resume,
    }
    task = Task(spec.name, "edgebench.pipeline.train:train_in_child", arguments)
    with workspace.progress.step(f"training {spec.name}") as step:
        (outcome,) = run_tasks(
            [task], jobs=1, log=workspace.log, on_report=lambda _, done, total, detail: step.update(done, total, detail)
        )
    if outcome.error:
        raise outcome.error
    history: History = outcome.value
    weights = folder / history.weights
    if out is None:
        return history, weights
    with as_store_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(weights, out)
    return history, out


def train_in_child(
    report: Report,
    *,
    home: Path,
    spec: ModelSpec,
    data: str,
    folder: Path,
    epochs: int | None,
    seed: int,
    resume: bool,
) -> History:
    workspace = Workspace.open(home=home)
    samples = training_samples(workspace, spec, data)
    validation = evaluation_samples(workspace, spec, DataSettings(folder=data, allow_missing_classes=True))
    return fit(
        spec,
        samples,
        validation,
        folder=folder,
        epochs=epochs,
        seed=seed,
        resume=resume,
        progress=report,
    )
