"""The gate: results against the budgets of the models and against a baseline. Pure functions of records.

What the baseline holds and was not measured again fails: a check that measures less must not pass for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgebench.gate.rules import EVALUATE, KEEP, RULES, Case, GateRules, Outcome
from edgebench.records.baseline import Baseline, BaselineScores, BaselineVariant
from edgebench.records.dataset import DatasetInfo
from edgebench.records.finding import Finding, GateResult
from edgebench.records.results import Estimate, Results, VariantResult
from edgebench.specs.model import Budgets
from edgebench.specs.variant import SOURCE

__all__ = ["GateRules", "absent", "judge", "make_baseline"]


def judge(
    results: Results,
    baseline: Baseline | None,
    *,
    budgets: Mapping[str, Budgets],
    rules: GateRules | None = None,
    side_by_side: Mapping[str, Estimate] | None = None,
) -> GateResult:
    """One finding for each rule that is about a variant.

    Args:
        budgets: by model; a model that is not in it has none.
        side_by_side: variant -> latency over that of the baseline's artifact, measured interleaved with it.
            None: latency is not held against the baseline.
    """
    held = baseline.variants if baseline else {}
    findings = []
    for now in results.variants:
        case = Case(
            now=now,
            budgets=budgets.get(now.model),
            base=held.get(now.variant),
            dataset=results.dataset,
            rules=rules or GateRules(),
            side_by_side=(side_by_side or {}).get(now.variant),
            latency_asked=side_by_side is not None,
        )
        findings += [_finding(name, now.variant, outcome) for name, rule in RULES.items() if (outcome := rule(case))]
    names = {now.variant for now in results.variants}
    findings += [_missing(name) for name in sorted(held) if name not in names]
    new = sorted(names - held.keys()) if baseline else []
    return GateResult(findings=tuple(findings), notes=tuple(f"{name} is not in the baseline: {KEEP}" for name in new))


def absent(model: str, baseline: Baseline | None, *, why: str) -> GateResult:
    """Of a model without results: it fails for what the baseline holds of it, and never passes unseen."""
    held = baseline.of_models((model,)).variants if baseline else {}
    if held:
        return GateResult(findings=tuple(_missing(name, why) for name in sorted(held)))
    finding = Finding(
        rule="model.measured",
        variant=model,
        status="not-measured",
        allowed="a spec, weights and artifacts of them",
        found=why,
        advice=f"see `edgebench models validate {model}`, then {EVALUATE}",
    )
    return GateResult(findings=(finding,))


def make_baseline(results: Results) -> Baseline:
    """What `judge` will hold later results against."""
    return Baseline(variants={now.variant: _held(now, results.dataset) for now in results.variants})


def _finding(rule: str, variant: str, outcome: Outcome) -> Finding:
    required = rule.startswith("baseline.")
    return Finding(rule=rule, variant=variant, required=required, **outcome._asdict())


def _missing(variant: str, why: str = "not in these results") -> Finding:
    return Finding(
        rule="baseline.missing",
        variant=variant,
        status="not-measured",
        allowed="measured, as the baseline holds it",
        found=why,
        advice="make and measure it, or let it go by `edgebench baseline` (with --drop where its spec is gone)",
        required=True,
    )


def _held(now: VariantResult, dataset: DatasetInfo | None) -> BaselineVariant:
    scores = None
    if now.scores and dataset:
        scores = BaselineScores(
            dataset=dataset.name,
            dataset_id=dataset.id,
            samples=now.scores.samples,
            metrics={name: estimate.value for name, estimate in now.scores.metrics.items()},
        )
    return BaselineVariant(
        sha256=now.sha256,
        size_bytes=None if now.format == SOURCE else now.size_bytes,
        compute_int8=now.operators.compute_int8 if now.operators else None,
        scores=scores,
    )
