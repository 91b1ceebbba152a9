"""Which variants of which models a verb is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebench.errors import UsageError
from edgebench.pipeline.workspace import names
from edgebench.specs.model import ModelSpec
from edgebench.specs.variant import FORMATS, RECIPES, Variant, known_format, known_recipe
from edgebench.targets.reach import available_formats, check_reach


@dataclass(frozen=True)
class Choice:
    """Which variants a verb is about."""

    models: tuple[str, ...]
    formats: tuple[str, ...] | None = None
    """None: those that the model reaches with the converters installed."""
    recipes: tuple[str, ...] = RECIPES
    only: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        models: str | Sequence[str],
        *,
        formats: str | Sequence[str] | None = None,
        recipes: str | Sequence[str] = RECIPES,
        only: str | Sequence[str] = (),
    ) -> Choice:
        """Checks the names; `only` are patterns such as `tflite-*`. By default every format that a model
        reaches with the converters installed."""
        return cls(
            models=names(models),
            formats=tuple(known_format(name) for name in names(formats)) if formats else None,
            recipes=tuple(known_recipe(name) for name in names(recipes)),
            only=names(only) if only else (),
        )

    def variants(self, spec: ModelSpec) -> list[Variant]:
        """In the order of FORMATS and RECIPES, whatever the order asked for.

        Raises:
            ConversionError: the model does not reach a format that was asked for.
        """
        for format_ in self.formats or ():
            check_reach(spec, format_)
        formats = available_formats(spec) if self.formats is None else self.formats
        every = (Variant(model=spec.name, format=f, recipe=r) for f in FORMATS for r in RECIPES)  # type: ignore[arg-type]
        wanted = [variant for variant in every if variant.format in formats and variant.recipe in self.recipes]
        if not self.only:
            return wanted
        return [variant for variant in wanted if any(variant.matches(pattern) for pattern in self.only)]

    def check(self, specs: Sequence[ModelSpec]) -> None:
        """Raises UsageError where the patterns leave nothing to do."""
        if not any(self.variants(spec) for spec in specs):
            raise UsageError(
                "no variant fits", subject=", ".join(self.only), fix="give patterns such as 'tflite-*' or '*-int8'"
            )
