"""`edgebench models import`: a draft of a spec for a trained model, read in a child process."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgebench.errors import UsageError
from edgebench.pipeline.children.workers import Report, Task, run_tasks
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.build import build
from edgebench.specs.draft import Draft, labels_text, source_of, spec_text
from edgebench.specs.model import ModelSpec
from edgebench.specs.problem import as_error
from edgebench.specs.source import TorchModule

FOLDER = Path("model_specs")
"""Where the project's specs are."""
SILENCE_S = 300.0
"""To read a model and run it once."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
HARDLY = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Imported:
    """The draft, its files, and what to run next."""

    name: str
    spec: Path
    labels: Path | None
    draft: Draft
    next: tuple[str, ...]


def import_model(
    workspace: Workspace,
    file: Path,
    *,
    name: str | None = None,
    out: Path = FOLDER,
    factory: str | None = None,
    size: tuple[int, int] | None = None,
    signature: str | None = None,
) -> Imported:
    """Writes a draft of the spec of a model file; it loads, and passes `edgebench models validate`.

    Args:
        file: a .keras, .h5, .onnx, .tflite, .pt2 or .pth file, or a SavedModel folder; it stays where it is.
        name: of the model; by default the file's.
        out: the folder of specs.
        factory: `file.py:name` or `package.module:name` of what builds the net of a state dict. It is run.
        size: height and width of the images, where the file leaves them open.
        signature: which one of a SavedModel's answers; by default `serving_default`, or its only one.

    Raises:
        UsageError: there is no such file, the name is none, or a spec of that name stands there.
        SpecError: the package of the factory is not installed.
        ModelFileError: the file is damaged, holds code, or takes or answers what no spec can state.
        WorkerDied: reading it took the child process down.
    """
    if not file.exists():
        raise UsageError("no such file", subject=str(file), fix="name a model file")
    name = _name(file) if name is None else name
    if not NAME.fullmatch(name):
        raise UsageError("is no name of a model", subject=repr(name), fix="use letters, digits, . _ and -")
    spec, labels = out / f"{name}.yaml", out / f"{name}.labels.txt"
    _refuse_standing(spec)
    # Resolved, as `..` after a link leads elsewhere than it reads.
    stated = os.path.relpath(file.resolve(), out.resolve())
    module = None if factory is None else _module(factory)
    arguments = {"file": file.absolute(), "name": name, "module": module, "size": size, "signature": signature}
    task = Task(str(file), "edgebench.pipeline.importing:read", arguments, silence_s=SILENCE_S)
    (outcome,) = run_tasks([task], jobs=1, log=workspace.log)
    if outcome.error:
        raise outcome.error
    draft: Draft = outcome.value
    names = labels_text(draft)
    if names is not None:
        _refuse_standing(labels)
        _write_new(labels, names)
    text = spec_text(
        draft,
        file=stated,
        written_by="`edgebench models import`",
        labels_file=labels.name,
        module=module and _relative(module, out),
    )
    _write_new(spec, text)
    found, problems = build(ModelSpec, spec)
    if found is None:
        raise as_error(problems)
    return Imported(name, spec, None if names is None else labels, draft, _next(name, out))


def read(
    report: Report,
    *,
    file: Path,
    name: str,
    module: str | None = None,
    size: tuple[int, int] | None = None,
    signature: str | None = None,
) -> Draft:
    """In the child, which a hostile file may take down: the draft, after its source was loaded by it once."""
    import numpy as np

    from edgebench.sources import load_source
    from edgebench.sources.activations import check_activations
    from edgebench.sources.contract import contract_shape
    from edgebench.sources.facts import draft_of
    from edgebench.sources.opening import recognize

    net = None if module is None else TorchModule(module=module, state_dict=str(file))
    draft = draft_of(file, recognize(file), module=net, size=size, signature=signature)
    spec = _spec(draft, file, name, module)
    noise = np.random.default_rng(0).uniform(0, 1, (2, *contract_shape(spec.input))).astype(np.float32)
    check_activations(spec, load_source(spec).predict(noise))
    return draft


def _spec(draft: Draft, file: Path, name: str, module: str | None) -> ModelSpec:
    heads = [
        {"kind": head.kind, "name": head.kind, "output": head.output}
        | ({"targets" if head.kind == "regression" else "labels": head.names} if head.names else {})
        | ({"activation": head.activation} if head.activation else {})
        for head in draft.heads
    ]
    contract = {"size": draft.size, "color": draft.color, "layout": draft.layout, "range": draft.range}
    return ModelSpec.model_validate(
        {"name": name, "source": source_of(draft, str(file), module), "input": contract, "heads": heads}
    )


def _module(factory: str) -> str:
    """The factory as a spec states it, with its file's absolute path."""
    place, _, name = factory.rpartition(":")
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise UsageError("no such file", subject=place, fix="correct --factory")
        place = str(Path(place).resolve())
    try:
        return TorchModule(module=f"{place}:{name}", state_dict="").module
    except ValidationError as exc:
        raise UsageError(
            "names no factory", subject=repr(factory), fix="write --factory FILE.py:NAME or PACKAGE.MODULE:NAME"
        ) from exc


def _relative(module: str, out: Path) -> str:
    place, _, name = module.rpartition(":")
    return f"{os.path.relpath(place, out.resolve())}:{name}" if place.endswith(".py") else module


def _name(file: Path) -> str:
    name = HARDLY.sub("_", file.resolve().stem).strip("._-")[:100]
    if not name:
        raise UsageError("has no name that a model could have", subject=str(file), fix="give one with --name")
    return name


def _refuse_standing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise UsageError("stands there already", subject=str(path), fix="choose another --name, or remove it first")


def _write_new(path: Path, text: str) -> None:
    """Never over what another wrote meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_standing(path)


def _next(name: str, out: Path) -> tuple[str, ...]:
    where = "" if out.resolve() == FOLDER.resolve() else f" --models {out}"
    return (
        f"edgebench models validate {name}{where}",
        f"edgebench models doctor {name}{where} --data DIR",
        f"edgebench quantize --model {name}{where} --data DIR",
    )
