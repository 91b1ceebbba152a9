"""PyTorch modules with a state dict: built by a factory of the user's, or by the zoo.

PyTorch is an optional extra; this module is imported by name only where such a source is loaded.
"""

from __future__ import annotations

import contextlib
import pickletools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgebench.errors import ModelFileError
from edgebench.sources import torch_factory
from edgebench.sources.border import translated
from edgebench.sources.torch_archive import check_whole, kind_of, refuse_kind
from edgebench.sources.torch_model import TorchModel, fitted
from edgebench.zoo import build

if TYPE_CHECKING:
    from edgebench.specs.model import ModelSpec

RANDOM_SEED = 0
"""Of weights `random`."""
INNER = ("state_dict", "model_state_dict")
"""Where checkpoints of a training keep the state dict among other things."""
PARALLEL = "module."
"""What DataParallel puts before every name."""
SHOWN = 3
"""Names in a message about many."""
FORBIDDEN = re.compile(r"(?:GLOBAL|function) (\S+)")
"""How the reader of weights alone names what it does not load."""
REASON = re.compile(r"WeightsUnpickler error:\s*(.+)")
"""What that reader says of the file, after advice to trust it."""
PACKAGES = ("torch", "collections", "numpy")
"""Of what weights name beside tensors."""
SAVE = "save it with torch.save(model.state_dict(), FILE)"


def from_factory(spec: ModelSpec, folder: Path | None) -> TorchModel:
    """Runs the user's factory and loads the state dict into what it returns.

    Raises:
        SpecError: the file of the factory or the state dict is missing.
        ModelFileError: the factory fails, the state dict holds code, is damaged or of another net, or the net
            breaks the contract.
    """
    source: Any = spec.source
    return fitted(built(spec, folder), spec, _path(spec, folder) or Path(source.torch.module))


def built(spec: ModelSpec, folder: Path | None) -> nn.Module:
    """The net of the user's factory with its weights, in evaluation mode; raises as `from_factory` does."""
    source: Any = spec.source
    torch.manual_seed(RANDOM_SEED)
    net = torch_factory.build(spec, folder)
    if not isinstance(net, nn.Module):
        raise ModelFileError(
            f"returned {type(net).__name__}, not a torch.nn.Module",
            subject=source.torch.module,
            fix="let the factory return the net",
        )
    return _loaded(net, _path(spec, folder))


def from_zoo(spec: ModelSpec, folder: Path | None) -> TorchModel:
    """Builds the architecture and loads its state dict; weights `random` are drawn under a fixed seed.

    Raises:
        SpecError: the file is missing, or the architecture does not take what the spec asks for.
        ModelFileError: the state dict holds code, is damaged, or of another net.
    """
    torch.manual_seed(RANDOM_SEED)
    path = _path(spec, folder)
    return fitted(_loaded(build(spec), path), spec, path or Path(spec.name))


def _path(spec: ModelSpec, folder: Path | None) -> Path | None:
    """Of the state dict; None where the weights are random."""
    return None if spec.has_random_weights else spec.source_file(folder)


def _loaded(net: nn.Module, path: Path | None) -> nn.Module:
    if path is not None:
        _load_into(net, path)
    return net.cpu().eval()


def _load_into(net: nn.Module, path: Path) -> None:
    state = read_state(path)
    wanted = net.state_dict()
    missing, unexpected = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    shapes = [
        f"{name} is {tuple(state[name].shape)}, the net has {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    wrong = [
        *([f"lacks {_some(missing)}"] if missing else []),
        *([f"holds {_some(unexpected)}, which the net does not have"] if unexpected else []),
        *shapes[:1],
    ]
    if wrong:
        raise ModelFileError("; ".join(wrong), subject=str(path), fix="correct the module or its options")
    with translated(path, "does not fit the net", fix="correct the module or its options"):
        net.load_state_dict(dict(state), strict=True)


def read_state(path: Path) -> Mapping[str, torch.Tensor]:
    """Parameter name -> tensor; nothing but tensors is ever unpickled.

    A training's checkpoint gives the state dict inside it.

    Raises:
        ModelFileError: the file holds code or no state dict, or is damaged.
    """
    is_archive = (kind := kind_of(path)) == "a file of torch.save"
    if kind and not is_archive:
        raise refuse_kind(path, kind)
    if is_archive:
        check_whole(path, fix="fetch or save it again")
    try:
        with translated(path, "cannot be read as a state dict", fix=SAVE):
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except ModelFileError as exc:
        raise _refusal(path, str(exc.__cause__), is_archive=is_archive) or exc from exc.__cause__
    state = next((state[key] for key in INNER if isinstance(state, Mapping) and key in state), state)
    if not isinstance(state, Mapping) or not state or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise ModelFileError("holds no state dict of tensors alone", subject=str(path), fix=SAVE)
    parallel = all(name.startswith(PARALLEL) for name in state)
    return {name.removeprefix(PARALLEL) if parallel else name: tensor for name, tensor in state.items()}


def _refusal(path: Path, said: str, *, is_archive: bool) -> ModelFileError | None:
    """What is wrong with a file, in place of PyTorch's advice to run it all the same."""
    found = FORBIDDEN.search(said)
    code = found.group(1) if found else None if is_archive else next(_foreign(path), None)
    if code:
        problem = f"holds {code}, which is code and not weights, and is not loaded"
        return ModelFileError(problem, subject=str(path), fix=SAVE)
    if reason := REASON.search(said):
        return ModelFileError(f"cannot be read as a state dict ({reason.group(1)})", subject=str(path), fix=SAVE)
    return None


def _foreign(path: Path) -> Iterator[str]:
    """What a plain pickle names of other packages, read without unpickling it, as far as it can be read."""
    texts: list[str] = []
    with path.open("rb") as file, contextlib.suppress(ValueError):
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "GLOBAL":
                texts = str(argument).split(" ", 1)
            elif isinstance(argument, str):
                texts = [*texts, argument][-2:]
            if opcode.name in ("GLOBAL", "STACK_GLOBAL") and texts and texts[0].partition(".")[0] not in PACKAGES:
                yield ".".join(texts)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
