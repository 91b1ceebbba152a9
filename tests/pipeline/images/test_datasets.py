"""The embedded faces suit every way of cropping."""

from __future__ import annotations

import pytest

from edgebench.pipeline.images import datasets
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import SYNTHETIC
from edgebench.specs.model import InputContract


@pytest.mark.parametrize("crop", ["none", "landmarks", "face_box"])
def test_the_embedded_faces_can_be_cropped_as_any_model_asks(
    fresh: Workspace, monkeypatch: pytest.MonkeyPatch, crop: str
) -> None:
    monkeypatch.setattr(datasets, "EMBEDDED", {"layout": "2021", "training": 8, "validation": 8, "seed": 1})
    spec = fresh.model("tiny")
    contract = InputContract(size=(24, 24), range=(-1, 1), crop=crop)  # type: ignore[arg-type]
    samples = datasets.training_samples(fresh, spec.model_copy(update={"input": contract}), SYNTHETIC)
    assert samples.info.per_class == dict.fromkeys(samples.info.per_class, 1)
    assert len(samples.images) >= 8
