"""What variants weighed and scored when somebody last said that it was good: a small file under version control."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ValidationError

from edgebench.errors import StoreError, UsageError
from edgebench.files import replacing
from edgebench.frozen import Frozen
from edgebench.specs.variant import model_of

# Baseline file history:
#   1 - first version
SCHEMA = 1

_FIX = "write it with `edgebench baseline`"


class BaselineScores(Frozen):
    """Metrics by name, and the images they were found on."""

    dataset: str
    dataset_id: str
    samples: int
    metrics: dict[str, float]


class BaselineVariant(Frozen):
    """`size_bytes` is None for a trained model in its own framework, as that is not what ships."""

    sha256: str
    size_bytes: int | None = None
    compute_int8: int | None = None
    """Convolutions and matrix products in int8."""
    scores: BaselineScores | None = None

    @property
    def metrics(self) -> set[str]:
        """Names of those that are held."""
        return set(self.scores.metrics) if self.scores else set()


class Baseline(Frozen):
    """By variant id."""

    schema_version: int = SCHEMA
    variants: dict[str, BaselineVariant]

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(sorted({model_of(name) for name in self.variants}))

    def of_models(self, models: tuple[str, ...]) -> Baseline:
        """The part about some models, for a check of these alone."""
        chosen = {name: held for name, held in self.variants.items() if model_of(name) in models}
        return self.model_copy(update={"variants": chosen})

    def without(self, models: Collection[str]) -> Baseline:
        kept = {name: held for name, held in self.variants.items() if model_of(name) not in models}
        return self.model_copy(update={"variants": kept})

    def updated(self, newer: Baseline) -> Baseline:
        """With all that is held of the newer one's models replaced by what that holds."""
        return self.model_copy(update={"variants": self.without(newer.models).variants | newer.variants})

    def scores_lost_in(self, newer: Baseline) -> list[str]:
        """Variants of both of which the newer one lacks a metric held here."""
        both = sorted(self.variants.keys() & newer.variants.keys())
        return [name for name in both if self.variants[name].metrics - newer.variants[name].metrics]

    def to_json(self) -> str:
        """Sorted, one value a line, so that a change shows as the line it is."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


class _Header(BaseModel):
    schema_version: int


def read_baseline(path: Path) -> Baseline:
    """Raises UsageError where the file is missing, damaged, or of a newer edgebench."""
    try:
        data = path.read_bytes()
        version = _Header.model_validate_json(data).schema_version
        if version > SCHEMA:
            problem = f"written by a newer edgebench (schema {version}, known: {SCHEMA})"
            raise UsageError(problem, subject=str(path), fix="upgrade edgebench")
        return Baseline.model_validate_json(data, strict=True)
    except OSError as exc:
        raise UsageError(f"cannot be read: {exc.strerror}", subject=str(path), fix=_FIX) from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"is no baseline: {where}: {first['msg']}" if where else f"is no baseline: {first['msg']}"
        raise UsageError(problem, subject=str(path), fix=_FIX) from exc


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Replaces the file in one step; raises StoreError where that is impossible."""
    try:
        with replacing(path) as part:
            part.write_text(baseline.to_json(), encoding="utf-8")
    except OSError as exc:
        raise StoreError(f"cannot be written: {exc.strerror}", subject=str(path)) from exc
