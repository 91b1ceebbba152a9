from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Edgebench = Callable[..., subprocess.CompletedProcess[str]]

# Cohen (1960): 200 patients, two judges; kappa 0.49.
COHEN = ",disorder,neurosis,psychosis\ndisorder,88,14,18\nneurosis,10,40,10\npsychosis,2,6,12\n"


def test_a_confusion_matrix_tells_its_metrics(edgebench: Edgebench, tmp_path: Path) -> None:
    (tmp_path / "cohen.csv").write_text(COHEN)
    answer = edgebench("metrics", "--confusion", "cohen.csv")
    assert answer.returncode == 0
    assert "3 x 3 cells as counts of samples" in answer.stdout
    assert "200 labelled samples" in answer.stdout
    assert "0.492" in answer.stdout
    assert "not known: log loss, AUC ROC" in answer.stdout
    scores = json.loads(edgebench("metrics", "--confusion", "cohen.csv", "--json").stdout)
    assert scores["metrics"]["accuracy"]["value"] == 0.7
    assert scores["classes"][1]["label"] == "neurosis"


def test_percentages_say_what_they_cannot_tell(edgebench: Edgebench, tmp_path: Path) -> None:
    (tmp_path / "percent.csv").write_text("80,20\n30,70\n")
    answer = edgebench("metrics", "--confusion", "percent.csv")
    assert "as shares of their row" in answer.stdout
    assert "cohens kappa" in answer.stdout.partition("not known")[2]
    equal = json.loads(edgebench("metrics", "--confusion", "percent.csv", "--class-counts", "equal", "--json").stdout)
    assert equal["metrics"]["cohens_kappa"]["value"] == pytest.approx(0.5)
    counted = json.loads(
        edgebench("metrics", "--confusion", "percent.csv", "--class-counts", "500,100", "--json").stdout
    )
    assert counted["confusion"] == [[400, 100], [30, 70]]


def test_predictions_are_scored(edgebench: Edgebench, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("truth,cat,dog\ncat,0.9,0.1\ndog,0.4,0.6\n")
    answer = edgebench("metrics", "--predictions", "calls.csv")
    assert answer.returncode == 0
    assert "AUC ROC" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give one file"),
        (["--confusion", "a.csv", "--predictions", "a.csv"], 2, "give one file"),
        (["--confusion", "nowhere.csv"], 2, "nowhere.csv: no such file"),
        (["--confusion", "a.csv"], 2, "not square"),
        (["--confusion", "zeros.csv"], 4, "all cells are zero"),
        (["--confusion", "zeros.csv", "--class-counts", "many"], 2, "no list of numbers"),
        (["--predictions", "a.csv"], 2, "lacks a column `truth`"),
        (["--predictions", "a.csv", "--cells", "rows"], 2, "say nothing of predictions"),
        (["--confusion", "zeros.csv", "--seed", "-1"], 2, "seed"),
    ],
)
def test_a_wrong_request_gets_one_clear_line(
    edgebench: Edgebench, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n4,5,6\n")
    (tmp_path / "zeros.csv").write_text("0,0\n0,0\n")
    answer = edgebench("metrics", *arguments)
    assert answer.returncode == code
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
