from pathlib import Path

import numpy as np
import pytest

from edgebench.errors import DataError, NothingMeasured
from edgebench.metrics import METRICS
from edgebench.metrics.confusion import ConfusionScores
from edgebench.metrics.predictions import AffectScores, score_predictions
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


def test_valence_and_arousal_get_every_metric_of_theirs(tmp_path: Path) -> None:
    scores = score_predictions(write(tmp_path, AFFECT))
    assert isinstance(scores, AffectScores)
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
        (AFFECT.replace("0.4,0.2", "0.4,"), "a prediction is missing"),
        (AFFECT.replace("0.4,0.2", "4,0.2"), r"outside \[-1, 1\]"),
        (AFFECT.replace("0.4,0.2", "inf,0.2"), "infinity"),
    ],
)
def test_a_table_that_cannot_be_scored_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        score_predictions(write(tmp_path, text))
    assert "predictions.csv" in refused.value.subject


@pytest.mark.parametrize("text", ["truth,predicted\n", "truth,predicted\n,cat\n,dog\n", AFFECT.partition("\n")[0]])
def test_without_a_label_nothing_is_measured(tmp_path: Path, text: str) -> None:
    with pytest.raises(NothingMeasured):
        score_predictions(write(tmp_path, text))
