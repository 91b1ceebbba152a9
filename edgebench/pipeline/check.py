"""`edgebench check` and `edgebench baseline`: what the store holds, held against budgets and a baseline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from edgebench.errors import NothingMeasured
from edgebench.gate import GateRules, judge, make_baseline
from edgebench.pipeline.collect import Shelf
from edgebench.pipeline.measure import measure_artifacts
from edgebench.pipeline.results import gather
from edgebench.pipeline.workspace import Workspace, names
from edgebench.records.artifact import Artifact
from edgebench.records.baseline import Baseline, read_baseline, write_baseline
from edgebench.records.finding import GateResult
from edgebench.records.measurement import Block
from edgebench.records.results import Estimate, Results
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.specs.variant import model_of


def check(
    workspace: Workspace,
    models: str | Sequence[str] = (),
    *,
    baseline: Path | None = None,
    rules: GateRules = GateRules(),
    latency_device: str | None = None,
    data: DataSettings = DataSettings(),
    settings: BenchSettings = BenchSettings(),
) -> GateResult:
    """Judges what was measured last.

    Args:
        baseline: a file of `edgebench baseline`; without one only the budgets of the specs are judged.
        latency_device: measure each changed artifact there, interleaved with the baseline's.
    """
    held = read_baseline(baseline) if baseline else None
    if held and models:
        held = held.of_models(names(models))
    try:
        results = gather(workspace, _models(models, held), dataset=_dataset_of(held))
    except NothingMeasured:
        return GateResult(findings=())
    side_by_side = None
    if held and latency_device:
        side_by_side = _side_by_side(workspace, results, held, latency_device, data, settings)
    budgets = {model: workspace.model(model).budgets for model in {row.model for row in results.variants}}
    return judge(results, held, budgets=budgets, rules=rules, side_by_side=side_by_side)


def write_baseline_of(workspace: Workspace, models: str | Sequence[str], path: Path) -> Baseline:
    """Writes what the store holds about these models (default: all) as the new baseline.

    Other models that an existing file holds stay in it.
    """
    baseline = make_baseline(gather(workspace, models))
    if path.exists():
        baseline = read_baseline(path).updated(baseline)
    write_baseline(path, baseline)
    return baseline


def _models(models: str | Sequence[str], held: Baseline | None) -> str | Sequence[str]:
    """The models asked for, else those of the baseline, else all."""
    return models or sorted({model_of(name) for name in held.variants} if held else ())


def _dataset_of(held: Baseline | None) -> str | None:
    """The data set of the baseline: what it holds can be judged on that one only."""
    scores = [each.scores for each in held.variants.values() if each.scores] if held else []
    return scores[0].dataset_id if scores else None


def _side_by_side(
    workspace: Workspace, results: Results, held: Baseline, device: str, data: DataSettings, settings: BenchSettings
) -> dict[str, Estimate]:
    """Latency of each changed artifact over the baseline's, both in one interleaved job."""
    from edgebench.latency import paired_ratio

    artifacts = {artifact.blob: artifact for artifact in Shelf.read(workspace).artifacts}
    pairs: dict[str, tuple[Artifact, Artifact]] = {}
    for row in results.variants:
        old = held.variants.get(row.variant)
        if old and old.sha256 != row.sha256 and old.sha256 in artifacts and row.sha256 in artifacts:
            pairs[row.variant] = artifacts[row.sha256], artifacts[old.sha256]
    told_apart = {old.blob: f"{old.variant}@baseline" for _, old in pairs.values()}
    try:
        measured = measure_artifacts(
            workspace,
            [artifact for pair in pairs.values() for artifact in pair],
            device=device,
            data=data,
            settings=settings,
            names=told_apart,
        )
    except NothingMeasured:  # nothing changed, or nothing of it runs there: the gate says which
        return {}
    series: dict[tuple[str, int], list[Block]] = defaultdict(list)
    for block in measured.blocks:
        series[block.variant, block.threads].append(block)
    ratios: dict[str, list[Estimate]] = defaultdict(list)
    for (variant, threads), blocks in series.items():
        if base := series.get((f"{variant}@baseline", threads)):
            ratios[variant].append(paired_ratio(blocks, base))
    # With several thread counts the worst one is judged.
    return {variant: max(found, key=lambda ratio: ratio.value) for variant, found in ratios.items()}
