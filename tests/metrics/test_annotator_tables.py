from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebench.errors import DataError, NothingMeasured, UsageError
from edgebench.metrics.annotator_tables import AgreementScores, score_annotators
from edgebench.metrics.annotators import affect_agreement

# Krippendorff (2011): four observers, twelve units, gaps.
OBSERVERS = """unit,label_A,label_B,label_C,label_D
1,1,1,,1
2,2,2,3,2
3,3,3,3,3
4,3,3,3,3
5,2,2,2,2
6,1,2,3,4
7,4,4,4,4
8,1,1,2,1
9,2,2,2,2
10,,5,5,5
11,,,1,1
12,,3,,
"""
# The first two raters of `diagnoses` in the R package irr, after Fleiss (1971): 30 patients, kappa 0.651.
DOCTORS = np.array([[7, 1, 2, 3, 0], [0, 8, 1, 1, 0], [0, 0, 2, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 4]])


def score(folder: Path, text: str) -> AgreementScores:
    path = folder / "annotators.csv"
    path.write_text(text)
    return score_annotators(path)


def test_the_canonical_four_observers_have_the_published_alpha(tmp_path: Path) -> None:
    scores = score(tmp_path, OBSERVERS)
    assert scores.metrics["krippendorff_alpha"].value == pytest.approx(0.743, abs=5e-4)
    assert scores.annotators == ("A", "B", "C", "D")
    assert scores.samples == 11  # the last unit has one observer


def test_two_doctors_have_the_published_kappa(tmp_path: Path) -> None:
    pairs = np.repeat(np.argwhere(DOCTORS), DOCTORS[DOCTORS > 0], axis=0)
    scores = score(tmp_path, "label_1,label_2\n" + "".join(f"{one},{other}\n" for one, other in pairs))
    assert scores.samples == 30
    assert scores.metrics["cohens_kappa"].value == pytest.approx(0.651, abs=5e-4)


def test_valence_and_arousal_are_compared_where_both_numbers_are_given(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).uniform(-1, 1, (3, 20, 2)).round(3)
    labels[0, :4, 0] = labels[2, 3, 1] = np.nan
    header = [f"{kind}_{name}" for name in "xyz" for kind in ("valence", "arousal")]
    rows = labels.transpose(1, 0, 2).reshape(20, 6)
    lines = [",".join("" if np.isnan(cell) else str(cell) for cell in row) for row in rows]
    scores = score(tmp_path, "\n".join([",".join(header), *lines]))
    values = {name: estimate.value for name, estimate in scores.metrics.items()}
    assert values == pytest.approx(affect_agreement(labels))
    assert scores.annotators == ("x", "y", "z")
    assert scores.samples == 19


def test_a_stated_range_is_brought_to_one_scale(tmp_path: Path) -> None:
    columns = "valence_1,arousal_1,valence_2,arousal_2\n"
    path = tmp_path / "tenfold.csv"
    path.write_text(columns + "1,2,3,4\n-10,5,-8,3\n")
    scaled = score_annotators(path, bounds=(-10, 10))
    expected = score(tmp_path, columns + "0.1,0.2,0.3,0.4\n-1,0.5,-0.8,0.3\n")
    assert {name: found.value for name, found in scaled.metrics.items()} == pytest.approx(
        {name: found.value for name, found in expected.metrics.items()}
    )


def test_a_range_is_of_valence_and_arousal(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("label_1,label_2\na,b\n")
    with pytest.raises(UsageError, match="valence and arousal only"):
        score_annotators(path, bounds=(0, 100))


def test_a_table_may_hold_classes_and_numbers(tmp_path: Path) -> None:
    columns = "label_1,label_2,valence_1,arousal_1,valence_2,arousal_2"
    scores = score(tmp_path, f"{columns}\ncat,cat,,,,\ndog,cat,0.1,0.2,0.3,0.2\ncat,,0.5,0.5,0.4,0.4\n")
    assert scores.samples == 3
    assert scores.metrics["accuracy"].value == 0.5
    assert scores.metrics["rmse_valence"].value == pytest.approx(np.sqrt((0.04 + 0.01) / 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,mood\n1,sad\n", "fewer than two annotators in its columns image, mood"),
        ("label_1\nsad\n", "fewer than two annotators"),
        ("valence_1,arousal_1\n0,0\n", "fewer than two annotators"),
        ("valence_1,valence_2\n0,0\n", "no column 'arousal_1'"),
        ("valence_1,arousal_1,arousal_2\n0,0,0\n", "no column 'valence_2'"),
        ("valence_1,arousal_1,valence_2,arousal_2\n0,0,0,2\n", r"column 'arousal_2' .* outside \[-1, 1\]"),
        ("valence_1,arousal_1,valence_2,arousal_2\n0,0,0,x\n", "column 'arousal_2'"),
        ("label_1,label_2\nsad\n", "row 2 has 1 cells"),
    ],
)
def test_a_table_without_annotators_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        score(tmp_path, text)
    assert "annotators.csv" in refused.value.subject


@pytest.mark.parametrize("text", ["label_1,label_2\n", "label_1,label_2\nsad,\n,sad\n"])
def test_labels_that_nobody_else_gave_measure_nothing(tmp_path: Path, text: str) -> None:
    with pytest.raises(NothingMeasured):
        score(tmp_path, text)
