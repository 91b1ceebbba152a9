"""`edgebench check` and `edgebench baseline`: what the store holds, held against budgets and a baseline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from edgebench.errors import EdgebenchError, NothingMeasured, UnknownName, UsageError
from edgebench.gate import GateRules, absent, judge, make_baseline
from edgebench.pipeline.findings.collect import Holding, Shelf
from edgebench.pipeline.findings.results import join
from edgebench.pipeline.measure import measure_artifacts
from edgebench.pipeline.workspace import Workspace, names
from edgebench.records.artifact import Artifact
from edgebench.records.baseline import Baseline, read_baseline, write_baseline
from edgebench.records.dataset import DatasetInfo
from edgebench.records.finding import GateResult
from edgebench.records.measurement import Block
from edgebench.records.results import Estimate, Results, VariantResult
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.specs.device import DeviceSpec


class Written(NamedTuple):
    """A baseline file: what it holds now, the images that each model's scores in it were found on, the variants
    it let go, and the models that were left as they were -> why."""

    baseline: Baseline
    judged_on: dict[str, DatasetInfo]
    let_go: tuple[str, ...]
    left_out: dict[str, str]


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
    """Judges what was asked for last: each model's artifacts, and their scores on the images of the baseline,
    where they were evaluated on those, else on the set they were evaluated on last.

    Args:
        baseline: a file of `edgebench baseline`; without one only the budgets of the specs are judged.
        latency_device: measure each changed artifact there, interleaved with the baseline's.
        data: images for that measurement.
    """
    held = read_baseline(baseline) if baseline else None
    if held and models:
        held = held.of_models(names(models))
    if latency_device:
        _require_real(workspace.device(latency_device))  # whatever there is to measure
    found = _last_asked(workspace, models or (held.models if held else ()), held, strict=bool(models))
    if not found.results and not found.left_out:
        return GateResult(findings=())
    side_by_side = None
    if held and latency_device:
        rows = [row for results in found.results.values() for row in results.variants]
        side_by_side = _side_by_side(workspace, rows, held, latency_device, data, settings)
    judged = [
        judge(
            results,
            held.of_models((model,)) if held else None,
            budgets={model: workspace.model(model).budgets},
            rules=rules,
            side_by_side=side_by_side,
        )
        for model, results in found.results.items()
    ]
    judged += [absent(model, held, why=why) for model, why in found.left_out.items()]
    return GateResult(
        findings=tuple(finding for part in judged for finding in part.findings),
        notes=(*_judged_on(found.results), *(note for part in judged for note in part.notes)),
    )


def _require_real(spec: DeviceSpec) -> None:
    if spec.emulated:
        raise UsageError("is emulated, so that its times mean nothing", subject=spec.name, fix="name a real device")


def write_baseline_of(workspace: Workspace, models: str | Sequence[str], path: Path, *, drop: bool = False) -> Written:
    """Writes what was asked for last of these models (default: all) as the new baseline, each model with its
    scores on the set that it was evaluated on last.

    All that an existing file holds of these models is replaced; other models stay in it.

    Args:
        drop: let go of scores that the file holds and that the new results lack, and of models that cannot be
            measured any more, for want of a spec or weights.

    Raises:
        UsageError: there are such scores.
    """
    found = _last_asked(workspace, models)
    if not found.results:
        raise NothingMeasured("the store holds nothing about these models", fix="run `edgebench evaluate` first")
    old = read_baseline(path) if path.exists() else Baseline(variants={})
    new = Baseline(variants={})
    for results in found.results.values():
        new = new.updated(make_baseline(results))
    if not drop and (lost := old.scores_lost_in(new)):
        raise UsageError(
            f"holds scores that were not measured again: {', '.join(lost)}",
            subject=str(path),
            fix="run `edgebench evaluate` on their images first, or say --drop to let them go",
        )
    gone = {model for model in old.models if drop and (model in found.left_out or not _has_spec(workspace, model))}
    updated = old.without(gone).updated(new)
    write_baseline(path, updated)
    return Written(
        updated,
        _images(found.results),
        tuple(sorted(old.variants.keys() - updated.variants.keys())),
        {model: why for model, why in found.left_out.items() if model not in gone},
    )


def _has_spec(workspace: Workspace, model: str) -> bool:
    try:
        workspace.model(model)
    except UnknownName:
        return False
    except EdgebenchError:
        return True  # a broken one is there to be mended
    return True


class _Found(NamedTuple):
    """Each model's own results, and the models without any -> why."""

    results: dict[str, Results]
    left_out: dict[str, str]


def _last_asked(
    workspace: Workspace, models: str | Sequence[str], held: Baseline | None = None, *, strict: bool = True
) -> _Found:
    shelf = Shelf.read(workspace)
    try:
        holdings, left_out = shelf.holdings(workspace, models, strict=strict)
    except NothingMeasured:
        return _Found({}, {})
    found = _Found({}, left_out)
    for holding in holdings:
        model = holding.spec.name
        if holding.artifacts:
            dataset = _dataset(shelf, holding, held)
            found.results[model] = join(workspace, shelf, [holding], dataset=dataset, as_asked=True)
        else:
            left_out[model] = "nothing was made of it as it is now"
    return found


def _dataset(shelf: Shelf, holding: Holding, held: Baseline | None) -> DatasetInfo | None:
    """The baseline's, as what it holds can be judged on that one only, else the one asked for last."""
    artifacts = holding.chosen(None)
    own = shelf.datasets([holding])
    scores = [each.scores for each in held.of_models((holding.spec.name,)).variants.values()] if held else []
    wanted = {each.dataset_id for each in scores if each}
    of_baseline = [each for each in own if each.id in wanted and holding.judged(artifacts, each.id)]
    return next(reversed(of_baseline or own), None)


def _judged_on(found: Mapping[str, Results]) -> Iterator[str]:
    by_set: dict[str, tuple[DatasetInfo, list[str]]] = {}
    for model, dataset in _images(found).items():
        by_set.setdefault(dataset.id, (dataset, []))[1].append(model)
    for dataset, models in by_set.values():
        yield f"judged on {dataset.name}, {dataset.images_text} (set {dataset.id[:12]}): {', '.join(models)}"


def _images(found: Mapping[str, Results]) -> dict[str, DatasetInfo]:
    """Model -> the data set that its scores are of."""
    return {
        model: results.dataset
        for model, results in found.items()
        if results.dataset and any(row.scores for row in results.variants)
    }


def _side_by_side(
    workspace: Workspace,
    rows: Sequence[VariantResult],
    held: Baseline,
    device: str,
    data: DataSettings,
    settings: BenchSettings,
) -> dict[str, Estimate]:
    """Latency of each changed artifact over the baseline's, both in one interleaved job."""
    from edgebench.latency import paired_ratio

    artifacts = {(artifact.variant, artifact.blob): artifact for artifact in Shelf.read(workspace).artifacts}
    pairs: dict[str, tuple[Artifact, Artifact]] = {}
    for row in rows:
        base = held.variants.get(row.variant)
        new = artifacts.get((row.variant, row.sha256))
        old = artifacts.get((row.variant, base.sha256)) if base else None
        if new and old and new.blob != old.blob:
            pairs[row.variant] = new, old
    told_apart = {(old.variant, old.blob): f"{old.variant}@baseline" for _, old in pairs.values()}
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
        if beside := series.get((f"{variant}@baseline", threads)):
            ratios[variant].append(paired_ratio(blocks, beside))
    # With several thread counts the worst one is judged.
    return {variant: max(found, key=lambda ratio: ratio.value) for variant, found in ratios.items()}
