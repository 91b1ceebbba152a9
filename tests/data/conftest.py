"""Small AffectNet folders with real picture files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from edgebench.data import Index, open_index
from edgebench.data.affectnet_2017 import COLUMNS
from edgebench.data.synthetic import write_affectnet
from edgebench.specs.model import InputContract

# The time of one example says nothing on a busy machine.
settings.register_profile("data", deadline=None)
settings.load_profile("data")

Row = tuple[int, float, float]
"""Expression, valence, arousal."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def contract() -> Callable[..., InputContract]:
    def make(**changes: Any) -> InputContract:
        return InputContract(**{"size": (8, 8), "range": (-1.0, 1.0), **changes})

    return make


def write_picture(path: Path, seed: int, size: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    Image.fromarray(pixels).save(path, quality=80)


@pytest.fixture
def affectnet_2021(tmp_path: Path) -> Callable[..., Path]:
    """Writes `rows` as pictures 0.jpg, 1.jpg, ... of a 2021 folder; pictures differ between parts."""

    def write(rows: Sequence[Row], *, part: str = "val_set", name: str = "affectnet", text: bool = True) -> Path:
        folder = tmp_path / name / part
        (folder / "annotations").mkdir(parents=True)
        for number, row in enumerate(rows):
            write_picture(folder / "images" / f"{number}.jpg", seed=number + len(part) * 10_000)
            for kind, value in zip(("exp", "val", "aro"), row, strict=True):
                np.save(folder / "annotations" / f"{number}_{kind}.npy", np.array(str(value) if text else value))
            np.save(folder / "annotations" / f"{number}_lnd.npy", np.tile([4.0, 6.0, 12.0, 10.0], 34))
        return tmp_path / name

    return write


@pytest.fixture
def affectnet_2017(tmp_path: Path) -> Callable[..., Path]:
    """Writes `rows` as a 2017 table and its pictures below `tree`, each with the face box 4, 6, 8, 4."""

    def write(
        rows: Sequence[Row], *, split: str = "validation", tree: str = "", lists: str = "", header: bool = True
    ) -> Path:
        root, points = tmp_path / "affectnet", ";".join(["4.0;6.0;12.0;10.0"] * 34)
        lines = [",".join(COLUMNS)] if header else []
        for number, (expression, valence, arousal) in enumerate(rows):
            write_picture(root / tree / "1" / f"{split}{number}.jpg", seed=number + len(split) * 10_000)
            lines.append(f"1/{split}{number}.jpg,4,6,8,4,{points},{expression},{valence},{arousal}")
        (root / lists).mkdir(exist_ok=True)
        (root / lists / f"{split}.csv").write_text("\n".join(lines) + "\n")
        return root

    return write


@pytest.fixture(scope="session", params=["2017", "2021"])
def synthetic(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic faces in both layouts: 40 for training, 24 for validation, seed 5."""
    folder = tmp_path_factory.mktemp("synthetic") / request.param
    write_affectnet(folder, layout=request.param, training=40, validation=24, seed=5, size=64)
    return folder


@pytest.fixture
def folder(affectnet_2021: Callable[..., Path]) -> Path:
    """Three images of each expression, five of them without valence and arousal, in the 2021 layout."""
    return affectnet_2021([(number % 8, 0.1, -2 if number % 5 == 0 else 0.2) for number in range(24)])


@pytest.fixture
def index(folder: Path, cache: Path) -> Index:
    return open_index(folder, "validation", cache=cache)
