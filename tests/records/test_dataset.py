from __future__ import annotations

import pytest

from edgebench.records.dataset import DatasetInfo, unreadable_caveats


def info(samples: int, with_class: int, rated: int) -> DatasetInfo:
    return DatasetInfo(
        name="faces",
        id="i",
        split="validation",
        layout="2021",
        synthetic=True,
        samples=samples,
        per_class={"happy": with_class - 1, "sad": 1},
        per_value={"valence": rated, "arousal": rated},
    )


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1000, 1000, 1000), "1000 images"),
        ((1007, 1000, 1007), "1007 images, 1000 with a class"),
        ((1007, 1000, 990), "1007 images, 1000 with a class, 990 with valence and arousal"),
    ],
)
def test_a_count_of_images_says_how_many_carry_each_label(counts: tuple[int, int, int], said: str) -> None:
    assert info(*counts).images_text == said


def test_pictures_left_out_are_named_and_many_are_counted() -> None:
    (caveat,) = unreadable_caveats(["a.jpg (truncated)"], read=9, purpose="calibration")
    assert caveat.text == "1 of 10 calibration images were left out: a.jpg (truncated)"
    (caveat,) = unreadable_caveats([f"{n}.jpg" for n in range(12)], read=8, purpose="evaluation")
    assert caveat.text.startswith("12 of 20 evaluation images")
    assert caveat.text.endswith("9.jpg and 2 more")
    assert unreadable_caveats([], read=8, purpose="evaluation") == ()


def test_columns_of_numbers_are_counted_apart_where_their_counts_differ() -> None:
    columns = {"age": 9, "height": 10, "weight": 9}
    assert info(10, 10, 10).model_copy(update={"per_value": columns}).images_text == "10 images, 9 with age and weight"


def test_a_record_of_before_columns_had_names_is_read() -> None:
    old = info(10, 10, 10).model_dump(exclude={"per_value"}) | {"valence_arousal_samples": 7}
    assert DatasetInfo.model_validate(old).per_value == {"valence": 7, "arousal": 7}
