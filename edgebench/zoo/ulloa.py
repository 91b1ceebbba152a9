"""Ulloa 2019: VGG11 with batch norm and ResNet152, in PyTorch, which answer valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgebench.errors import SpecError
from edgebench.registry import resolve
from edgebench.zoo import Architecture

if TYPE_CHECKING:
    from edgebench.specs.model import Head, InputContract

NETS = {
    "ulloa_vgg11_bn": "edgebench.zoo.torch_vgg:vgg11_bn",
    "ulloa_resnet152": "edgebench.zoo.torch_resnet:resnet152",
}
"""By name, since importing them imports PyTorch."""
SMALLEST_SIZE = 32
"""Both halve their input five times."""


def vgg11_bn(contract: InputContract, heads: Sequence[Head]) -> Any:
    """A `torch.nn.Module` with one linear output."""
    return _net("ulloa_vgg11_bn", contract, heads)


def resnet152(contract: InputContract, heads: Sequence[Head]) -> Any:
    """A `torch.nn.Module` with one linear output."""
    return _net("ulloa_resnet152", contract, heads)


def _net(name: str, contract: InputContract, heads: Sequence[Head]) -> Any:
    if contract.layout != "nchw" or contract.channels != 3:
        raise SpecError("takes nchw input of three channels", subject=name, fix="set input.layout to nchw")
    if min(contract.size) < SMALLEST_SIZE:
        raise SpecError(
            f"takes images of at least {SMALLEST_SIZE}x{SMALLEST_SIZE}", subject=name, fix="raise input.size"
        )
    if len(heads) != 1 or getattr(heads[0], "activation", "logits") != "logits":
        raise SpecError("answers one head, without an activation", subject=name, fix="state one head, or logits")
    return resolve(NETS, name, kind="architecture")(outputs=heads[0].width)


VGG11_BN = Architecture(build=vgg11_bn, revision=1, framework="torch", weights_bytes=4 * 128_780_034)
RESNET152 = Architecture(build=resnet152, revision=1, framework="torch", weights_bytes=4 * 58_147_906)
