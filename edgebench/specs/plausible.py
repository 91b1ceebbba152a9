"""Contracts that a net of unknown history may have been trained with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from edgebench.specs.model import InputContract

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""Of the images of ImageNet, red first, as PyTorch's trained nets take them. Mean and deviation 0.5 are [-1, 1]."""
CAFFE: dict[str, Any] = {
    "mean": (103.939 / 255, 116.779 / 255, 123.68 / 255),
    "std": (1 / 255,) * 3,
}
"""Of ImageNet too, blue first and on the scale 0 to 255: the nets of Caffe, and Keras' VGG and ResNet made of them."""
MARGINS = (0.0, 0.1, 0.25)
KERNELS = ("box", "bilinear", "bicubic", "lanczos")

Affine = dict[str, Any]
"""`color`, and either `range` or `mean` and `std`."""


def steps(stated: InputContract) -> tuple[InputContract, ...]:
    """The stated contract, then those of its geometry with every other order of colours and affine step."""
    if stated.color == "gray":
        options: list[Affine] = [{"color": "gray", "range": value} for value in RANGES]
    else:
        options = [{"color": color, "range": value} for color in ("rgb", "bgr") for value in RANGES]
        reverse = {key: values[::-1] for key, values in IMAGENET.items()}
        options += [{"color": "rgb", **IMAGENET}, {"color": "bgr", **reverse}, {"color": "bgr", **CAFFE}]
    return distinct([stated, *(with_step(stated, option) for option in options)])


def crops(stated: InputContract, *, boxes: bool, landmarks: bool, kernels: bool = False) -> tuple[InputContract, ...]:
    """The stated contract, then those of its affine step with every other crop and, if asked for, resize kernel."""
    found = [_changed(stated, crop="none", margin=0.0)]
    kinds = (("face_box", boxes), ("landmarks", landmarks))
    found += [_changed(stated, crop=crop, margin=margin) for crop, there in kinds if there for margin in MARGINS]
    found += [_changed(stated, resize=kernel) for kernel in KERNELS if kernels]
    return distinct([stated, *found])


def with_step(contract: InputContract, other: Affine) -> InputContract:
    """The contract with another order of colours and affine step."""
    none = {"range": None, "mean": None, "std": None}
    return InputContract.model_validate(contract.model_dump() | none | other)


def step_of(contract: InputContract) -> Affine:
    return contract.model_dump(include={"color", "range", "mean", "std"})


def _changed(contract: InputContract, **changes: Any) -> InputContract:
    return InputContract.model_validate(contract.model_dump() | changes)


def distinct(contracts: Iterable[InputContract]) -> tuple[InputContract, ...]:
    """Each once, the first of those that make the same tensors."""
    found: dict[str, InputContract] = {}
    for contract in contracts:
        found.setdefault(identity(contract), contract)
    return tuple(found.values())


def identity(contract: InputContract) -> str:
    """Equal for contracts that make the same tensors, however they say it."""
    affine = contract.affine()
    numbers = [f"{value:.6g}" for value in (*affine["scale"], *affine["offset"])]
    return repr([*sorted((key, str(value)) for key, value in contract.geometry().items()), *numbers])


def contract_text(contract: InputContract) -> str:
    """What tells contracts of one net apart, such as `bgr, [0, 255], face_box +10 %`."""
    crop = contract.crop if not contract.margin else f"{contract.crop} +{100 * contract.margin:.0f} %"
    return ", ".join((contract.color, _step_text(contract), "whole picture" if crop == "none" else crop))


def _step_text(contract: InputContract) -> str:
    if contract.range is not None:
        return f"[{contract.range[0]:g}, {contract.range[1]:g}]"
    for name, known in (("ImageNet mean and std", IMAGENET), ("caffe means", CAFFE)):
        if known["mean"] in (contract.mean, (contract.mean or ())[::-1]):
            return name
    return f"mean {_listed(contract.mean or ())}, std {_listed(contract.std or ())}"


def _listed(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
