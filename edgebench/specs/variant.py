"""The name of a variant: `<model>.<format>-<recipe>`, used for files, rows, gate keys and filters."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, get_args

from edgebench.errors import UnknownName, UsageError
from edgebench.frozen import Frozen

Format = Literal["tflite", "onnx", "coreml"]
Recipe = Literal["fp32", "fp16", "int8"]

FORMATS: tuple[str, ...] = get_args(Format)
RECIPES: tuple[str, ...] = get_args(Recipe)
SOURCE = "source"
"""The trained model itself, run by its own framework, is a row too: `<model>.source`."""


class Variant(Frozen):
    """One artifact to make: which model, in which format, by which recipe."""

    model: str
    format: Format
    recipe: Recipe

    @property
    def id(self) -> str:
        return f"{self.model}.{self.format}-{self.recipe}"

    @property
    def fp32(self) -> Variant:
        """The float variant of the same model and format."""
        return Variant(model=self.model, format=self.format, recipe="fp32")

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Reads a variant id. A model name may hold dots and dashes; a format and a recipe name the rest."""
        model, _, kind = text.rpartition(".")
        format_, dash, recipe = kind.partition("-")
        if not model or not dash:
            raise UsageError(
                "not a variant", subject=repr(text), fix="write <model>.<format>-<recipe>, as in net.tflite-int8"
            )
        return cls(model=model, format=known_format(format_), recipe=known_recipe(recipe))

    def matches(self, pattern: str) -> bool:
        """True when the shell-style pattern fits the id or the part after the model's name."""
        return fnmatchcase(self.id, pattern) or fnmatchcase(f"{self.format}-{self.recipe}", pattern)


def model_of(variant: str) -> str:
    """The model of a variant's or a source's id."""
    return variant.rpartition(".")[0]


def source_id(model: str) -> str:
    return f"{model}.{SOURCE}"


def known_format(name: str) -> Format:
    if name not in FORMATS:
        raise UnknownName.among(name, FORMATS, kind="format")
    return name  # type: ignore[return-value]


def known_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UnknownName.among(name, RECIPES, kind="recipe")
    return name  # type: ignore[return-value]
