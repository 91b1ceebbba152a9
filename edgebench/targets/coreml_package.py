"""An .mlpackage on disk: read as a MIL program, written so that equal programs are equal bytes."""

from __future__ import annotations

import gc
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from edgebench.errors import ModelFileError

AUTHOR = "com.apple.CoreML"
MODEL = f"{AUTHOR}/model.mlmodel"
WEIGHTS = f"{AUTHOR}/weights"
CONVERSION_DATE = "com.github.apple.coremltools.conversion_date"
LARGE_BYTES = 50_000_000
"""Of weights for which memory is worth the half second that looking through every object takes."""


def load_program(package: Path) -> Any:
    """The MIL program of a package, its constants included.

    Raises:
        ModelFileError: the directory is no package, or holds no ML program.
    """
    from coremltools.proto import Model_pb2

    model, weights = package / "Data" / MODEL, package / "Data" / WEIGHTS
    if not (package / "Manifest.json").is_file() or not model.is_file():
        raise ModelFileError("not an .mlpackage directory", subject=str(package), fix="make it again with --force")
    spec = Model_pb2.Model()
    spec.ParseFromString(model.read_bytes())
    if spec.WhichOneof("Type") != "mlProgram":
        raise ModelFileError("holds no ML program", subject=str(package), fix="make it again with --force")
    return program_of(spec, weights)


def program_of(spec: Any, weights: str | Path) -> Any:
    from coremltools.converters.mil.frontend.milproto import load

    if sum(file.stat().st_size for file in Path(weights).iterdir()) > LARGE_BYTES:
        gc.collect()  # operators and values name each other: the programs before this one are held until then
    return load.load(spec, spec.specificationVersion, str(weights))


def restart_names() -> None:
    """coremltools numbers new values from a counter that lasts as long as the process; names go into the bytes."""
    from coremltools.converters.mil import Builder

    Builder.name_count.clear()


def main_function(program: Any) -> Any:
    return program.functions["main"]


def save_package(model: Any, package: Path) -> None:
    """Writes a converted `MLModel`.

    coremltools numbers its items at random and notes the date of conversion; here both depend on nothing,
    and protobuf maps are written in order.
    """
    spec = model.get_spec()
    spec.description.metadata.userDefined.pop(CONVERSION_DATE, None)
    shutil.rmtree(package, ignore_errors=True)
    target = package / "Data" / MODEL
    target.parent.mkdir(parents=True)
    target.write_bytes(spec.SerializeToString(deterministic=True))
    shutil.copytree(model.weights_dir, package / "Data" / WEIGHTS)
    (package / "Manifest.json").write_text(
        json.dumps(manifest(), indent=4, sort_keys=True) + "\n"
    )  # as coremltools rewrites it


def manifest() -> dict[str, Any]:
    items = {
        MODEL: {"name": "model.mlmodel", "description": "CoreML Model Specification"},
        WEIGHTS: {"name": "weights", "description": "CoreML Model Weights"},
    }
    return {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {item_id(path): {"author": AUTHOR, "path": path, **item} for path, item in items.items()},
        "rootModelIdentifier": item_id(MODEL),
    }


def item_id(path: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, path))
