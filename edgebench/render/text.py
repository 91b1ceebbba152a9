"""Numbers with their intervals, as every report writes them."""

from __future__ import annotations

from collections.abc import Callable

from edgebench.records.results import Estimate
from edgebench.units import NOT_MEASURED

ABBREVIATIONS = frozenset({"auc", "ccc", "f1", "icc", "pcc", "pr", "rmse", "roc", "sagr"})


def estimate_text(estimate: Estimate | None, unit: Callable[[float], str]) -> str:
    """The value, then its interval in brackets."""
    if estimate is None:
        return NOT_MEASURED
    return f"{unit(estimate.value)} {interval_text(estimate, unit)}".rstrip()


def metric_title(name: str) -> str:
    """A metric's name as people write it, such as `CCC valence` or `macro F1`."""
    return " ".join(word.upper() if word in ABBREVIATIONS else word for word in name.split("_"))


def interval_text(estimate: Estimate | None, unit: Callable[[float], str]) -> str:
    """`[low, high]`, without the unit that the value beside it has; empty where there is no interval."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"[{unit(estimate.low).partition(' ')[0]}, {unit(estimate.high).partition(' ')[0]}]"
