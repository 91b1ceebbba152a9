from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebench.errors import DataError, NothingMeasured, UsageError
from edgebench.metrics import METRICS
from edgebench.metrics.calibration import CALIBRATION_ERROR
from edgebench.metrics.confusion import ConfusionScores
from edgebench.metrics.predictions import NumberScores, errors_by_place, score_predictions
from edgebench.metrics.whole import WHOLE

CALLS = "image,truth,predicted\n1.png,cat,cat\n2.png,cat,dog\n3.png,dog,dog\n4.png,,dog\n"
SCORED = "truth,cat,dog\ncat,0.9,0.1\ncat,0.4,0.6\ndog,0.2,0.8\n"
AFFECT = "valence,arousal,predicted_valence,predicted_arousal\n0.5,0.1,0.4,0.2\n-0.5,,-0.1,0.0\n0.1,-0.3,0.3,-0.1\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text(text)
    return path


def test_calls_are_scored_by_their_confusion_matrix(tmp_path: Path) -> None:
    scores = score_predictions(write(tmp_path, CALLS))
    assert isinstance(scores, ConfusionScores)
    assert scores.confusion == ((1, 1), (0, 1))
    assert [rates.label for rates in scores.classes] == ["cat", "dog"]
    assert "auc_roc" in scores.unknown


def test_probabilities_tell_the_rest(tmp_path: Path) -> None:
    scores = score_predictions(write(tmp_path, SCORED))
    assert isinstance(scores, ConfusionScores)
    assert scores.confusion == ((1, 1), (0, 1))
    assert scores.unknown == {}
    assert scores.metrics["auc_roc"].value == 1
    assert scores.metrics["log_loss"].value == pytest.approx(-np.log([0.9, 0.4, 0.8]).mean())


def test_the_stated_call_decides_among_equal_scores(tmp_path: Path) -> None:
    rows = ["cat,dog,0.5,0.5", "cat,dog,0.5,0.5", "dog,dog,0.2,0.8"]
    scores = score_predictions(write(tmp_path, "\n".join(["truth,predicted,cat,dog", *rows])))
    assert isinstance(scores, ConfusionScores)
    assert scores.confusion == ((0, 2), (0, 1))
    values = {name: estimate.value for name, estimate in scores.metrics.items()}
    assert values["accuracy"] == pytest.approx(1 / 3)
    assert values["macro_recall"] == values["normalized_accuracy"] == 0.5
    assert values["cohens_kappa"] == 0
    assert values["calibration_error"] == pytest.approx((2 * 0.5 + 0.2) / 3)  # sure by half and never right; by 0.8
    assert values["auc_roc"] == 1  # which no call moves


@pytest.mark.parametrize("calls", [True, False])
def test_with_and_without_the_most_probable_calls_the_scores_are_the_same(tmp_path: Path, calls: bool) -> None:
    random = np.random.default_rng(0)
    outputs = random.dirichlet(np.ones(7), 60)
    lines = [
        ",".join([str(truth), *([str(row.argmax())] if calls else []), *map(repr, row.tolist())])
        for truth, row in zip(random.integers(0, 7, 60), outputs, strict=True)
    ]
    header = ",".join(["truth", *(["predicted"] if calls else []), *map(str, range(7))])
    scores = score_predictions(write(tmp_path, "\n".join([header, *lines])))
    assert isinstance(scores, ConfusionScores)
    truth = np.array([int(line.split(",")[0]) for line in lines])
    assert scores.metrics["accuracy"].value == pytest.approx((outputs.argmax(axis=1) == truth).mean())
    assert scores.metrics["calibration_error"].value == pytest.approx(
        CALIBRATION_ERROR.of(outputs, truth) or 0.0, abs=1e-12
    )
    assert scores.metrics["top5_accuracy"].value > scores.metrics["accuracy"].value


def test_an_index_without_a_name_is_no_class(tmp_path: Path) -> None:
    indexed = "\n".join(f"{place},{line}" for place, line in zip(["", *range(3)], SCORED.splitlines(), strict=True))
    assert score_predictions(write(tmp_path, indexed)) == score_predictions(write(tmp_path, SCORED))


@given(
    outputs=arrays(np.float64, (4, 8), elements=st.floats(0.01, 1)).map(lambda x: x / x.sum(axis=1, keepdims=True)),
    rounded=st.sampled_from(["0.1", "0.01", "0.001", "1/256", "3 digits"]),
)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rounded_probabilities_are_probabilities(tmp_path: Path, outputs: np.ndarray, rounded: str) -> None:
    write_cell = {
        "1/256": lambda share: repr(round(share * 256) / 256),
        "3 digits": lambda share: f"{share:.3g}",
        "0.1": lambda share: f"{share:.1f}",
        "0.01": lambda share: f"{share:.2f}",
        "0.001": lambda share: f"{share:.3f}",
    }[rounded]
    labels = [f"c{place}" for place in range(8)]
    lines = [",".join([labels[place], *map(write_cell, row.tolist())]) for place, row in enumerate(outputs)]
    scores = score_predictions(write(tmp_path, "\n".join([",".join(["truth", *labels]), *lines])))
    assert scores.samples == 4


def test_numbers_get_the_metrics_of_numbers_in_their_units(tmp_path: Path) -> None:
    scores = score_predictions(write(tmp_path, "age,predicted_age,who\n10,12,a\n30,28,b\n,7,c\n50,41,d\n"))
    assert isinstance(scores, NumberScores)
    assert scores.samples == 3
    assert set(scores.metrics) == {"rmse_age", "mae_age", "pcc_age", "ccc_age", "ccc_mean"}
    assert scores.metrics["mae_age"].value == pytest.approx(13 / 3)
    assert scores.metrics["rmse_age"].value == pytest.approx(np.sqrt(89 / 3))
    assert scores.metrics["pcc_age"].value == pytest.approx(np.corrcoef([10, 30, 50], [12, 28, 41])[0, 1])


def test_several_numbers_are_scored_target_by_target(tmp_path: Path) -> None:
    scores = score_predictions(write(tmp_path, "x,y,predicted_y,predicted_x\n1,5,5,2\n2,6,7,3\n"))
    assert scores.metrics["mae_x"].value == 1
    assert scores.metrics["mae_y"].value == 0.5


def test_a_stated_range_is_brought_to_one_scale(tmp_path: Path) -> None:
    tenfold = AFFECT.partition("\n")[0] + "\n5,1,4,2\n-5,,-1,0\n1,-3,3,-1\n"
    scaled = score_predictions(write(tmp_path, tenfold), bounds=(-10, 10))
    places = errors_by_place(write(tmp_path, tenfold), bounds=(-10, 10))
    expected = score_predictions(write(tmp_path, AFFECT))
    assert {name: found.value for name, found in scaled.metrics.items()} == pytest.approx(
        {name: found.value for name, found in expected.metrics.items()}
    )
    assert places == errors_by_place(write(tmp_path, AFFECT))


def test_a_linear_answer_may_overshoot_its_labels(tmp_path: Path) -> None:
    scores = score_predictions(write(tmp_path, AFFECT.replace("0.4,0.2", "1.05,0.2")))
    assert scores.metrics["rmse_valence"].value == pytest.approx(np.sqrt((0.55**2 + 0.16 + 0.04) / 3))


@pytest.mark.parametrize("text", [CALLS, "age,predicted_age\n1,2\n"])
def test_a_range_is_of_valence_and_arousal(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="valence and arousal only"):
        score_predictions(write(tmp_path, text), bounds=(0, 100))


def test_valence_and_arousal_get_every_metric_of_theirs(tmp_path: Path) -> None:
    scores = score_predictions(write(tmp_path, AFFECT))
    assert isinstance(scores, NumberScores)
    assert scores.samples == 3
    expected = {name for name in (*METRICS, *WHOLE) if name.endswith(("valence", "arousal", "ccc_mean"))}
    assert set(scores.metrics) == expected
    assert scores.metrics["rmse_valence"].value == pytest.approx(np.sqrt((0.01 + 0.16 + 0.04) / 3))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "lacks a column `truth`"),
        ("truth\ncat\n", "neither a column"),
        ("truth,predicted\ncat,cat\n", "fewer than two classes"),
        ("truth,predicted\ncat,dog\ndog,\n", "row 3: the call is missing"),
        ("truth,predicted\ncat\n", "row 2 has 1 cells, the header 2"),
        ("truth,truth\ncat,dog\n", "two columns"),
        ("truth,cat,dog\ncow,0.5,0.5\ncat,1,0\n", "row 2: no column of the class 'cow'"),
        ("truth,cat,dog,id\ncat,0.5,0.5,7\n", r"outside \[0, 1\]"),
        ("truth,cat,dog\ncat,0.5,\n", "a probability is missing"),
        ("truth,cat,dog\ncat,0.5,x\n", "column 'dog'"),
        ("truth,predicted,cat,dog\ncat,dog,0.9,0.1\n", "row 2: .* not the most probable"),
        ("truth,cat,dog\ncat,0.9,0.9\ndog,0.2,0.8\n", "row 2: its 2 probabilities add up to 1.8"),
        ("truth,cat,dog\ncat,0.9,0.1\ndog,0.2,0.5\n", "row 3: its 2 probabilities add up to 0.7"),
        ("truth,cat,dog\ncat,1,1\ndog,0,1\n", "row 2: its 2 probabilities add up to 2"),
        ("truth,predicted\n3.2,3.1\n4,4\n", "numbers such as 3.1, which are no classes"),
        ("truth,predicted,age,predicted_age\na,b,1,2\n", "classes .* and of numbers"),
        ("age,predicted_age,predicted_size\n1,2,3\n", "lacks size"),
        ("valence,arousal,predicted_valence\n0,0,0\n", "lacks predicted_arousal"),
        ("age,predicted_age," + AFFECT.replace("\n0", "\n1,2,0").partition("\n-")[0], "age beside valence"),
        ("age (y),predicted_age (y)\n1,2\n", "cannot be called"),
        ("age,predicted_age\n1,\n", "a prediction is missing"),
        ("age,predicted_age\nold,2\n", "'age' holds 'old' in row 2"),
        (AFFECT.replace("0.4,0.2", "0.4,"), "a prediction is missing"),
        (AFFECT.replace("0.5,0.1", "1.5,0.1"), r"'valence' holds 1.5, a number outside \[-1, 1\]"),
        (AFFECT.replace("0.4,0.2", "4,0.2"), r"outside \[-1, 1\]"),
        (AFFECT.replace("0.4,0.2", "inf,0.2"), "infinity"),
    ],
)
def test_a_table_that_cannot_be_scored_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        score_predictions(write(tmp_path, text))
    assert "predictions.csv" in refused.value.subject


@pytest.mark.parametrize(("name", "cells"), [("confidence", "0.6 0.8 0.9"), ("image_id", "1 0 1"), ("id", "7 8 9")])
@pytest.mark.parametrize("place", [0, 2])
def test_a_column_that_is_no_class_is_refused_by_name(tmp_path: Path, name: str, cells: str, place: int) -> None:
    rows = [["truth", "predicted", "cat", "dog"], ["cat", "cat", "0.6", "0.4"], ["dog", "dog", "0.2", "0.8"]]
    rows.append(["cat", "cat", "0.9", "0.1"])
    for row, cell in zip(rows, [name, *cells.split()], strict=True):
        row.insert(2 + place, cell)
    with pytest.raises(DataError, match="row 2: ") as refused:
        score_predictions(write(tmp_path, "\n".join(map(",".join, rows))))
    assert f"never one here: {name})" in refused.value.fix


def test_errors_have_the_place_of_their_label(tmp_path: Path) -> None:
    found = errors_by_place(write(tmp_path, AFFECT))
    assert found.labels == (1, 1)  # one row lacks its arousal
    assert found.valence_rmse == (0.2, 0.1)
    assert [round(71 * (label + 1) / 2 - 0.5) for label in (0.1, 0.5)] == list(found.valence)


def test_errors_by_place_need_valence_and_arousal_and_labels_of_both(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks valence, arousal, predicted_valence"):
        errors_by_place(write(tmp_path, CALLS))
    with pytest.raises(NothingMeasured, match="both"):
        errors_by_place(write(tmp_path, AFFECT.partition("\n")[0] + "\n0.5,,0.1,0.1\n"))


@pytest.mark.parametrize(
    "text", ["truth,predicted\n", "truth,predicted\n,cat\n,dog\n", AFFECT.partition("\n")[0], "a,predicted_a\n,1\n"]
)
def test_without_a_label_nothing_is_measured(tmp_path: Path, text: str) -> None:
    with pytest.raises(NothingMeasured):
        score_predictions(write(tmp_path, text))
