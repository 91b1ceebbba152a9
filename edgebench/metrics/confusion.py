"""All that a confusion matrix alone can tell, and what it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.errors import DataError, NothingMeasured
from edgebench.frozen import Frozen
from edgebench.metrics import metric, quotient
from edgebench.metrics.agreement import margins
from edgebench.metrics.literature import estimate, proportion
from edgebench.metrics.normalized import skew_normalized
from edgebench.records.results import Estimate
from edgebench.stats import CONFIDENCE, RESAMPLES

Scale = Literal["counts", "rows", "all"]
"""What cells are: counts of samples, shares of their row, or shares of all samples (of 1 or of 100)."""

Known = Literal["counts", "frequencies", "sensitivities"]
"""What they tell in the end: all, all but the number of samples, or each row for itself only."""

MOST_SAMPLES = 10**9 - 1
"""Numpy's hypergeometric draws end here."""

MACRO = ("macro_precision", "macro_recall", "macro_f1", "cohens_kappa", "krippendorff_alpha")
"""Functions of the counts found, called and present per class."""

NORMALIZED = ("normalized_accuracy", "normalized_f1")

NEED_COUNTS = ("krippendorff_alpha", *NORMALIZED)
"""Alpha corrects for the number of samples; trials draw them."""

NEED_SCORES = dict.fromkeys(
    ("log_loss", "auc_roc", "auc_pr", "calibration_error"), "needs the scores of each sample, not its call alone"
)


class ClassRates(Frozen):
    """One class against the rest. Rates lie in [0, 1]; None where unknown, or where nothing can be divided.

    `sensitivity` (recall) is the share of its samples that were found, `miss_rate` the others; `precision` the
    share of its calls that were right, `false_discovery_rate` the others; `f1` the harmonic mean of
    sensitivity and precision (Fawcett 2006, An introduction to ROC analysis).
    """

    label: str
    support: int | None = None
    sensitivity: float | None = None
    miss_rate: float | None = None
    precision: float | None = None
    false_discovery_rate: float | None = None
    f1: float | None = None


class ConfusionScores(Frozen):
    """Metrics by name, the rates of each class, and the metrics that stay unknown, each with the reason."""

    scale: Scale
    known: Known
    samples: int | None
    metrics: dict[str, Estimate]
    classes: tuple[ClassRates, ...]
    unknown: dict[str, str]
    confusion: tuple[tuple[int, ...], ...] = ()
    """Counts [truth][predicted], where they are known."""


def from_confusion(
    matrix: np.ndarray,
    labels: Sequence[str] = (),
    *,
    scale: Scale = "counts",
    class_counts: Sequence[int] | Literal["equal"] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> ConfusionScores:
    """Accuracy, macro precision, recall and F1, Cohen's kappa, Krippendorff's alpha, skew-normalized
    accuracy and F1, and the rates of each class: as many of them as the cells tell.

    From counts, accuracy has Wilson's interval, the others that of the bootstrap over samples, which is a
    multinomial draw of the cells. Shares of rows tell sensitivities only, for they do not say how
    frequent the classes are; with `class_counts` the counts are built again, to the nearest whole number.

    Args:
        matrix: [truth, predicted].
        labels: names of the classes; without, their numbers.
        class_counts: samples of each class, where cells are shares of rows; or `equal`: as many of each.

    Raises:
        DataError: not a square of two or more classes, a cell is negative, not finite or no whole count, or
            labels or class counts do not fit.
        NothingMeasured: all cells are zero.
    """
    cells = _checked(np.asarray(matrix, np.float64), scale)
    names = tuple(labels) or tuple(map(str, range(len(cells))))
    if len(names) != len(cells):
        raise _error(f"{len(names)} labels for {len(cells)} classes", "give one label for each row")
    cells, known = _scaled(cells, scale, class_counts)
    found = _metrics(_Sampling(resamples, seed, confidence), cells, known)
    return ConfusionScores(
        scale=scale,
        known=known,
        samples=int(cells.sum()) if known == "counts" else None,
        metrics=found,
        classes=tuple(_rates(cells, known, place, name) for place, name in enumerate(names)),
        unknown=_unknown(found, known),
        confusion=tuple(map(tuple, cells.astype(int).tolist())) if known == "counts" else (),
    )


@dataclass(frozen=True)
class _Sampling:
    resamples: int
    seed: int
    confidence: float

    def estimate(self, cells: np.ndarray, value: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        random, samples = np.random.default_rng(self.seed), int(cells.sum())
        drawn = random.multinomial(samples, cells.ravel() / samples, size=self.resamples)
        draws = value(margins(drawn.reshape(-1, *cells.shape)))
        return estimate(float(value(margins(cells))), draws, samples=samples, confidence=self.confidence)


def _error(problem: str, fix: str = "") -> DataError:
    return DataError(problem, subject="confusion matrix", fix=fix)


def _checked(cells: np.ndarray, scale: Scale) -> np.ndarray:
    if cells.ndim != 2 or cells.shape[0] != cells.shape[1]:
        raise _error(f"is not square: {' x '.join(map(str, cells.shape))}", "one row and one column for each class")
    if len(cells) < 2:
        raise _error("has fewer than two classes")
    if not np.isfinite(cells).all() or (cells < 0).any():
        raise _error("holds a number that is negative or not finite")
    if not cells.any():
        raise NothingMeasured("all cells are zero", subject="confusion matrix")
    if scale == "counts" and (cells != np.rint(cells)).any():
        raise _error("counts are whole numbers", "state the scale if these are shares")
    if cells.sum() > MOST_SAMPLES:
        raise _error(f"counts more than {MOST_SAMPLES} samples")
    return cells


def _scaled(
    cells: np.ndarray, scale: Scale, class_counts: Sequence[int] | Literal["equal"] | None
) -> tuple[np.ndarray, Known]:
    """Counts or shares as far as they are known: [truth, predicted]."""
    if scale != "rows":
        if class_counts is not None:
            raise _error("counts per class go with shares of rows", "leave them out")
        return cells, "counts" if scale == "counts" else "frequencies"
    shares = np.nan_to_num(quotient(cells, cells.sum(axis=1, keepdims=True)))
    if class_counts is None:
        return shares, "sensitivities"
    if class_counts == "equal":
        return shares, "frequencies"
    counts = np.asarray(class_counts, np.float64)
    if counts.shape != (len(cells),) or (counts < 0).any() or (counts != np.rint(counts)).any():
        raise _error(f"counts per class are {len(cells)} whole numbers", "one for each row")
    if ((counts > 0) & ~cells.any(axis=1)).any():
        raise _error("a class that has samples has an empty row")
    return _checked(np.rint(shares * counts[:, None]), "counts"), "counts"


def _metrics(sampling: _Sampling, cells: np.ndarray, known: Known) -> dict[str, Estimate]:
    """Those that the cells tell and that are defined."""
    if known == "counts":
        found = {"accuracy": proportion(int(cells.trace()), int(cells.sum()), confidence=sampling.confidence)}
        found |= {
            name: sampling.estimate(cells, metric(name).value) for name in MACRO if np.isfinite(_value(name, cells))
        }
        pair = skew_normalized(cells.astype(np.int64))
        found |= {name: Estimate(value=value) for name, value in zip(NORMALIZED, pair, strict=True)}
        return found
    if known == "sensitivities":
        return {"macro_recall": Estimate(value=_value("macro_recall", cells))}
    values = {name: _value(name, cells) for name in MACRO if name not in NEED_COUNTS}
    values = {"accuracy": float(cells.trace() / cells.sum())} | values
    return {name: Estimate(value=value) for name, value in values.items() if np.isfinite(value)}


def _value(name: str, cells: np.ndarray) -> float:
    return float(metric(name).value(margins(cells)))


def _rates(cells: np.ndarray, known: Known, place: int, name: str) -> ClassRates:
    found, called, present = cells[place, place], cells[:, place].sum(), cells[place].sum()
    sensitivity = found / present if present else None
    row = {"sensitivity": sensitivity, "miss_rate": None if sensitivity is None else 1 - sensitivity}
    if known == "sensitivities":
        return ClassRates(label=name, **row)
    precision = found / called if called else None
    return ClassRates(
        label=name,
        support=int(present) if known == "counts" else None,
        **row,
        precision=precision,
        false_discovery_rate=None if precision is None else 1 - precision,
        f1=2 * found / (called + present) if called + present else None,
    )


def _unknown(found: dict[str, Estimate], known: Known) -> dict[str, str]:
    def reason(name: str) -> str:
        if known == "sensitivities":
            return "needs the number of samples of each class, or that it is equal"
        if known == "frequencies" and name in NEED_COUNTS:
            return "needs the number of samples of each class"
        return "undefined: every label and every call is of one class"

    names = [name for name in ("accuracy", *MACRO, *NORMALIZED) if name not in found]
    names += ["precision_per_class", "f1_per_class"] if known == "sensitivities" else []
    return {name: reason(name) for name in names} | NEED_SCORES
