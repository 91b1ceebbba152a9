"""A project as a user has one: a small trained model, its spec, and a folder of labelled faces."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgebench.data.synthetic import write_affectnet
from edgebench.pipeline.workspace import Workspace

SPEC = """\
source: {keras: tiny.keras}
input: {size: [24, 24], range: [-1, 1]}
heads:
  - kind: expression
    name: expression
    labels: [neutral, happy, sad, surprise, fear, disgust, anger, contempt]
  - {kind: valence_arousal, name: valence_arousal}
budgets: {max_bytes: 1_000_000, max_accuracy_loss: 0.1}
"""


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "faces"
    write_affectnet(folder, layout="2021", training=64, validation=48, seed=5)
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model_specs/tiny.yaml and its .keras file; treat it as read-only."""
    import keras

    folder = tmp_path_factory.mktemp("project")
    specs = folder / "model_specs"
    specs.mkdir()
    keras.utils.set_random_seed(7)
    image = keras.Input((24, 24, 3), name="image")
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(x))
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU(6.0)(x))
    expression = keras.layers.Dense(8, activation="softmax", name="expression")(x)
    affect = keras.layers.Dense(2, activation="tanh", name="valence_arousal")(x)
    keras.Model(image, [expression, affect], name="tiny").save(specs / "tiny.keras")
    (specs / "tiny.yaml").write_text(SPEC)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, project: Path, faces: Path) -> Workspace:
    """A store in which the whole road was walked once; treat it as read-only."""
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.evaluate import evaluate
    from edgebench.pipeline.measure import measure
    from edgebench.specs.bench import BenchSettings
    from edgebench.specs.data import CalibrationSettings, DataSettings

    workspace = Workspace.open(
        home=tmp_path_factory.mktemp("made") / "home", model_dirs=[project / "model_specs"], jobs=2
    )
    data = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))
    choice = Choice.of("tiny")
    evaluate(workspace, choice, data=data)
    settings = BenchSettings(rounds=3, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=70, inputs=4)
    devices = tmp_path_factory.mktemp("devices")
    (devices / "bench.yaml").write_text("threads: [1]\nveto: {foreign_load: 100, repeats: 0}\n")
    measure(
        Workspace.open(home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[devices], jobs=2),
        choice,
        device="bench",
        data=data,
        settings=settings,
    )
    return workspace


@pytest.fixture
def workspace(tmp_path: Path, made: Workspace) -> Workspace:
    """A copy of the walked store that a test may change, and a copy of the project."""
    return _copy(made, tmp_path)


@pytest.fixture(scope="session")
def made_of_two(tmp_path_factory: pytest.TempPathFactory, made: Workspace, faces: Path) -> Workspace:
    """Beside `tiny`, evaluated on all images, `other`: the same network, evaluated on 16 of them, and later."""
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.evaluate import evaluate
    from edgebench.specs.data import CalibrationSettings, DataSettings

    folder = tmp_path_factory.mktemp("two")
    workspace = _copy(made, folder)
    shutil.copy(folder / "model_specs" / "tiny.yaml", folder / "model_specs" / "other.yaml")
    data = DataSettings(folder=str(faces), limit=16, calibration=CalibrationSettings(count=32))
    evaluate(workspace, Choice.of("other", only="tflite-fp32"), data=data)
    return workspace


@pytest.fixture
def two_models(tmp_path: Path, made_of_two: Workspace) -> Workspace:
    """A copy of the store of two models and of their project, that a test may change."""
    return _copy(made_of_two, tmp_path)


def _copy(workspace: Workspace, folder: Path) -> Workspace:
    shutil.copytree(workspace.store.home, folder / "home")
    shutil.copytree(workspace.model_dirs[0], folder / "model_specs")
    return Workspace.open(home=folder / "home", model_dirs=[folder / "model_specs"], jobs=2)


@pytest.fixture
def fresh(tmp_path: Path, project: Path) -> Workspace:
    """An empty store, and a copy of the project that a test may change."""
    shutil.copytree(project / "model_specs", tmp_path / "specs")
    return Workspace.open(home=tmp_path / "fresh", model_dirs=[tmp_path / "specs"], jobs=2)
