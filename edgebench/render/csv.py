"""results.csv: flat, one row per variant and thread count, units in the names of the columns.

A quantity that was not measured is an empty cell. Shares and scores are plain numbers, 0.71 for 71 %.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from edgebench.records.pipeline_timing import STAGES
from edgebench.records.results import DeviceAnswers, Drift, Estimate, Latency, Results, VariantResult
from edgebench.render.tables import caveats_of

Value = str | int | float | bool | None
ACTIVE = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run as a formula (OWASP, "CSV injection")."""


def render(results: Results) -> bytes:
    rows = [_row(results, variant, latency) for variant in results.variants for latency in variant.latency or (None,)]
    columns = list(dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue().encode()


def _row(results: Results, variant: VariantResult, latency: Latency | None) -> dict[str, Value]:
    return (
        _identity(results, variant)
        | _size(variant)
        | _scores(variant)
        | _drift(variant.drift)
        | _front(variant)
        | _latency(latency)
        | _frame_rates(variant, latency)
        | _soaks(variant, latency)
        | _answers(variant.answers)
        | {"caveats": "; ".join(dict.fromkeys(caveat.kind for caveat in caveats_of(variant)))}
    )


def _identity(results: Results, variant: VariantResult) -> dict[str, Value]:
    data, device = results.dataset, results.device
    return {
        "variant": variant.variant,
        "model": variant.model,
        "format": variant.format,
        "recipe": variant.recipe,
        "sha256": variant.sha256,
        "dataset": data.name if data else None,
        "dataset_synthetic": data.synthetic if data else None,
        "dataset_id": data.id if data else None,
        "device": device.name if device else None,
        "device_emulated": device.emulated if device else None,
        "measured_at": results.measured_at,
    }


def _size(variant: VariantResult) -> dict[str, Value]:
    found = variant.operators
    return {
        "size_bytes": variant.size_bytes,
        "size_ratio_to_fp32": variant.size_ratio_to_fp32,
        "operators": found.total if found else None,
        "operators_int8": found.int8 if found else None,
        "operators_compute": found.compute if found else None,
        "operators_compute_int8": found.compute_int8 if found else None,
        "parity_max_abs": variant.parity,
        "reference_executed": variant.reference_executed,
    }


def _scores(variant: VariantResult) -> dict[str, Value]:
    if variant.scores is None:
        return {}
    return {"scored_images": variant.scores.samples} | _estimates(variant.scores.metrics.items())


def _drift(drift: Drift | None) -> dict[str, Value]:
    if drift is None:
        return {}
    found: dict[str, Value] = {
        "drift_verdict": drift.verdict,
        "drift_reason": drift.reason,
        "drift_margin": drift.margin,
        "drift_lost_images": drift.lost,
        "drift_gained_images": drift.gained,
        "drift_flipped_images": drift.flips,
        "drift_mcnemar_p": drift.p_value,
    }
    return found | _estimates((f"delta_{name}", delta) for name, delta in drift.deltas.items())


def _front(variant: VariantResult) -> dict[str, Value]:
    return {
        "on_front": variant.on_front,
        "front_probability": variant.front_probability,
        "on_front_with_size": variant.on_front_with_size,
        "front_probability_with_size": variant.front_probability_with_size,
    }


def _latency(latency: Latency | None) -> dict[str, Value]:
    if latency is None:
        return {}
    found: dict[str, Value] = {
        "threads": latency.threads,
        "runtime": latency.runtime,
        "runtime_version": latency.runtime_version,
        "latency_p90_at_most_ms": latency.p90_ms,
        "latency_p99_at_most_ms": latency.p99_ms,
        "fps": latency.fps,
        "load_ms": latency.load_ms,
        "first_inference_ms": latency.first_ms,
        "peak_rss_bytes": latency.peak_rss_bytes,
        "power_w": latency.power.mean_w if latency.power else None,
        "inference_j": latency.power.inference_j if latency.power else None,
        "invocations": latency.invocations,
        "blocks": len(latency.blocks),
        "disturbed_blocks": sum(bool(block.disturbed) for block in latency.blocks),
        "job": latency.job,
    }
    ratio = latency.ratio_to_fp32
    return found | _estimates([("latency_median_ms", latency.median_ms), ("latency_ratio_to_fp32", ratio)])


def _frame_rates(variant: VariantResult, latency: Latency | None) -> dict[str, Value]:
    """Of each detector the run asked for last, at the row's thread count."""
    found: dict[str, Value] = {}
    for rate in variant.frame_rates:
        if latency is None or rate.threads == latency.threads:
            width = "" if rate.detector.width is None else f"_{rate.detector.width}"
            of = f"frames_{rate.detector.name}{width}"
            found |= {f"{of}_source": rate.frames.name, f"{of}_fps": rate.fps, f"{of}_with_face_ms": rate.with_face_ms}
            found |= _estimates([(f"{of}_ms", rate.frame_ms)])
            found |= {f"{of}_{stage}_ms": rate.stages_ms.get(stage) for stage in STAGES}
    return found


def _answers(found: DeviceAnswers | None) -> dict[str, Value]:
    if found is None:
        return {}
    return {
        "answers_held_against": found.held_against,
        "answers_same": found.same,
        "answers_exact": found.exact,
        "answers_largest_difference": found.largest_difference,
        "answers_allowed_difference": found.allowed_difference,
    }


def _soaks(variant: VariantResult, latency: Latency | None) -> dict[str, Value]:
    """At the row's thread count."""
    found: dict[str, Value] = {}
    for soak in variant.soaks:
        if latency is None or soak.threads == latency.threads:
            found |= {"soak_s": soak.duration_s, "burst_ms": soak.burst_ms, "sustained_ms": soak.sustained_ms}
    return found


def _estimates(found: Iterable[tuple[str, Estimate | None]]) -> dict[str, Value]:
    """Three columns per estimate: the value and both ends of its interval."""
    return {
        f"{name}{end}": getattr(estimate, field, None)
        for name, estimate in found
        for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
    }


def _cell(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(ACTIVE) else value
