"""Other classes than AffectNet's, other numbers than valence and arousal: the same road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.errors import DataError, UsageError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.findings.results import evaluation_results, gather
from edgebench.pipeline.workspace import Workspace
from edgebench.records.results import Results
from edgebench.specs.data import CalibrationSettings, DataSettings

GRAYS = {"coal": 20, "stone": 120, "snow": 230}


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nets that answer by the mean gray x in [0, 1]: a class for each of three, x itself, and seven expressions."""
    import keras

    folder = tmp_path_factory.mktemp("specs")

    def save(name: str, kernel: list[list[float]], bias: list[float], activation: str, head: str) -> None:
        image = keras.Input((8, 8, 1), name="image")
        gray = keras.layers.GlobalAveragePooling2D()(keras.layers.DepthwiseConv2D(1, use_bias=False, name="one")(image))
        dense = keras.layers.Dense(len(bias), activation=activation, name="answer")
        model = keras.Model(image, dense(gray))
        model.get_layer("one").set_weights([np.ones((1, 1, 1, 1), np.float32)])
        dense.set_weights([np.array(kernel, np.float32), np.array(bias, np.float32)])
        model.save(folder / f"{name}.keras")
        (folder / f"{name}.yaml").write_text(
            f"source: {{keras: {name}.keras}}\ninput: {{size: [8, 8], color: gray, range: [0, 1]}}\n"
            f"heads:\n  - {{name: answer, {head}}}\n"
        )

    save("shades", [[-20, 0, 20]], [5, 0, -15], "softmax", "kind: classes, labels_file: shades.txt")
    (folder / "shades.txt").write_text("coal\nstone\n\nsnow\n")
    save("ages", [[80]], [5], "linear", "kind: regression, targets: [age]")
    seven = "kind: expression, labels: [Happiness, sadness, surprised, fearful, disgusted, angry, neutral]"
    save("seven", [[1, 2, 3, 4, 5, 6, 7]], [0] * 7, "softmax", seven)
    return folder


@pytest.fixture
def workspace(tmp_path: Path, specs: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "home", model_dirs=[specs], jobs=2)


def judged(workspace: Workspace, model: str, folder: Path, **options: object) -> Results:
    data = DataSettings(folder=str(folder), calibration=CalibrationSettings(count=9)).model_copy(update=options)
    return evaluation_results(workspace, evaluate(workspace, Choice.of(model, only="onnx-fp32"), data=data))


@pytest.fixture
def shades(tmp_path: Path) -> Callable[..., Path]:
    """A folder of each shade; below `val` and `train`."""

    def make(**counts: int) -> Path:
        for part, extra in (("train", 5), ("val", 0)):
            for name, count in counts.items():
                (tmp_path / "shades" / part / name).mkdir(parents=True)
                for number in range(count + extra):
                    gray = GRAYS.get(name, 70) + number + extra
                    Image.new("L", (8, 8), gray).save(tmp_path / "shades" / part / name / f"{number}.png")
        return tmp_path / "shades"

    return make


def test_classes_of_any_kind_are_scored_as_expressions_are(workspace: Workspace, shades: Callable[..., Path]) -> None:
    results = judged(workspace, "shades", shades(coal=12, stone=14, snow=16))
    source, variant = results.variants
    assert source.scores is not None
    assert variant.drift is not None
    assert source.scores.metrics["accuracy"].value == 1
    assert {"macro_f1", "cohens_kappa", "auc_roc", "log_loss"} <= set(source.scores.metrics)
    assert "top5_accuracy" not in source.scores.metrics
    assert [each.label for each in source.scores.classes] == ["coal", "stone", "snow"]
    assert (variant.drift.verdict, variant.drift.flips) == ("inconclusive", 0) or variant.drift.verdict == "pass"
    assert results.dataset is not None
    assert results.dataset.per_class == {"coal": 12, "snow": 16, "stone": 14}
    assert not [caveat for caveat in results.caveats if "classes" in caveat.kind]
    assert gather(workspace, "shades").variants == results.variants


def test_images_of_a_class_that_the_model_lacks_are_not_scored_and_the_reader_is_told(
    workspace: Workspace, shades: Callable[..., Path]
) -> None:
    results = judged(workspace, "shades", shades(coal=4, stone=4, snow=4, grass=6))
    (told,) = (caveat for caveat in results.caveats if caveat.kind == "fewer-classes")
    assert told.text == "shades is scored on 12 of 18 images, for it has no class grass (6)"
    assert results.variants[0].scores is not None
    assert (results.variants[0].scores.samples, results.variants[0].scores.metrics["accuracy"].value) == (12, 1)


def test_a_class_that_the_set_lacks_is_refused_unless_allowed_and_then_told(
    workspace: Workspace, shades: Callable[..., Path]
) -> None:
    folder = shades(coal=4, snow=4)
    with pytest.raises(DataError, match=r"no image of stone \(its classes: coal, snow\)"):
        judged(workspace, "shades", folder)
    results = judged(workspace, "shades", folder, allow_missing_classes=True)
    (told,) = (caveat for caveat in results.caveats if caveat.kind == "missing-classes")
    assert told.text == "shades was shown no image of 1 of its 3 classes: stone"


def test_a_set_without_any_class_of_the_model_is_refused(workspace: Workspace, shades: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match=r"unknown class of the data set|no image of coal"):
        judged(workspace, "shades", shades(cat=4, dog=4), allow_missing_classes=True)


def test_seven_expressions_by_other_words_are_scored_on_the_images_of_their_classes(
    workspace: Workspace, faces: Path
) -> None:
    results = judged(workspace, "seven", faces)
    source = results.variants[0]
    assert results.dataset is not None
    assert source.scores is not None
    contempt = results.dataset.per_class["contempt"]
    assert source.scores.samples == sum(results.dataset.per_class.values()) - contempt
    assert f"for it has no class contempt ({contempt})" in results.caveats[0].text
    neutral = results.dataset.per_class["neutral"]
    assert source.scores.metrics["accuracy"].value == pytest.approx(neutral / source.scores.samples)


@pytest.fixture
def people(tmp_path: Path) -> Callable[..., Path]:
    """Grays and ages, of which the net tells every third wrong by three years."""

    def make(column: str = "age", count: int = 60) -> Path:
        folder = tmp_path / "people"
        folder.mkdir()
        lines = [f"path,{column}"]
        for number in range(count):
            Image.new("L", (8, 8), 4 * number).save(folder / f"{number}.png")
            lines.append(f"{number}.png,{80 * 4 * number / 255 + 5 + 3 * (number % 3 == 0)}")
        (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
        return folder

    return make


def test_numbers_are_scored_in_their_units_and_drift_is_judged_by_concordance(
    workspace: Workspace, people: Callable[..., Path]
) -> None:
    results = judged(workspace, "ages", people())
    source, variant = results.variants
    assert source.scores is not None
    assert variant.drift is not None
    assert set(source.scores.metrics) == {"rmse_age", "mae_age", "pcc_age", "ccc_age", "ccc_mean"}
    assert source.scores.metrics["mae_age"].value == pytest.approx(1, abs=0.2)
    assert variant.drift.verdict == "pass"
    assert variant.drift.reason.endswith("margin 0.020 of ccc_mean")
    assert results.dataset is not None
    assert results.dataset.per_value == {"age": source.scores.samples}
    assert source.scores.samples == 51  # nine calibrate, drawn at random, for there is no training part


def test_a_target_that_the_set_lacks_is_named(workspace: Workspace, people: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"has a label for ages .*labelled with age"):
        judged(workspace, "ages", people(column="years"))
