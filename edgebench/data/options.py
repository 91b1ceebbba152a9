"""`dataset.yaml` beside the data: what its owner says of it that the files do not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from edgebench.errors import DataError
from edgebench.frozen import Frozen
from edgebench.specs.explain import explain
from edgebench.specs.problem import Problem, as_error
from edgebench.specs.yaml_reader import plain, read

FILE = "dataset.yaml"


class Columns(Frozen):
    """What a table's columns are called, where not as usual."""

    path: str | None = Field(default=None, description="of the picture, below the folder of images")
    label: str | None = Field(default=None, description="name of the class; empty for none")
    split: str | None = Field(default=None, description="which part a picture belongs to")
    group: str | None = Field(default=None, description="clip or subject, which calibration and evaluation never share")
    annotator: str | None = Field(default=None, description="who labelled a picture, where several did")
    box: str | Annotated[tuple[str, ...], Field(min_length=4, max_length=4)] | None = Field(
        default=None,
        description="x, y, width and height of the face in pixels: four columns, or one of lists or x;y;width;height",
    )
    landmarks: str | None = Field(default=None, description="points in pixels: lists, or x;y;x;y")


class Splits(Frozen):
    """Which value of the column, or which folder, is which part."""

    training: str | None = Field(
        default=None, description="what calibrates and trains; by default `train` and the like"
    )
    validation: str | None = Field(default=None, description="what evaluates; by default `val`, `test` and the like")

    @model_validator(mode="after")
    def _parts_differ(self) -> Splits:
        if self.training is not None and self.training == self.validation:
            raise ValueError("`training` and `validation` must be two parts")
        return self


class DatasetOptions(Frozen):
    """What the files of a data set do not tell, or tell in other words than usual."""

    layout: str | None = Field(default=None, description="how the folder is to be read, where that is not plain")
    manifest: str | None = Field(default=None, description="the table, by default manifest.csv or manifest.parquet")
    images: str = Field(default=".", description="folder below which the pictures lie")
    columns: Columns = Columns()
    ignore: tuple[str, ...] = Field(default=(), description="columns that are neither labels nor targets")
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="classes in their order; by default by name"
    )
    splits: Splits = Splits()
    affect_range: tuple[float, float] = Field(default=(-1.0, 1.0), description="of the columns valence and arousal")

    @model_validator(mode="after")
    def _range_rises(self) -> DatasetOptions:
        if self.affect_range[0] >= self.affect_range[1]:
            raise ValueError("`affect_range` must rise")
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> DatasetOptions:
        if twice := [label for label, count in Counter(self.labels).items() if count > 1]:
            raise ValueError(f"`labels` names {twice[0]!r} twice")
        return self


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `dataset.yaml`, so that an editor completes and checks it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **DatasetOptions.model_json_schema()}


def read_options(folder: Path) -> DatasetOptions:
    """What `dataset.yaml` says; nothing where there is none.

    Raises:
        SpecError: it says what it may not, with file and line of each mistake.
    """
    file = folder / FILE
    if not file.exists():
        return DatasetOptions()
    problems: list[Problem] = []
    root = read(file, problems)
    if root is None or problems:
        raise as_error(problems)
    try:
        # Lax, so that lists become tuples; scalars are those of YAML already.
        return DatasetOptions.model_validate(plain(root))
    except ValidationError as exc:
        raise as_error(explain(DatasetOptions, root, exc, complete=True)) from exc


def inside(folder: Path, name: str, *, place: str) -> str:
    """A path below a folder with forward slashes, as a table states it.

    Raises:
        DataError: it is empty, absolute, or leads out of the folder.
    """
    parts = name.strip().replace("\\", "/").split("/")
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            break
    if not name.strip() or depth < 1 or parts[0] == "" or parts[0].endswith(":"):
        raise DataError(
            f"{name!r} is no path below {folder}", subject=place, fix="state paths relative to the folder of images"
        )
    return "/".join(part for part in parts if part not in ("", "."))
