"""Which variants are worth considering: those that no other beats in everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebench.errors import UsageError

_CHUNK = 1 << 22
"""Comparisons held at a time."""


def front(points: np.ndarray, *, maximize: Sequence[bool]) -> np.ndarray:
    """Points that no other point dominates: as good in every objective, and better in one.

    Equal points do not dominate each other, so they are on the front together or not at all. A point
    with NaN in an objective was not measured there and is on no front.

    Args:
        points: [..., variants, objectives].
        maximize: for each objective, whether more is better (accuracy) or less (latency, bytes).

    Returns:
        bool [..., variants].
    """
    points = np.asarray(points, np.float64)
    if points.shape[-1] != len(maximize):
        raise UsageError(f"{points.shape[-1]} objectives, but {len(maximize)} directions", subject="Pareto front")
    merit = points * np.where(maximize, 1.0, -1.0)
    rival, own = merit[..., None, :, :], merit[..., :, None, :]
    dominated = ((rival >= own).all(axis=-1) & (rival > own).any(axis=-1)).any(axis=-1)
    return np.asarray(~dominated & ~np.isnan(points).any(axis=-1))


def front_probability(draws: Sequence[np.ndarray], *, maximize: Sequence[bool]) -> np.ndarray:
    """Share of resamples in which each variant is on the front: [variants].

    Args:
        draws: one array [resamples, variants] per objective; [1, variants] for one that is exact, as
            bytes are. Row i of each holds one resample, drawn jointly for all variants: images by
            `drift.judge` (or `metrics.sampling.sample`), rounds by `latency.median_draws`.
        maximize: as in `front`.
    """
    objectives = np.stack(np.broadcast_arrays(*draws), axis=-1)
    variants = objectives.shape[1]
    rows = max(1, _CHUNK // (variants * variants * len(draws)))
    counts = np.zeros(variants)
    for start in range(0, len(objectives), rows):
        counts += front(objectives[start : start + rows], maximize=maximize).sum(axis=0)
    return np.asarray(counts / len(objectives))
