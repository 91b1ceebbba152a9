"""What the gate holds a variant to. A rule is one function and one row in `RULES`.

An accuracy budget that nobody measured is inconclusive. A latency budget that could not be judged is shown and
fails nothing, as no machine can measure everything (CoreML on Linux, for one).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field

from edgebench.frozen import Frozen
from edgebench.records.baseline import BaselineVariant
from edgebench.records.dataset import DatasetInfo
from edgebench.records.finding import Status
from edgebench.records.results import CRITERIA, Estimate, Latency, VariantResult
from edgebench.specs.model import Budgets
from edgebench.specs.variant import SOURCE
from edgebench.units import NOT_MEASURED, percent_text, points_text, ratio_text, score_text

ROUNDING = 1e-6
"""Sums of floats differ this much between processors without a single answer being another."""

EVALUATE = "run `edgebench evaluate`"
_MEASURE = "run `edgebench run` with more rounds on a quiet device"
_ACCEPT = "if this is meant, run `edgebench baseline` and commit the file"
KEEP = "run `edgebench baseline` to hold what was gained"
_WORST: tuple[Status, ...] = ("fail", "inconclusive", "not-measured", "pass")


class GateRules(Frozen):
    """How much worse than the baseline is still good."""

    growth_bytes: Annotated[int, Field(ge=0)] = 0
    growth_share: Annotated[float, Field(ge=0, le=100)] = 0.0
    allowed_loss: Annotated[float, Field(ge=0, le=1)] = Field(default=0.0, description="of accuracy, as a share")
    latency_ratio: Annotated[float, Field(gt=0)] = Field(default=1.05, description="over the baseline's artifact")


@dataclass(frozen=True)
class Case:
    """A variant and all that is known to judge it by.

    `side_by_side` is its latency over the baseline artifact's, both measured interleaved;
    `latency_asked` says that such measurements were made at all.
    """

    now: VariantResult
    budgets: Budgets | None
    base: BaselineVariant | None
    dataset: DatasetInfo | None
    rules: GateRules
    side_by_side: Estimate | None
    latency_asked: bool


class Outcome(NamedTuple):
    status: Status
    allowed: str
    found: str
    advice: str = ""


Rule = Callable[[Case], Outcome | None]


def max_bytes(case: Case) -> Outcome | None:
    limit, size = case.budgets.max_bytes if case.budgets else None, case.now.size_bytes
    if limit is None or case.now.format == SOURCE:
        return None
    allowed = f"at most {_bytes(limit)}"
    if size is None:
        return Outcome("not-measured", allowed, NOT_MEASURED, "run `edgebench quantize`")
    if size > limit:
        return Outcome("fail", allowed, _bytes(size), "take a smaller width or recipe, or raise budgets.max_bytes")
    return Outcome("pass", allowed, _bytes(size))


def max_accuracy_loss(case: Case) -> Outcome | None:
    if case.now.format == SOURCE or case.budgets is None:
        return None
    margin, drift = case.budgets.max_accuracy_loss, case.now.drift
    allowed = f"a loss of at most {points_text(margin).lstrip('+')}"
    if any(caveat.kind == "random-weights" for caveat in case.now.caveats):
        return None  # it has no accuracy to lose
    if drift is None:
        # Any machine can measure this one, so leaving it out is no way to pass.
        return Outcome("inconclusive", allowed, NOT_MEASURED, EVALUATE)
    if drift.margin != margin:
        found = f"judged against a margin of {points_text(drift.margin).lstrip('+')}"
        return Outcome("inconclusive", allowed, found, f"{EVALUATE} again: the budget has changed")
    advice = {
        "fail": "ship a recipe that passes, or raise budgets.max_accuracy_loss",
        "inconclusive": "evaluate on more images",
    }
    return Outcome(drift.verdict, allowed, drift.reason, advice.get(drift.verdict, ""))


def max_latency_ratio(case: Case) -> Outcome | None:
    limit = case.budgets.max_latency_ratio if case.budgets else None
    if limit is None or case.now.format == SOURCE or case.now.recipe == "fp32":
        return None
    allowed = f"at most {ratio_text(limit)} the fp32 latency"
    if not case.now.latency:
        return Outcome("not-measured", allowed, NOT_MEASURED, "run `edgebench run`")
    each = [_ratio_to_fp32(latency, limit) for latency in case.now.latency]
    worst = min((status for status, _ in each), key=_WORST.index)
    return Outcome(worst, allowed, "; ".join(found for _, found in each), _latency_advice(worst))


def baseline_size(case: Case) -> Outcome | None:
    if case.base is None or case.base.size_bytes is None:
        return None
    held, found = case.base.size_bytes, case.now.size_bytes
    limit = max(held + case.rules.growth_bytes, int(held * (1 + case.rules.growth_share)))
    allowed = f"at most {_bytes(limit)}"
    if found is None:
        return Outcome("not-measured", allowed, NOT_MEASURED, "run `edgebench quantize`")
    if found > limit:
        return Outcome("fail", allowed, f"{_bytes(found)}, {_bytes(found - held)} more than the baseline", _ACCEPT)
    return Outcome("pass", allowed, _bytes(found), KEEP if found < held else "")


def baseline_accuracy(case: Case) -> Outcome | None:
    held = case.base.scores if case.base else None
    criterion = next((name for name in CRITERIA if held and name in held.metrics), None)
    if held is None or criterion is None:
        return None
    floor = held.metrics[criterion] - case.rules.allowed_loss
    allowed = f"{criterion} of at least {_score(criterion, floor)} on {_images(held.dataset, held.samples)}"
    if not case.now.scores or not case.dataset or criterion not in case.now.scores.metrics:
        return Outcome("not-measured", allowed, NOT_MEASURED, EVALUATE)
    value, samples = case.now.scores.metrics[criterion].value, case.now.scores.samples
    found = f"{_score(criterion, value)} on {_images(case.dataset.name, samples)}"
    if (held.dataset_id, held.samples) != (case.dataset.id, samples):
        found += f" (set {case.dataset.id[:12]}, the baseline's is {held.dataset_id[:12]})"
        return Outcome("inconclusive", allowed, found, "evaluate on the baseline's images, or make a new baseline")
    if value < floor - ROUNDING:
        return Outcome("fail", allowed, found, f"undo what changed the model; {_ACCEPT}")
    return Outcome("pass", allowed, found, KEEP if value > held.metrics[criterion] + ROUNDING else "")


def baseline_int8_operators(case: Case) -> Outcome | None:
    held = case.base.compute_int8 if case.base else None
    if not held:
        return None
    allowed = f"at least {held} convolutions and matrix products in int8"
    if case.now.operators is None:
        return Outcome("not-measured", allowed, NOT_MEASURED, "run `edgebench quantize`")
    found = f"{case.now.operators.compute_int8} of {case.now.operators.compute}"
    if case.now.operators.compute_int8 < held:
        return Outcome("fail", allowed, found, f"see which stayed in float with `edgebench inspect`; {_ACCEPT}")
    return Outcome("pass", allowed, found, KEEP if case.now.operators.compute_int8 > held else "")


def baseline_latency(case: Case) -> Outcome | None:
    if not case.latency_asked or case.base is None or case.now.format == SOURCE or case.now.reference_executed:
        return None
    limit, ratio = case.rules.latency_ratio, case.side_by_side
    allowed = f"at most {ratio_text(limit)} the baseline's latency"
    if case.now.sha256 == case.base.sha256:
        return Outcome("pass", allowed, "the same bytes")
    if ratio is None:
        return Outcome("not-measured", allowed, NOT_MEASURED, "measure it beside the baseline's artifact")
    status = _against(ratio, limit)
    return Outcome(status, allowed, _interval(ratio), _latency_advice(status))


RULES: dict[str, Rule] = {
    "budget.max_bytes": max_bytes,
    "budget.max_accuracy_loss": max_accuracy_loss,
    "budget.max_latency_ratio": max_latency_ratio,
    "baseline.size": baseline_size,
    "baseline.accuracy": baseline_accuracy,
    "baseline.int8_operators": baseline_int8_operators,
    "baseline.latency": baseline_latency,
}


def _ratio_to_fp32(latency: Latency, limit: float) -> tuple[Status, str]:
    threads = f"with {latency.threads} thread{'s' if latency.threads > 1 else ''}"
    if latency.ratio_to_fp32 is None:
        return "not-measured", f"fp32 was not measured beside it {threads}"
    return _against(latency.ratio_to_fp32, limit), f"{_interval(latency.ratio_to_fp32)} {threads}"


def _against(ratio: Estimate, limit: float) -> Status:
    """By the whole interval; without one, nothing is certain."""
    if ratio.low is None or ratio.high is None:
        return "inconclusive"
    if ratio.high <= limit:
        return "pass"
    return "fail" if ratio.low > limit else "inconclusive"


def _latency_advice(status: Status) -> str:
    return {"pass": "", "fail": "see the report for where the time goes, or take another recipe"}.get(status, _MEASURE)


def _interval(ratio: Estimate) -> str:
    if ratio.low is None or ratio.high is None:
        return f"{ratio_text(ratio.value)} (no interval)"
    return f"{ratio_text(ratio.value)} [{ratio_text(ratio.low)}, {ratio_text(ratio.high)}]"


def _bytes(size_bytes: int) -> str:
    """To the byte: a gate that is exact must show why."""
    return f"{size_bytes:,} B"


def _score(criterion: str, value: float) -> str:
    return percent_text(value, 2) if criterion == "accuracy" else score_text(value)


def _images(dataset: str, samples: int) -> str:
    return f"{samples} images of {dataset}"
