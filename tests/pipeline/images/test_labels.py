from __future__ import annotations

import numpy as np
import pytest

from edgebench.errors import DataError
from edgebench.pipeline.images.labels import (
    calibration_labels,
    class_caveats,
    model_truth,
    refuse_missing_classes,
    shortened,
)
from edgebench.records.dataset import DatasetInfo
from edgebench.specs.model import ModelSpec


def spec(*labels: str, kind: str = "expression") -> ModelSpec:
    source, contract = {"architecture": "a", "weights": "random"}, {"size": (8, 8), "range": (0, 1)}
    heads = [{"kind": kind, "name": "e", "labels": labels}, {"kind": "valence_arousal", "name": "va"}]
    return ModelSpec.model_validate({"name": "net", "source": source, "input": contract, "heads": heads})


def info(**per_class: int) -> DatasetInfo:
    return DatasetInfo(
        name="faces",
        id="i",
        split="validation",
        layout="2021",
        synthetic=False,
        samples=sum(per_class.values()),
        per_class=per_class,
        per_value={"valence": 1, "arousal": 1},
    )


def test_truth_kept_before_columns_had_names_is_read() -> None:
    classes, values = np.array([1, 0, -1]), np.array([[0.5, -0.5]] * 3)
    faces, net = info(happy=1, sad=1), spec("sad", "happiness")
    new = model_truth(net, faces, {"classes": classes, "values": values})
    old = model_truth(net, faces, {"expression": classes, "valence_arousal": values})
    assert new["expression"].tolist() == old["expression"].tolist() == [0, 1, -1]
    assert np.array_equal(new["valence_arousal"], old["valence_arousal"])


def test_calibration_is_even_over_the_classes_that_model_and_set_share() -> None:
    net, per_class = spec("happiness", "angry"), {"happy": 3, "sad": 2, "anger": 0}
    assert calibration_labels(net, per_class, allow_missing=False) == ("happy", "anger")
    assert calibration_labels(net, per_class, allow_missing=True) == ("happy",)
    assert calibration_labels(net, {"happy": 3}, allow_missing=False) == ("happy", "angry")
    assert calibration_labels(net, {}, allow_missing=False) is None


def test_a_model_with_every_class_has_nothing_to_tell() -> None:
    assert list(class_caveats(spec("happy", "sad"), info(happy=1, sad=1))) == []
    refuse_missing_classes(spec("happy", "sad"), info(happy=1, sad=1))


def test_an_empty_class_of_the_set_is_missing_without_another_list_of_its_classes() -> None:
    with pytest.raises(DataError, match=r"faces: no image of sadness \(fix: use a set"):
        refuse_missing_classes(spec("happy", "sadness"), info(happy=1, sad=0))


def test_long_lists_are_cut() -> None:
    assert shortened([str(number) for number in range(1000)]).endswith("8, 9 and 990 more")
