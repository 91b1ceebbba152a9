"""How far several annotators agree: the ceiling of what a model can be asked to reach.

Means over pairs of annotators, each on the samples that both labelled, as of Mollahosseini et al. (2019)
for AffectNet and Vadlejch (2021), and Krippendorff's alpha over all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

import numpy as np

from edgebench.errors import DataError, NothingMeasured
from edgebench.metrics import metrics_of
from edgebench.metrics.agreement import cohens_kappa, margins
from edgebench.specs.model import ValenceArousalHead

_AFFECT = ValenceArousalHead(kind="valence_arousal", name="annotators")


def expression_agreement(labels: np.ndarray) -> dict[str, float]:
    """Agreement on classes.

    Args:
        labels: whole numbers [annotators, samples], -1 where an annotator gave none.

    Returns:
        `accuracy` in [0, 1] and `cohens_kappa` in [-1, 1] (Light 1971), means over pairs, and
        `krippendorff_alpha` in [-1, 1], nominal. One that is undefined is left out.

    Raises:
        DataError: `labels` is not of two or more annotators.
        NothingMeasured: no two annotators labelled the same sample.
    """
    _several(labels, dimensions=2)
    classes = max(int(labels.max(initial=-1)) + 1, 1)
    matrices = [
        np.bincount(one * classes + other, minlength=classes**2).reshape(classes, classes)
        for one, other in _pairs(labels, labels >= 0)
    ]
    return _defined(
        {
            "accuracy": [matrix.trace() / matrix.sum() for matrix in matrices],
            "cohens_kappa": [float(cohens_kappa(margins(matrix))) for matrix in matrices],
            "krippendorff_alpha": [alpha(np.where(labels < 0, np.nan, labels), level="nominal")],
        }
    )


def affect_agreement(labels: np.ndarray) -> dict[str, float]:
    """Agreement on valence and arousal.

    Args:
        labels: float [annotators, samples, 2] in [-1, 1], NaN where an annotator gave none.

    Returns:
        Every metric of valence and arousal (RMSE, SAGR, CCC, ...), means over pairs, and
        `krippendorff_alpha_valence` and `_arousal` in [-1, 1], interval. One that is undefined is left out.

    Raises:
        DataError: `labels` is not of two or more annotators.
        NothingMeasured: no two annotators labelled the same sample.
    """
    _several(labels, dimensions=3)
    pairs = list(_pairs(labels, ~np.isnan(labels).any(axis=2)))
    found = {
        metric.name: [np.nan if (value := metric.of(one, other)) is None else value for one, other in pairs]
        for metric in metrics_of(_AFFECT)
    }
    for axis, name in enumerate(("valence", "arousal")):
        found[f"krippendorff_alpha_{name}"] = [alpha(labels[:, :, axis], level="interval")]
    return _defined(found)


def alpha(values: np.ndarray, *, level: Literal["nominal", "ordinal", "interval", "ratio"]) -> float:
    """Krippendorff's alpha (2011) at a level of measurement, at most 1, 0 by chance; NaN where all values that
    another annotator answers are equal.

    Args:
        values: float [annotators, samples], NaN where an annotator gave none.
    """
    import krippendorff

    # Of samples with one annotator alone nothing is compared.
    several = values[:, (~np.isnan(values)).sum(axis=0) > 1]
    given = several[~np.isnan(several)]
    if not given.size or (given == given[0]).all():
        return np.nan
    return float(krippendorff.alpha(reliability_data=values, level_of_measurement=level))


def _several(labels: np.ndarray, *, dimensions: int) -> None:
    if labels.ndim != dimensions or len(labels) < 2:
        raise DataError(
            f"labels have the shape {labels.shape}",
            subject="annotators",
            fix="give one row of labels for each of two or more annotators",
        )


def _pairs(labels: np.ndarray, there: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Labels of each two annotators on the samples that both labelled, where there are any."""
    shared = [(one, other, there[one] & there[other]) for one, other in combinations(range(len(labels)), 2)]
    if not any(both.any() for _, _, both in shared):
        raise NothingMeasured("no two annotators labelled the same sample", subject="annotators")
    for one, other, both in shared:
        if both.any():
            yield labels[one][both], labels[other][both]


def _defined(found: dict[str, list[float]]) -> dict[str, float]:
    """Means over the pairs for which a metric is defined."""
    finite = {name: [value for value in values if np.isfinite(value)] for name, values in found.items()}
    return {name: float(np.mean(values)) for name, values in finite.items() if values}
