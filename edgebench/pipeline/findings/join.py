"""Findings joined into Results: scores, drift, latency and the Pareto front, each with its doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from edgebench.errors import NothingMeasured
from edgebench.pipeline.findings.answers import Compared, answers_of, arrays
from edgebench.pipeline.findings.budget import over_budget
from edgebench.pipeline.findings.collect import Findings
from edgebench.pipeline.findings.commands import commands_of, report_command
from edgebench.pipeline.findings.front import with_front
from edgebench.pipeline.images.labels import class_caveats, model_truth
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import DatasetInfo, unreadable_caveats
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.records.results import FrameRate, Latency, Results, Soak, VariantResult
from edgebench.specs.variant import SOURCE, source_id

NAMED = 3
"""So many models can be read in a title."""

if TYPE_CHECKING:
    from edgebench.drift import Judged


@dataclass(frozen=True)
class Join:
    """Findings of some models on one data set, each on one device, made Results."""

    workspace: Workspace
    findings: Sequence[Findings]
    dataset: DatasetInfo | None
    jobs: Sequence[MeasurementJob]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def results(self) -> Results:
        judged = {variant: each for found in self.findings for variant, each in self._judged(found).items()}
        latencies, rates = self._latencies(), self._frame_rates()
        rows = [row for found in self.findings for row in self._rows(found, judged, latencies, rates)]
        if not rows:
            raise NothingMeasured("the store holds nothing about these models", fix="run `edgebench quantize` first")
        jobs = self._seen_jobs()
        return Results(
            edgebench=version("edgebench"),
            title=_title([found.spec.name for found in self.findings]),
            dataset=self.dataset,
            device=jobs[-1].device if jobs else None,
            measured_at=jobs[-1].started_at if jobs else None,
            settings=_flat(jobs[-1].settings) if jobs else {},
            variants=tuple(with_front(rows, judged, self._timed_blocks())),
            caveats=tuple(self._caveats()),
            command=report_command([found.spec.name for found in self.findings], jobs[-1].device if jobs else None),
        )

    def _judged(self, found: Findings) -> dict[str, Judged]:
        """Scores and drift of every evaluated row of a model; nothing without its source's row."""
        from edgebench.drift import judge

        source = source_id(found.spec.name)
        if source not in found.evaluations:
            return {}
        reference = found.evaluations[source]
        truth = model_truth(found.spec, reference.dataset, arrays(self.workspace.store, reference.truth))
        return judge(
            {variant: arrays(self.workspace.store, each.outputs) for variant, each in found.evaluations.items()},
            truth,
            found.spec.heads,
            reference=source,
            margin=found.spec.budgets.max_accuracy_loss,
        )

    def _blocks(self) -> dict[str, list[Block]]:
        return {variant: blocks for found in self.findings for variant, blocks in found.blocks.items()}

    def _timed_blocks(self) -> dict[str, list[Block]]:
        """Those whose times mean something."""
        emulated = {job.job for job in self.jobs if job.device.emulated}
        return {variant: blocks for variant, blocks in self._blocks().items() if blocks[0].job not in emulated}

    def _evaluations(self) -> list[Evaluation]:
        return [each for found in self.findings for each in found.evaluations.values()]

    def _latencies(self) -> dict[str, list[Latency]]:
        from edgebench.latency import summarize

        by_job: dict[str, list[Block]] = defaultdict(list)
        for blocks in self._timed_blocks().values():
            by_job[blocks[0].job] += blocks
        found: dict[str, list[Latency]] = defaultdict(list)
        for blocks in by_job.values():
            for (variant, _), latency in sorted(summarize(blocks).items()):
                found[variant].append(latency)
        return found

    def _frame_rates(self) -> dict[str, list[FrameRate]]:
        from edgebench.frame_rate import summarize_frames

        found: dict[str, list[FrameRate]] = defaultdict(list)
        for run in [run for each in self.findings for run in each.framed if not run.job.device.emulated]:
            for (variant, _), rate in sorted(summarize_frames(run.job, run.blocks).items()):
                found[variant].append(rate)
        return found

    def _measured_jobs(self) -> list[MeasurementJob]:
        """The jobs that ran the variants."""
        used = {block.job for blocks in self._blocks().values() for block in blocks}
        return [job for job in self.jobs if job.job in used]

    def _seen_jobs(self) -> list[MeasurementJob]:
        """All that anything was measured by on the device, that of the latencies last."""
        soaked = [each.soaked.job for each in self.findings if each.soaked]
        return [*soaked, *(run.job for each in self.findings for run in each.framed), *self._measured_jobs()]

    def _rows(
        self,
        found: Findings,
        judged: Mapping[str, Judged],
        latencies: Mapping[str, list[Latency]],
        rates: Mapping[str, list[FrameRate]],
    ) -> Iterator[VariantResult]:
        source = source_id(found.spec.name)
        if source in found.evaluations:
            yield self._row(found, source, None, judged, (), ())
        for variant, artifact in found.artifacts.items():
            timed = (tuple(latencies.get(variant, ())), tuple(rates.get(variant, ())))
            yield self._row(found, variant, artifact, judged, *timed)

    def _row(
        self,
        found: Findings,
        variant: str,
        artifact: Artifact | None,
        judged: Mapping[str, Judged],
        latency: tuple[Latency, ...],
        frame_rates: tuple[FrameRate, ...],
    ) -> VariantResult:
        evaluation, own = found.evaluations.get(variant), judged.get(variant)
        answers, difference = self._answers(found, variant)
        soaks = _soaks(found, variant)
        fp32 = next((a for a in found.artifacts.values() if artifact and a.format == artifact.format), None)
        whole = fp32.size_bytes if fp32 and fp32.recipe == "fp32" else None
        return VariantResult(
            variant=variant,
            model=found.spec.name,
            format=artifact.format if artifact else SOURCE,
            recipe=artifact.recipe if artifact else SOURCE,
            sha256=artifact.blob if artifact else found.source_sha256,
            size_bytes=artifact.size_bytes if artifact else None,
            size_ratio_to_fp32=artifact.size_bytes / whole if artifact and whole else None,
            operators=artifact.operators if artifact else None,
            parity=artifact.parity if artifact else None,
            calibration=artifact.calibration if artifact else None,
            scores=own.scores if own else None,
            drift=own.drift if own else None,
            latency=latency,
            frame_rates=frame_rates,
            soaks=soaks,
            reference_executed=bool(evaluation and evaluation.reference),
            answers=answers,
            caveats=(
                *_caveats(found, artifact, evaluation, latency),
                *(own.caveats if own else ()),
                *((difference,) if difference else ()),
            ),
            commands=commands_of(
                found.spec.name, artifact, evaluation, self._jobs_of(found, latency, frame_rates, soaks)
            ),
        )

    def _answers(self, found: Findings, variant: str) -> Compared | tuple[None, None]:
        """What it answered on the device, beside what was judged."""
        artifact, blocks = found.artifacts.get(variant), found.blocks.get(variant)
        if not artifact or not blocks:
            return None, None
        job = next(job for job in self.jobs if job.job == blocks[0].job)
        return answers_of(self.workspace, job, blocks, artifact, found.evaluations.get(variant))

    def _jobs_of(
        self, found: Findings, latency: Sequence[Latency], rates: Sequence[FrameRate], soaks: Sequence[Soak]
    ) -> list[MeasurementJob]:
        """The runs that a variant's times are of, one for each kind of run."""
        used = {each.job for each in latency[:1]} | {each.job for each in rates[-1:]} | {each.job for each in soaks[:1]}
        soaked = [found.soaked.job] if found.soaked else []
        return [job for job in (*self.jobs, *(run.job for run in found.framed), *soaked) if job.job in used]

    def _caveats(self) -> Iterator[Caveat]:
        jobs = [job for job in self._measured_jobs() if not job.device.emulated]
        for model, why in self.left_out.items():
            yield Caveat(kind="left-out", text=f"{model}: {why}", fix=f"see `edgebench models validate {model}`")
        for found in self.findings:
            source = found.evaluations.get(source_id(found.spec.name))
            yield from class_caveats(found.spec, source.dataset) if source else ()
        if self.dataset:
            yield from unreadable_caveats(self.dataset.unreadable, read=self.dataset.samples, purpose="evaluation")
        if len(jobs) > 1:
            yield Caveat(
                kind="several-runs",
                text=f"latencies are from {len(jobs)} runs, which are comparable only within each",
                fix="name all models in one `edgebench run`",
            )
        hosts = {tuple(each.host.get(key, "") for key in ("processor", "features")) for each in self._evaluations()}
        if len(hosts) > 1:
            yield Caveat(
                kind="several-hosts",
                text=f"evaluated on {len(hosts)} kinds of processor, whose arithmetic may differ in last digits",
                fix="evaluate every variant on one machine (--force)",
            )
        if any(job.device.emulated for job in self._seen_jobs()):
            yield Caveat(
                kind="emulated",
                text="run on an emulated device, which shows that the variants run there and what they answer; "
                "its times mean nothing and are left out",
                fix="measure on the device itself",
            )
        elif any(job.device.virtualized for job in self._seen_jobs()):
            yield Caveat(
                kind="virtual-machine",
                text="measured in a virtual machine: compare ratios, not milliseconds",
                fix="measure on the device itself",
            )


def _soaks(found: Findings, variant: str) -> tuple[Soak, ...]:
    """How the variant's speed lasts, lowest thread count first; nothing of an emulated device."""
    from edgebench.soak import summarize_soaks

    if found.soaked is None or found.soaked.job.device.emulated:
        return ()
    own = summarize_soaks([block for block in found.soaked.blocks if block.variant == variant])
    return tuple(soak for _, soak in sorted(own.items()))


def _caveats(
    found: Findings, artifact: Artifact | None, evaluation: Evaluation | None, latency: Sequence[Latency]
) -> Iterator[Caveat]:
    if artifact:
        yield from artifact.caveats
        if excess := over_budget(found.spec, artifact):
            yield excess
    if artifact and artifact.variant in found.evaluated_before:
        yield Caveat(
            kind="other-bytes-evaluated",
            text="what was asked for last was not evaluated on these images; the same variant made otherwise was",
            fix="run `edgebench evaluate` with the calibration that this one was made with",
        )
    if evaluation:
        yield from evaluation.caveats
    for each in latency:
        yield from each.caveats
        if each.ratio_to_fp32 and (each.ratio_to_fp32.low or 0) > 1:
            yield Caveat(
                kind="slower-than-fp32",
                text=f"{each.ratio_to_fp32.value:.2f} times the latency of fp32 with {each.threads} thread(s)",
                fix="this processor or runtime gains nothing from the recipe: ship fp32 or int8",
            )


def _flat(settings: Mapping[str, Any]) -> dict[str, float | int | str]:
    return {k: v if isinstance(v, int | float | str) else ",".join(map(str, v)) for k, v in settings.items()}


def _title(models: Sequence[str]) -> str:
    return ", ".join(models) if len(models) <= NAMED else f"{len(models)} models"
