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


AFFECT = "valence,arousal,predicted_valence,predicted_arousal\n0.5,0.1,0.4,0.2\n-0.5,,-0.1,0.0\n0.1,-0.3,0.3,-0.1\n"


@pytest.mark.parametrize(("name", "begins"), [("map.png", b"\x89PNG"), ("map.svg", b"<svg")])
def test_errors_of_valence_and_arousal_are_drawn(
    edgebench: Edgebench, tmp_path: Path, name: str, begins: bytes
) -> None:
    (tmp_path / "affect.csv").write_text(AFFECT)
    answer = edgebench("metrics", "--predictions", "affect.csv", "--heat-map", f"new/{name}")
    assert answer.returncode == 0, answer.stderr
    assert f"new/{name}: errors of valence and arousal" in answer.stdout
    assert (tmp_path / "new" / name).read_bytes().startswith(begins)


def test_numbers_of_any_kind_and_range_are_scored(edgebench: Edgebench, tmp_path: Path) -> None:
    (tmp_path / "age.csv").write_text("age,predicted_age\n10,12\n30,28\n50,41\n")
    assert "RMSE age" in edgebench("metrics", "--predictions", "age.csv").stdout
    (tmp_path / "ten.csv").write_text("valence,arousal,predicted_valence,predicted_arousal\n1,2,1.5,3\n-5,3,-2,1\n")
    refused = edgebench("metrics", "--predictions", "ten.csv")
    assert refused.returncode == 2
    assert "--range -10 10" in refused.stderr
    answer = edgebench("metrics", "--predictions", "ten.csv", "--range", "-10", "10", "--heat-map", "map.svg")
    assert answer.returncode == 0, answer.stderr
    assert "from [-10, 10] to [-1, 1]" in answer.stdout
    assert (tmp_path / "map.svg").is_file()


def test_several_annotators_are_compared(edgebench: Edgebench, tmp_path: Path) -> None:
    (tmp_path / "mood.csv").write_text("label_a,label_b,label_c\nsad,sad,sad\nsad,glad,\nglad,glad,sad\n")
    answer = edgebench("metrics", "--annotators", "mood.csv")
    assert answer.returncode == 0
    assert "3 annotators" in answer.stdout
    assert "krippendorff alpha" in answer.stdout
    found = json.loads(edgebench("metrics", "--annotators", "mood.csv", "--json").stdout)
    assert found["annotators"] == ["a", "b", "c"]
    assert found["metrics"]["accuracy"]["value"] == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give one file"),
        (["--confusion", "a.csv", "--predictions", "a.csv"], 2, "give one file"),
        (["--confusion", "nowhere.csv"], 2, "nowhere.csv: no such file"),
        (["--confusion", "a.csv"], 2, "a.csv: "),
        (["--confusion", "a.csv"], 2, "not square"),
        (["--confusion", "zeros.csv"], 4, "zeros.csv: confusion matrix: all cells are zero"),
        (["--confusion", "zeros.csv", "--class-counts", "many"], 2, "no list of numbers"),
        (["--predictions", "a.csv"], 2, "lacks a column `truth`"),
        (["--predictions", "a.csv", "--cells", "rows"], 2, "say nothing of predictions"),
        (["--confusion", "zeros.csv", "--seed", "-1"], 2, "seed"),
        (["--annotators", "a.csv", "--confusion", "a.csv"], 2, "give one file"),
        (["--annotators", "a.csv"], 2, "fewer than two annotators"),
        (["--annotators", "a.csv", "--cells", "rows"], 2, "say nothing of annotators"),
        (["--confusion", "zeros.csv", "--range", "0", "1"], 2, "says nothing of a confusion matrix"),
        (["--predictions", "affect.csv", "--range", "1", "-1"], 2, "1 to -1 does not rise"),
        (["--predictions", "affect.csv", "--range", "nan", "1"], 2, "does not rise"),
        (["--predictions", "calls.csv", "--range", "0", "1"], 2, "valence and arousal only"),
        (["--annotators", "a.csv", "--heat-map", "map.png"], 2, "say --predictions FILE too"),
        (["--predictions", "a.csv", "--heat-map", "map.jpg"], 2, "end it in .png or .svg"),
        (["--predictions", "calls.csv", "--heat-map", "map.png"], 2, "lacks valence, arousal"),
        (["--predictions", "affect.csv", "--heat-map", "a.csv/map.png"], 7, "a file stands where a folder must be"),
    ],
)
def test_a_wrong_request_gets_one_clear_line(
    edgebench: Edgebench, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n4,5,6\n")
    (tmp_path / "zeros.csv").write_text("0,0\n0,0\n")
    (tmp_path / "calls.csv").write_text("truth,predicted\ncat,cat\ndog,cat\n")
    (tmp_path / "affect.csv").write_text(AFFECT)
    answer = edgebench("metrics", *arguments)
    assert answer.returncode == code
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
