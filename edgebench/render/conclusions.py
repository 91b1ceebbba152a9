"""What the numbers say, one sentence at a time. Each sentence holds only what the records hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edgebench.records.results import Estimate, Latency, Results, VariantResult
from edgebench.render.criterion import Criterion, criterion_of
from edgebench.render.names import is_source, kind, thread_counts, threads_text
from edgebench.units import bytes_text, ms_text, ratio_text


def conclusions(results: Results) -> tuple[str, ...]:
    """The verdicts counted, then one sentence per model on what to ship."""
    judged = [v for v in results.variants if v.drift]
    if not judged:
        return ("No variant was compared with its source model, so none is recommended.",)
    models = dict.fromkeys(v.model for v in judged)
    advisor = _Advisor(criterion_of(results), several=len(thread_counts(results)) > 1)
    return (_counted(judged, advisor.criterion), *(advisor.of(m, [v for v in judged if v.model == m]) for m in models))


def passing(variants: Sequence[VariantResult]) -> list[VariantResult]:
    """The variants whose drift stays within their margin."""
    return [v for v in variants if v.drift and v.drift.verdict == "pass" and not is_source(v)]


def fastest(variants: Sequence[VariantResult]) -> tuple[VariantResult, Latency] | None:
    timed = [(v, latency) for v in variants for latency in v.latency]
    return min(timed, key=lambda pair: pair[1].median_ms.value, default=None)


def smallest(variants: Sequence[VariantResult]) -> VariantResult | None:
    sized = [v for v in variants if v.size_bytes is not None]
    return min(sized, key=lambda v: v.size_bytes or 0, default=None)


def _counted(judged: Sequence[VariantResult], criterion: Criterion) -> str:
    counts = Counter(v.drift.verdict for v in judged if v.drift)
    keep = "variant keeps its" if len(judged) == 1 else "variants keep their"
    parts = [f"{counts['pass']} of {len(judged)} {keep} source model's {criterion.title} within the margin"]
    if counts["fail"]:
        parts.append(f"{counts['fail']} {'does' if counts['fail'] == 1 else 'do'} not")
    if counts["inconclusive"]:
        parts.append(f"{counts['inconclusive']} cannot be decided with this many images")
    return "; ".join(parts) + "."


@dataclass(frozen=True)
class _Advisor:
    criterion: Criterion
    several: bool
    """Whether there are latencies at several thread counts, so that each must say its own."""

    def of(self, model: str, variants: Sequence[VariantResult]) -> str:
        good = passing(variants)
        if not good:
            return f"{model}: no variant is shown to pass its drift margin."
        quick, small = fastest(good), smallest(good)
        parts = []
        if quick:
            lead = "the fastest and the smallest" if quick[0] is small else "the fastest"
            parts.append(f"{lead} is {self.timed(*quick)}{_rivals(*quick, good)}")
        if small and not (quick and quick[0] is small):
            parts.append(f"the smallest is {kind(small)} ({', '.join(self.facts(small))})")
        if not quick:
            parts.append("none of them has a latency")
        return f"{model}: of those that pass, {'; '.join(parts)}."

    def timed(self, variant: VariantResult, latency: Latency) -> str:
        at = f" at {threads_text(latency.threads)}" if self.several else ""
        facts = [ms_text(latency.median_ms.value)]
        if latency.ratio_to_fp32 and variant.recipe != "fp32":
            facts.append(f"{ratio_text(latency.ratio_to_fp32.value)} of fp32")
        return f"{kind(variant)}{at} ({', '.join(facts + self.facts(variant))})"

    def facts(self, variant: VariantResult) -> list[str]:
        facts = [] if variant.size_bytes is None else [bytes_text(variant.size_bytes)]
        if delta := self.criterion.delta(variant):
            facts.append(f"{self.criterion.title} {self.criterion.change_text(delta.value)}")
        return facts


def _rivals(variant: VariantResult, latency: Latency, good: Sequence[VariantResult]) -> str:
    """The variants whose latency intervals overlap that of the fastest."""
    close = [kind(other) for other in good if other is not variant and _as_fast(other, latency)]
    return f", not told apart in speed from {_listed(close)}" if close else ""


def _as_fast(variant: VariantResult, latency: Latency) -> bool:
    return any(_overlap(other.median_ms, latency.median_ms) for other in variant.latency)


def _overlap(a: Estimate, b: Estimate) -> bool:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return False
    return a.low <= b.high and b.low <= a.high


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
