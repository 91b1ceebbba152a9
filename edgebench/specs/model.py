"""What a model file says: where the trained net comes from, what it takes in, what it answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edgebench.digests import sha256_json
from edgebench.frozen import Frozen
from edgebench.specs.heads import ClassesHead, ClassHead, ExpressionHead, Head, RegressionHead, ValenceArousalHead
from edgebench.specs.problem import Problem, as_error
from edgebench.specs.source import AnySource
from edgebench.specs.stated import Stated

__all__ = [
    "Budgets",
    "Bytes",
    "ClassHead",
    "ClassesHead",
    "ExpressionHead",
    "Head",
    "InputContract",
    "ModelSpec",
    "RegressionHead",
    "Share",
    "TrainedBy",
    "Training",
    "ValenceArousalHead",
]

Share = Annotated[float, Field(ge=0, le=1)]
# 15_000_000 is text to an editor's YAML reader.
_DIGITS = {"type": ["integer", "string"], "pattern": "^[1-9](_?[0-9])*$"}
Bytes = Annotated[int, Field(gt=0, json_schema_extra=_DIGITS)]


class InputContract(Frozen):
    """The whole way from an image file to the tensor a model takes.

    Geometry (`size`, `color`, `crop`, `margin`, `resize`) decides the cached uint8 tensor;
    the affine step (`range`, or `mean` and `std`) is applied where the tensor is consumed.
    """

    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(description="height, width in pixels")
    color: Literal["rgb", "bgr", "gray"] = "rgb"
    crop: Literal["none", "face_box", "landmarks"] = Field(
        default="none", description="what part of the picture is kept"
    )
    margin: Annotated[float, Field(ge=0, le=2)] = Field(
        default=0.0, description="added on each side, as a share of the box"
    )
    resize: Literal["box", "bilinear", "bicubic", "lanczos"] = "bilinear"
    layout: Literal["nhwc", "nchw"] = "nhwc"
    range: tuple[float, float] | None = Field(default=None, description="what 0 and 255 become")
    mean: tuple[float, ...] | None = Field(default=None, description="subtracted per channel, pixels counted 0 to 1")
    std: tuple[float, ...] | None = Field(default=None, description="divided by per channel, pixels counted 0 to 1")

    @property
    def channels(self) -> int:
        return 1 if self.color == "gray" else 3

    @model_validator(mode="after")
    def _one_affine_step(self) -> InputContract:
        if (self.range is None) == (self.mean is None or self.std is None):
            raise ValueError("state either `range` or both `mean` and `std`")
        if self.range is None and (self.mean is None or self.std is None):
            raise ValueError("`mean` and `std` go together")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError("`range` must rise")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.channels:
                raise ValueError(f"`{name}` needs {self.channels} value(s), one per channel")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("`std` must be positive")
        return self

    @property
    def sha256(self) -> str:
        """Identity of everything the contract states."""
        return sha256_json(self.model_dump(mode="json"))

    def affine(self) -> dict[str, Any]:
        """The step from uint8 to float as the agent takes it: `x * scale + offset`, then the layout."""
        if self.range is not None:
            low, high = self.range
            scale, offset = [(high - low) / 255] * self.channels, [low] * self.channels
        else:
            assert self.mean is not None  # held by the validator
            assert self.std is not None
            scale = [1 / (255 * s) for s in self.std]
            offset = [-m / s for m, s in zip(self.mean, self.std, strict=True)]
        return {"layout": self.layout, "scale": scale, "offset": offset}

    def geometry(self) -> dict[str, Any]:
        """What decides the cached uint8 tensor; two contracts with equal geometry share it."""
        return self.model_dump(include={"size", "color", "crop", "margin", "resize"})


class Budgets(Frozen):
    """What a variant may cost. A budget that is not stated is not checked."""

    max_bytes: Bytes | None = Field(default=None, description="size of what ships")
    max_accuracy_loss: Share = Field(default=0.02, description="non-inferiority margin of the drift verdict")
    max_latency_ratio: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="median latency over that of fp32 in the same format, measured side by side"
    )


class Training(Frozen):
    """The recipe of Vadlejch 2021 by default."""

    epochs: Annotated[int, Field(ge=1)] = 15
    batch_size: Annotated[int, Field(ge=1)] = 128
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.85, description="learning rate factor after each epoch"
    )
    flip: bool = True
    brightness: Share = 0.1
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 10.0
    zoom: Share = 0.2
    class_weights: bool = True


class TrainedBy(Frozen):
    """How the weights beside the spec were made, and what they reached."""

    command: str
    data: str
    scores: dict[str, float]


class ModelSpec(Stated):
    description: str = ""
    source: AnySource
    input: InputContract
    heads: Annotated[tuple[Head, ...], Field(min_length=1)]
    budgets: Budgets = Budgets()
    training: Training = Training()
    trained_by: TrainedBy | None = None
    float_tolerance: Annotated[float, Field(gt=0)] = Field(
        default=1e-3, description="largest allowed output difference between the source and its fp32 conversions"
    )

    @property
    def folder(self) -> Path:
        """What the source's file is relative to: the folder of the file that states it, often an included one."""
        return self.place(self._file_key).file.absolute().parent

    @property
    def has_random_weights(self) -> bool:
        """Then there is no file, and only size and latency mean anything."""
        return self.source.file is None

    def source_file(self, folder: Path | None = None) -> Path:
        """The file of weights or of the whole model, or its folder; only for specs that have one.

        Args:
            folder: what a relative path is relative to, in place of the spec's own folder.

        Raises:
            SpecError: the file is not there.
        """
        path = self._source_path(folder)
        assert path is not None
        if not self._is_there(path):
            raise as_error([self._missing(path)])
        return path

    def missing_file(self) -> Problem | None:
        path = self._source_path()
        return None if path is None or self._is_there(path) else self._missing(path)

    def _source_path(self, folder: Path | None = None) -> Path | None:
        return None if self.source.file is None else (folder or self.folder) / self.source.file

    def _is_there(self, path: Path) -> bool:
        # Unlike Path.is_file and is_dir, these are False for any name the system refuses.
        return os.path.isdir(path) if self.source.is_folder else os.path.isfile(path)

    def _missing(self, path: Path) -> Problem:
        kind = "folder" if self.source.is_folder else "file"
        text = f"no such {kind}: {path}; correct the path or make the {kind}"
        return Problem.at(self.place(self._file_key), text, key=self._file_key)

    @property
    def _file_key(self) -> str:
        return f"source.{self.source.file_key}"

    @property
    def class_head(self) -> ExpressionHead | ClassesHead | None:
        return next((head for head in self.heads if isinstance(head, ClassHead)), None)

    @model_validator(mode="after")
    def _heads_are_distinct(self) -> ModelSpec:
        names = [head.name for head in self.heads]
        if len(set(names)) != len(names):
            raise ValueError("two heads share a name")
        classes = sum(isinstance(head, ClassHead) for head in self.heads)
        if max(classes, len(self.heads) - classes) > 1:
            raise ValueError(
                "two heads are of one kind: state at most one of `expression` and `classes`, for an image has one "
                "class, and one of `valence_arousal` and `regression`, which may have several targets; outputs of the "
                "model that are no head's are left out"
            )
        return self
