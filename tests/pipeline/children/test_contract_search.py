"""Which contracts are tried, and in which order."""

from __future__ import annotations

import numpy as np

from edgebench.pipeline.children.contract_search import geometry, search
from edgebench.specs.model import InputContract
from edgebench.specs.plausible import contract_text, crops

STATED = InputContract(size=(8, 8), range=(0, 1))


def searched(right: str) -> list[str]:
    """Contracts tried, in order, by a search over scores that count the words in common with `right`."""
    tried: dict[str, tuple[InputContract, np.ndarray]] = {}

    def ask(contract: InputContract) -> np.ndarray:
        words = contract_text(contract).split(", ", 1)
        return np.array([float(len(set(right.split("; ")) & {words[0], *words[1].rsplit(", ", 1)}))])

    search(STATED, crops(STATED, boxes=True, landmarks=False), ask, lambda values: float(values[0]), tried)
    return [contract_text(contract) for contract, _ in tried.values()]


def test_the_search_goes_over_steps_then_crops_then_steps_again_where_a_crop_won() -> None:
    there = searched("rgb; [0, 1]; whole picture")
    assert len(there) == 9 + 3
    moved = searched("bgr; [-1, 1]; face_box +10 %")
    assert len(moved) == 9 + 3 + 8
    assert there[0] == moved[0] == "rgb, [0, 1], whole picture"
    assert "bgr, [-1, 1], face_box +10 %" in moved


def test_answers_that_are_not_finite_are_left_out() -> None:
    tried: dict[str, tuple[InputContract, np.ndarray]] = {}
    search(STATED, (STATED,), lambda contract: np.array([np.nan if contract.range == (0, 255) else 1]), np.sum, tried)
    assert not [contract for contract, _ in tried.values() if contract.range == (0, 255)]
    assert len(tried) == 7


def test_orders_of_colours_share_their_pixels() -> None:
    bgr = STATED.model_copy(update={"color": "bgr"})
    assert geometry(bgr) == geometry(STATED)
    assert geometry(STATED.model_copy(update={"crop": "face_box"})) != geometry(STATED)
