"""Training between two epochs, on disk: whole or not there."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from edgebench import files
from edgebench.errors import ModelFileError, StoreError
from edgebench.training.history import History

if TYPE_CHECKING:
    import keras
    import numpy as np

FILE = "checkpoint.npz"

# Everything random in an epoch follows from the seed and the epoch's number, so that beside the weights, the
# optimizer's variables and the history there is no state to keep.


def save(folder: Path, model: keras.Model, optimizer: keras.Optimizer, history: History) -> None:
    """Raises StoreError where the folder cannot take it; the earlier checkpoint then still stands."""
    import numpy as np

    arrays: dict[str, Any] = {f"model_{i}": np.asarray(v) for i, v in enumerate(model.variables)}
    arrays |= {f"optimizer_{i}": np.asarray(v) for i, v in enumerate(optimizer.variables)}
    arrays["history"] = np.array(history.model_dump_json())
    with replacing(folder / FILE) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load(folder: Path, model: keras.Model, optimizer: keras.Optimizer) -> History | None:
    """Puts the weights of the last finished epoch into the model and optimizer; None where there is none.

    Raises:
        ModelFileError: the checkpoint is damaged, or of another net.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            history = History.model_validate_json(str(arrays["history"]))
            model_values = [arrays[f"model_{i}"] for i in range(len(model.variables))]
            optimizer_values = [arrays[f"optimizer_{i}"] for i in range(len(optimizer.variables))]
        _assign(model.variables, model_values)
        _assign(optimizer.variables, optimizer_values)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, ValidationError) as exc:
        raise ModelFileError(
            "the checkpoint cannot be read", subject=str(path), fix="delete it to train from the start"
        ) from exc
    return history


def _assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path of the same suffixes that takes the place of `path`, on the disk, when the block ends well."""
    try:
        with files.replacing(path, sync=True) as temporary:
            yield temporary
    except OSError as exc:
        raise StoreError(
            exc.strerror or str(exc), subject=str(path), fix="free space, or train in a folder that can be written"
        ) from exc


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_weights(path: Path, save_weights: Callable[[str], None]) -> None:
    with replacing(path) as temporary:
        save_weights(str(temporary))
