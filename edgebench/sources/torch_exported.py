"""Programs of torch.export in .pt2 files.

PyTorch is an optional extra; this module is imported by name only where such a source is loaded.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from edgebench.errors import ModelFileError
from edgebench.sources.border import translated
from edgebench.sources.contract import check_inputs
from edgebench.sources.torch_archive import checked_program
from edgebench.sources.torch_model import TorchModel, fitted

if TYPE_CHECKING:
    from edgebench.specs.model import ModelSpec

TRAINING = {"aten.batch_norm.default": 5, "aten.dropout.default": 2}
"""Operators that differ in training, and which of their arguments says so."""


def from_file(spec: ModelSpec, folder: Path | None) -> TorchModel:
    """Loads a .pt2 file that holds tensors and PyTorch's own operators alone.

    Trusted is PyTorch's own reader, given that.

    Raises:
        SpecError: the file is missing.
        ModelFileError: it is damaged, holds code, was exported in training mode, or breaks the contract.
    """
    path = spec.source_file(folder)
    inputs, net = open_program(path)
    check_inputs(inputs, spec.input, path, fix="export a net of one image", free_size=False)
    batch = inputs[0][0][0]
    if batch not in (1, None):
        raise ModelFileError(
            f"takes batches of {batch} only", subject=str(path), fix="export it for one sample, or with a free batch"
        )
    return fitted(net, spec, path, batch=batch)


def open_program(path: Path) -> tuple[list[tuple[list[int | None], str]], Any]:
    """Shape and dtype of every input, and the net as a module; raises ModelFileError as `from_file` does."""
    checked_program(path)
    _refuse_pickles(path)
    with translated(path, "cannot be read as a torch.export program", fix="export it again with torch.export.save"):
        program = torch.export.load(path)
        _refuse_training(program, path)
        names = set(program.graph_signature.user_inputs)
        given = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
        inputs = [(_sizes(value), _dtype(value)) for value in given]
        return inputs, program.module(check_guards=False)


def _refuse_pickles(path: Path) -> None:
    """PyTorch's reader falls back to unpickling anything where tensors alone are not enough."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".pt", ".pkl")):
                with translated(
                    path, f"{name} inside it holds more than tensors, and is not loaded", fix="export the net alone"
                ):
                    torch.load(io.BytesIO(archive.read(name)), weights_only=True)


def _refuse_training(program: torch.export.ExportedProgram, path: Path) -> None:
    for node in program.graph.nodes:
        place = TRAINING.get(str(node.target))
        if place is not None and len(node.args) > place and node.args[place] is True:
            raise ModelFileError(
                f"{node.name} is in training mode", subject=str(path), fix="call model.eval() before torch.export"
            )


def _sizes(value: Any) -> list[int | None]:
    shape = value.shape if isinstance(value, torch.Tensor) else ()
    return [size if isinstance(size, int) else None for size in shape]


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.") if isinstance(value, torch.Tensor) else type(value).__name__
