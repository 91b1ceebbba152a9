from __future__ import annotations

import pytest

from edgebench.records.dataset import DatasetInfo, unreadable_caveats


def info(samples: int, with_expression: int, rated: int) -> DatasetInfo:
    return DatasetInfo(
        name="faces",
        id="i",
        split="validation",
        layout="2021",
        synthetic=True,
        samples=samples,
        per_class={"happy": with_expression - 1, "sad": 1},
        valence_arousal_samples=rated,
    )


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1000, 1000, 1000), "1000 images"),
        ((1007, 1000, 1007), "1007 images, 1000 with an expression"),
        ((1007, 1000, 990), "1007 images, 1000 with an expression, 990 with valence and arousal"),
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
