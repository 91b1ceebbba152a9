"""Whole Keras models in .h5 files, of 2017 to today: read by Keras 3 first, by tf-keras where that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgebench.errors import ModelFileError
from edgebench.sources.border import one_line, translated
from edgebench.sources.keras_file import checked_legacy, named


def load_legacy(path: Path) -> tuple[Any, Any]:
    """The model and the Keras it belongs to; code inside the file is never run.

    Raises:
        ModelFileError: neither takes the file, or it holds code.
    """
    checked_legacy(path)
    fix = "rebuild it from Keras' own layers, load its weights and save it as .keras"
    try:
        with translated(path, "", fix=""):
            return _load(_keras(), path)
    except ModelFileError as exc:
        newer = one_line(exc.__cause__ or exc)
    with translated(path, f"neither Keras 3 ({newer}) nor tf-keras can read it", fix=fix):
        return _load(_tf_keras(), path)


def _load(keras: Any, path: Path) -> tuple[Any, Any]:
    with named(path, ".h5", ".hdf5") as file:
        return keras.models.load_model(file, custom_objects=_known_objects(keras), compile=False), keras


def _known_objects(keras: Any) -> dict[str, Any]:
    """What MobileNets of 2017 to 2019 were saved with under names of their own."""

    class ReLU6(keras.layers.ReLU):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**{"max_value": 6.0, **options})

    def relu6(x: Any) -> Any:
        return keras.activations.relu(x, max_value=6.0)

    return {"relu6": relu6, "ReLU6": ReLU6, "DepthwiseConv2D": keras.layers.DepthwiseConv2D}


def _keras() -> Any:
    import keras

    keras.utils.clear_session()
    return keras


def _tf_keras() -> Any:
    import tf_keras

    tf_keras.backend.clear_session()
    return tf_keras
