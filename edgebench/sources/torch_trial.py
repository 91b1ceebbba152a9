"""A net and its state dict without a spec: which images it takes is found by trying.

PyTorch is an optional extra; this module is imported by name only where such a file is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from edgebench.errors import ModelFileError
from edgebench.sources.border import translated
from edgebench.sources.torch_model import named_outputs
from edgebench.sources.torch_module import built
from edgebench.specs.model import ModelSpec
from edgebench.specs.source import TorchModule, TorchSource

if TYPE_CHECKING:
    from torch import nn

    from edgebench.sources.contract import Shape

CHANNELS = (3, 1)
USUAL_SIZES = (224, 48, 64, 96, 112, 128, 160, 192, 256, 299, 32)
FIX = "state the size of its images with --size HEIGHTxWIDTH, or correct the net"


def open_net(path: Path, module: TorchModule, size: tuple[int, int] | None) -> tuple[list[tuple[Shape, str]], Any]:
    """Shape and dtype of every input, its sizes None where several fit, and the net.

    Args:
        path: of the state dict, for messages.
        module: with absolute paths.
        size: height and width, where they are known.

    Raises:
        SpecError, ModelFileError: as `torch_module.from_factory` does, or the net takes no image.
    """
    # Neither the contract nor the heads are known yet.
    net = built(ModelSpec.model_construct(name=path.stem, source=TorchSource(torch=module)), None)
    torch.set_num_threads(1)
    reasons: list[ModelFileError] = []
    for channels in CHANNELS:
        fitting = _fitting(net, path, channels, size, reasons)
        first, second = next(fitting, None), next(fitting, None)
        if first:
            return [((None, channels, *((None, None) if second else first)), "float32")], net
    raise reasons[0]


def _fitting(
    net: nn.Module, path: Path, channels: int, size: tuple[int, int] | None, reasons: list[ModelFileError]
) -> Iterator[tuple[int, int]]:
    """Sizes on which the net runs; why it does not on the others goes to `reasons`."""
    for height, width in [size] if size else [(side, side) for side in USUAL_SIZES]:
        problem = f"does not take images of {channels}x{height}x{width}"
        try:
            with translated(path, problem, fix=FIX), torch.inference_mode():
                named_outputs(net(torch.zeros(1, channels, height, width)))
        except ModelFileError as exc:
            reasons.append(exc)
        else:
            yield height, width
