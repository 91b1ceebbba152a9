"""Results as the gate takes them, built from the numbers that a test is about."""

from __future__ import annotations

from typing import Any

from edgebench.gate import judge, make_baseline
from edgebench.records.artifact import Operators
from edgebench.records.dataset import DatasetInfo
from edgebench.records.finding import Finding, GateResult
from edgebench.records.results import Drift, Estimate, Latency, Results, Scores, VariantResult
from edgebench.specs.model import Budgets

ID = "net.tflite-int8"


def faces(identity: str = "f" * 64, name: str = "faces") -> DatasetInfo:
    return DatasetInfo(
        name=name,
        id=identity,
        split="validation",
        layout="2017",
        synthetic=True,
        samples=800,
        per_class={},
        valence_arousal_samples=0,
    )


def scored(value: float = 0.7, *, samples: int = 800, metric: str = "accuracy") -> Scores:
    return Scores(samples=samples, metrics={metric: Estimate(value=value), "log_loss": Estimate(value=1.0)})


def operators(int8: int = 27) -> Operators:
    return Operators(total=60, int8=int8, float=33, compute=28, compute_int8=int8, by_type={})


def drifted(verdict: str, margin: float = 0.02) -> Drift:
    return Drift(
        reference="net.source",
        samples=800,
        lost=9,
        gained=1,
        p_value=0.02,
        flips=10,
        flips_by_class={},
        deltas={"accuracy": Estimate(value=-0.01, low=-0.018, high=-0.002)},
        margin=margin,
        verdict=verdict,
        reason="loses 1.00 pt",
    )


def timed(ratio: Estimate | None, threads: int = 1) -> Latency:
    return Latency(
        job="j",
        threads=threads,
        runtime="litert",
        runtime_version="2",
        median_ms=Estimate(value=0.5),
        p90_ms=None,
        p99_ms=None,
        fps=2000,
        load_ms=1,
        first_ms=1,
        peak_rss_bytes=1,
        invocations=30,
        ratio_to_fp32=ratio,
        conditions={},
        blocks=(),
    )


def ratio(low: float | None, high: float | None, value: float = 0.5) -> Estimate:
    return Estimate(value=value, low=low, high=high)


def row(variant: str = ID, **changes: Any) -> VariantResult:
    model, _, kind = variant.rpartition(".")
    format_, _, recipe = kind.partition("-")
    given: dict[str, Any] = {
        "variant": variant,
        "model": model,
        "format": format_,
        "recipe": recipe or format_,
        "sha256": "a" * 64,
        "size_bytes": 985_000,
        "size_ratio_to_fp32": None,
        "operators": operators(),
        "parity": None,
        "calibration": None,
        "scores": scored(),
        "drift": drifted("pass"),
        "latency": (),
    }
    return VariantResult(**given | changes)


def results(*rows: VariantResult, dataset: DatasetInfo | None = None) -> Results:
    return Results(
        edgebench="0.1.0",
        title="t",
        dataset=dataset or faces(),
        device=None,
        measured_at=None,
        variants=rows,
        command="edgebench check",
    )


def found(result: GateResult, rule: str) -> Finding:
    (finding,) = [finding for finding in result.findings if finding.rule == rule]
    return finding


def rules_of(result: GateResult) -> set[str]:
    return {finding.rule for finding in result.findings}


def budget(now: VariantResult, rule: str, **budgets: Any) -> Finding:
    return found(judge(results(now), None, budgets={"net": Budgets(**budgets)}), rule)


def against(base: VariantResult, now: VariantResult, rule: str, **options: Any) -> Finding:
    baseline = make_baseline(results(base))
    dataset = options.pop("dataset", None)
    return found(judge(results(now, dataset=dataset), baseline, budgets={}, **options), rule)
