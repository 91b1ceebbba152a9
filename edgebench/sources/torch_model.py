"""What every PyTorch source becomes: one module from the contract's tensor to the heads' outputs.

PyTorch is an optional extra; this module is imported by name only where a source of PyTorch is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgebench.errors import ModelFileError
from edgebench.sources.batches import answer_in_batches
from edgebench.sources.border import translated
from edgebench.sources.contract import contract_shape, finite_or_refused, outputs_left_out, outputs_of_heads

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import Head, ModelSpec

BATCH = 8
"""Of every forward pass: the largest nets of the zoo need 50 MB of activations a sample."""


class InHeadOrder(nn.Module):  # type: ignore[misc]  # any class, where PyTorch is not installed
    """A net whose outputs are a tuple in the order of the heads.

    Args:
        places: which of the net's outputs is which head.
    """

    def __init__(self, net: nn.Module, places: Sequence[int]) -> None:
        super().__init__()
        self.net = net
        self.places = tuple(places)
        self.training = False

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs = [tensor for _, tensor in named_outputs(self.net(image))]
        return tuple(outputs[place] for place in self.places)


class TorchModel:
    """A PyTorch net that fits its spec."""

    framework = "torch"

    def __init__(
        self, model: InHeadOrder, heads: Sequence[Head], *, batch: int = BATCH, left_out: tuple[str, ...] = ()
    ) -> None:
        self.model = model
        self.left_out = left_out
        self.heads = tuple(heads)
        self._batch = batch

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        return answer_in_batches(self._answer, inputs, self.heads, batch=self._batch)

    def first_nonfinite(self, sample: np.ndarray) -> str | None:
        """Name of the first layer whose result on `sample`, float32 [1, ...], holds NaN or infinity."""
        image = torch.from_numpy(sample)
        net: Any = self.model.net
        if not isinstance(net, torch.fx.GraphModule):
            net = torch.export.export(net, (image,)).module(check_guards=False)
        search = _Search(net)
        with torch.inference_mode():
            search.run(image)
        return search.found

    def _answer(self, batch: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output.numpy() for output in self.model(torch.from_numpy(batch))]


class _Search(torch.fx.Interpreter):  # type: ignore[misc]
    """Runs a program operator by operator, and keeps the name of the first with a result that is not finite."""

    found: str | None = None

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        finite = not isinstance(result, torch.Tensor) or bool(torch.isfinite(result).all())
        if n.op == "call_function" and not finite and self.found is None:
            stack = list((n.meta.get("nn_module_stack") or {}).values())
            self.found = str(stack[-1][0] if stack else n.name) or n.name
        return result


def fitted(net: nn.Module, spec: ModelSpec, path: Path, *, batch: int | None = None) -> TorchModel:
    """The source that a net makes, once it was run on one empty sample.

    Args:
        net: in evaluation mode.
        path: of the file it came from, for messages.
        batch: the only one that the net takes; None where it takes any.

    Raises:
        ModelFileError: it holds NaN or infinity, does not take the contract's tensor, or answers other heads.
    """
    # However many processors a machine has, sums are made in one order.
    torch.set_num_threads(1)
    finite_or_refused({name: tensor.numpy() for name, tensor in net.state_dict().items()}, path)
    shape = (batch or 1, *contract_shape(spec.input))
    problem = f"does not take {'x'.join(map(str, shape))} ({spec.input.layout}, {spec.input.color})"
    fix = "correct input.size, input.color or input.layout (nets of PyTorch take nchw, as a rule)"
    with translated(path, problem, fix=fix), torch.inference_mode():
        outputs = [(name, tuple(tensor.shape)) for name, tensor in named_outputs(net(torch.zeros(shape)))]
    places = outputs_of_heads(outputs, spec.heads, path)
    left_out = outputs_left_out(outputs, places)
    return TorchModel(InHeadOrder(net, places), spec.heads, batch=batch or BATCH, left_out=left_out)


def named_outputs(answer: Any) -> list[tuple[str, torch.Tensor]]:
    """Of a tensor, a dictionary, a named tuple, a tuple or list: by name, or by place where there is none."""
    if isinstance(answer, torch.Tensor):
        return [("output", answer)]
    if isinstance(answer, Mapping):
        named = [(str(name), value) for name, value in answer.items()]
    elif isinstance(answer, tuple | list):
        named = list(zip(getattr(answer, "_fields", map(str, range(len(answer)))), answer, strict=True))
    else:
        named = [(type(answer).__name__, None)]
    if wrong := [name for name, value in named if not isinstance(value, torch.Tensor)]:
        raise ModelFileError(
            f"answers {wrong[0]}, which is no tensor",
            fix="let the net return a tensor, or a tuple or dictionary of tensors",
        )
    return named
