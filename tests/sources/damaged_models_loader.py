"""The task of test_damaged_models.py, importable in a child process."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgebench.sources import load_source
from edgebench.specs.model import ModelSpec


def load(report: Callable[[int, int, str], None], *, spec: ModelSpec, folder: Path) -> None:
    """What the pipeline does with a source before it converts it."""
    shape = (3, 12, 10) if spec.input.layout == "nchw" else (12, 10, 3)
    load_source(spec, folder).predict(np.zeros((1, *shape), np.float32))
