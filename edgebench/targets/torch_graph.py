"""A PyTorch module as each format's float artifact; batch norm is folded by every converter.

PyTorch is an optional extra; this module is imported by name only where a source of PyTorch is converted.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from edgebench.targets import onnx_graph
from edgebench.targets.coreml import to_package
from edgebench.targets.coreml_package import save_package
from edgebench.targets.onnx import OPSET

if TYPE_CHECKING:
    from edgebench.sources import Source

NO_END = 2**63 - 1
"""An index behind the last of any axis."""


def to_tflite(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    import litert_torch

    module = program(source, contract_shape).module(check_guards=False)
    pad_by_edges(module.graph)
    module.recompile()
    litert_torch.convert(module, (torch.zeros(contract_shape),)).export(str(out))


def to_onnx(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    import onnx

    exported: Any = torch.onnx.export(program(source, contract_shape), dynamo=True, opset_version=OPSET, verbose=False)
    model = exported.model_proto
    if onnx_graph.opset(model) > OPSET:  # PyTorch's own way down ends early for some operators
        model = onnx.version_converter.convert_version(model, OPSET)
        drop_newer_attributes(model)
    onnx_graph.write(model, out)


def drop_newer_attributes(model: Any) -> None:
    """Removes what onnx' converter leaves of opset 18 in reductions over stated axes, where it says nothing."""
    for node in model.graph.node:
        kept = [attribute for attribute in node.attribute if attribute.name != "noop_with_empty_axes"]
        del node.attribute[:]
        node.attribute.extend(kept)


def to_coreml(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    decomposed = program(source, contract_shape).run_decompositions({})
    state_strides(decomposed.graph)
    with TemporaryDirectory(prefix="edgebench-") as folder:
        save_package(to_package(decomposed, Path(folder), source="pytorch", precision="FLOAT32"), out)


def program(source: Source, contract_shape: tuple[int, ...]) -> torch.export.ExportedProgram:
    model: Any = source.model
    return torch.export.export(model, (torch.zeros(contract_shape),))


def state_strides(graph: torch.fx.Graph) -> None:
    """Writes out the stride of pools, which PyTorch leaves out where it is the window; coremltools asks for it."""
    for node in graph.nodes:
        if str(node.target) in ("aten.max_pool2d.default", "aten.avg_pool2d.default") and len(node.args) == 2:
            node.args = (*node.args, node.args[1])


def pad_by_edges(graph: torch.fx.Graph) -> None:
    """Pads before max pools by repeating the edges, in place of the minus infinity that no int8 range holds.

    The maximum is the same: padding is at most half a window, so a window that holds a repeated value holds its
    original too.
    """
    for node in [node for node in graph.nodes if str(node.target) == "aten.max_pool2d.default" and len(node.args) > 3]:
        image, kernel, stride, padding, *others = node.args
        with graph.inserting_before(node):
            for axis, size in zip((2, 3), padding * 2 if len(padding) == 1 else padding, strict=True):
                image = _repeated(graph, image, axis, size) if size else image
        node.args = (image, kernel, stride, [0, 0], *others)


def _repeated(graph: torch.fx.Graph, image: Any, axis: int, size: int) -> Any:
    aten = torch.ops.aten
    first = graph.call_function(aten.slice.Tensor, (image, axis, 0, 1))
    last = graph.call_function(aten.slice.Tensor, (image, axis, -1, NO_END))
    return graph.call_function(aten.cat.default, ([*[first] * size, image, *[last] * size], axis))
