"""The contracts that the doctor tries."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.inputs import PreparedInputs
from edgebench.specs.model import InputContract
from edgebench.specs.plausible import contract_text, crops, distinct, identity, step_of, steps, with_step

RGB = InputContract(size=(8, 8), range=(-1, 1))
GRAY = InputContract(size=(8, 8), color="gray", range=(0, 1))


def tensor(contract: InputContract, pixel: tuple[int, ...]) -> list[float]:
    """What becomes of one pixel, its colours in the contract's order."""
    images = np.array(pixel, np.uint8).reshape(1, 1, 1, -1)
    return PreparedInputs(images, contract)[0].ravel().tolist()


def named(text: str) -> InputContract:
    return next(contract for contract in steps(RGB) if contract_text(contract).startswith(text))


def test_every_usual_step_is_tried_once_and_the_stated_one_first() -> None:
    texts = [contract_text(contract).removesuffix(", whole picture") for contract in steps(RGB)]
    assert texts == [
        "rgb, [-1, 1]",
        "rgb, [0, 1]",
        "rgb, [0, 255]",
        "bgr, [0, 1]",
        "bgr, [-1, 1]",
        "bgr, [0, 255]",
        "rgb, ImageNet mean and std",
        "bgr, ImageNet mean and std",
        "bgr, caffe means",
    ]
    assert [contract_text(contract) for contract in steps(GRAY)] == [
        f"gray, {value}, whole picture" for value in ("[0, 1]", "[-1, 1]", "[0, 255]")
    ]


def test_caffe_subtracts_its_means_from_blue_green_and_red_and_scales_nothing() -> None:
    assert tensor(named("bgr, caffe"), (100, 117, 124)) == pytest.approx([-3.939, 0.221, 0.32], abs=1e-4)


def test_imagenets_numbers_follow_the_order_of_colours() -> None:
    rgb, bgr = named("rgb, ImageNet"), named("bgr, ImageNet")
    assert tensor(rgb, (10, 20, 30)) == pytest.approx(tensor(bgr, (30, 20, 10))[::-1])


def test_mean_and_deviation_of_a_half_are_the_range_of_minus_one_to_one() -> None:
    half = InputContract(size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)
    assert identity(half) == identity(RGB)
    assert steps(half)[0] is half
    assert len(steps(half)) == len(steps(RGB))


def test_only_crops_that_the_data_hold_are_tried() -> None:
    assert crops(RGB, boxes=False, landmarks=False) == (RGB,)
    tried = [(contract.crop, contract.margin) for contract in crops(RGB, boxes=True, landmarks=False)]
    assert tried == [("none", 0), ("face_box", 0), ("face_box", 0.1), ("face_box", 0.25)]
    kernels = {contract.resize for contract in crops(RGB, boxes=False, landmarks=False, kernels=True)}
    assert kernels == {"box", "bilinear", "bicubic", "lanczos"}


def test_a_step_is_carried_to_another_crop() -> None:
    box = crops(RGB, boxes=True, landmarks=False)[1]
    moved = with_step(box, step_of(named("bgr, caffe")))
    assert (moved.crop, contract_text(moved)) == ("face_box", "bgr, caffe means, face_box")
    assert distinct([moved, box, moved]) == (moved, box)
