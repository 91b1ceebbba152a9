"""What the store holds of a model today: the artifacts of its current source, their evaluations and blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edgebench.errors import EdgebenchError, NothingMeasured, UnknownName
from edgebench.pipeline.workspace import Workspace, names
from edgebench.records.artifact import Artifact
from edgebench.records.dataset import DatasetInfo
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.records.pipeline_timing import FaceDetector, PipelineBlock, PipelineJob
from edgebench.records.soak import SoakBlock, SoakJob
from edgebench.sources import fingerprint
from edgebench.specs.catalog import devices
from edgebench.specs.model import ModelSpec
from edgebench.specs.variant import FORMATS, RECIPES, Variant, source_id

NAMED = 5
"""Models of other projects that are named."""


@dataclass(frozen=True)
class Findings:
    """One model's records for one data set and one device; variants are the keys."""

    spec: ModelSpec
    source_sha256: str
    artifacts: dict[str, Artifact]
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    framed: Sequence[Framed] = ()
    soaked: Soaked | None = None
    evaluated_before: frozenset[str] = frozenset()
    """Variants that were evaluated on the data set in other bytes only."""


@dataclass(frozen=True)
class Framed:
    """One run over whole frames, and those of its blocks that are of the model's artifacts."""

    job: PipelineJob
    blocks: Sequence[PipelineBlock]


@dataclass(frozen=True)
class Soaked:
    """One run of long blocks, and those of them that are of the model's artifacts."""

    job: SoakJob
    blocks: Sequence[SoakBlock]


@dataclass(frozen=True)
class Holding:
    """All records of a model's present source and contract, what was asked for last at the end."""

    spec: ModelSpec
    source_sha256: str
    artifacts: Sequence[Artifact]
    evaluations: Sequence[Evaluation]

    def evaluated_on(self, dataset: str | None) -> bool:
        return any(each.dataset.id == dataset for each in self.evaluations)

    def chosen(self, dataset: str | None, *, as_asked: bool = False) -> dict[str, Artifact]:
        """Variant -> the artifact that was asked for last; on a data set of earlier days, of those evaluated on it
        if there are any.

        Args:
            as_asked: the data set makes no difference.
        """
        newest = self.evaluations[-1].dataset.id if self.evaluations else None
        by_age = as_asked or dataset == newest
        evaluated = {each.artifact for each in self.evaluations if each.dataset.id == dataset and not by_age}
        ranked = sorted(self.artifacts, key=lambda artifact: artifact.blob in evaluated)
        last = {artifact.variant: artifact for artifact in ranked}
        return {variant: last[variant] for variant in sorted(last, key=_order)}

    def judged(self, artifacts: Mapping[str, Artifact], dataset: str | None) -> dict[str, Evaluation]:
        """Variant -> evaluation, of the source and just these artifacts on this data set."""
        judged = {variant: artifact.blob for variant, artifact in artifacts.items()}
        judged[source_id(self.spec.name)] = self.source_sha256
        return {
            each.variant: each
            for each in self.evaluations
            if each.dataset.id == dataset and judged.get(each.variant) == each.artifact
        }


@dataclass(frozen=True)
class Shelf:
    """Everything in the store, read once; what was asked for last at the end."""

    artifacts: Sequence[Artifact]
    evaluations: Sequence[Evaluation]
    jobs: Sequence[MeasurementJob]
    blocks: Mapping[str, Sequence[Block]]
    framed: Sequence[Framed] = ()
    soaked: Sequence[Soaked] = ()

    @classmethod
    def read(cls, workspace: Workspace) -> Shelf:
        blocks: dict[str, list[Block]] = defaultdict(list)
        for block in workspace.store.latest(Block):
            blocks[block.job].append(block)
        pipeline_blocks: dict[str, list[PipelineBlock]] = defaultdict(list)
        for each in workspace.store.latest(PipelineBlock):
            pipeline_blocks[each.job].append(each)
        soak_blocks: dict[str, list[SoakBlock]] = defaultdict(list)
        for soak in workspace.store.latest(SoakBlock):
            soak_blocks[soak.job].append(soak)
        jobs = workspace.store.latest(MeasurementJob)
        for job in jobs:
            if shared := [block for share in job.shares.values() for block in blocks.get(share, ())]:
                blocks[job.job] = [block.model_copy(update={"job": job.job}) for block in shared]
        return cls(
            soaked=[Soaked(job, soak_blocks[job.job]) for job in workspace.store.latest(SoakJob)],
            framed=[Framed(job, pipeline_blocks[job.job]) for job in workspace.store.latest(PipelineJob)],
            artifacts=workspace.store.latest(Artifact),
            evaluations=workspace.store.latest(Evaluation),
            jobs=jobs,
            blocks=blocks,
        )

    def holdings(
        self, workspace: Workspace, models: str | Sequence[str] = (), *, strict: bool = True
    ) -> tuple[list[Holding], dict[str, str]]:
        """Of these models (default: all of the store), and those left out -> why.

        Args:
            strict: a model that was named and whose spec or weights cannot be read is an error.
        """
        chosen = names(models) if models else tuple(dict.fromkeys(artifact.model for artifact in self.artifacts))
        if not chosen:
            fix = "run `edgebench quantize`, `evaluate` or `run` first"
            raise NothingMeasured("the store holds no artifact", fix=fix)
        held, left_out, elsewhere = [], {}, []
        for model in chosen:
            try:
                held.append(self.holding(workspace, model))
            except EdgebenchError as exc:
                if models and strict:
                    raise
                gone = isinstance(exc, UnknownName) and exc.subject == repr(model)
                if gone and not models:
                    elsewhere.append(model)
                else:
                    # Reports are passed on: what the error says of the user's folders is for the terminal only.
                    workspace.progress.note(f"{model} is left out: {exc}")
                left_out[model] = "it has no spec" if gone else "its spec or its weights cannot be read"
        if elsewhere:
            workspace.progress.note(f"left out, as no spec is here: {_few(elsewhere)}")
        return held, left_out

    def holding(self, workspace: Workspace, model: str) -> Holding:
        spec = workspace.model(model)
        source_sha256 = fingerprint(spec)
        artifacts = [
            artifact
            for artifact in self.artifacts
            if artifact.model == model
            and artifact.source_sha256 == source_sha256
            and artifact.contract_sha256 == spec.input.sha256
        ]
        current = {(artifact.variant, artifact.blob) for artifact in artifacts} | {(source_id(model), source_sha256)}
        evaluations = [
            each
            for each in self.evaluations
            if each.model == model
            and each.contract_sha256 == spec.input.sha256
            and (each.variant, each.artifact) in current
        ]
        return Holding(spec, source_sha256, artifacts, evaluations)

    def datasets(self, holdings: Iterable[Holding]) -> list[DatasetInfo]:
        """Data sets these models were evaluated on, the one asked for last at the end."""
        wanted = {each.dataset.id for holding in holdings for each in holding.evaluations}
        last: dict[str, DatasetInfo] = {}
        for each in reversed(self.evaluations):
            if each.dataset.id in wanted:
                last.setdefault(each.dataset.id, each.dataset)
        return list(reversed(last.values()))

    def devices(self, artifacts: Iterable[Artifact]) -> list[str]:
        """Devices on which any of these artifacts was run, emulated ones first, the one asked for last at the end."""
        wanted = {(artifact.variant, artifact.blob) for artifact in artifacts}
        last = dict.fromkeys(
            job.device.name
            for job in reversed(self.jobs)
            if job.purpose == "run" and any((b.variant, b.artifact) in wanted for b in self.blocks.get(job.job, ()))
        )
        runs: list[Soaked | Framed] = [*self.soaked, *self.framed]
        last |= dict.fromkeys(
            run.job.device.name
            for run in reversed(runs)
            if any((block.variant, block.artifact) in wanted for block in run.blocks)
        )
        jobs: list[MeasurementJob] = [*(run.job for run in runs), *self.jobs]
        emulated = {job.device.name: job.device.emulated for job in jobs}
        return [name for wanted in (True, False) for name in reversed(last) if emulated[name] == wanted]

    def known_device(self, workspace: Workspace, name: str) -> str:
        """The name, of a spec or of a device that was measured on.

        Raises:
            UnknownName: it is neither.
        """
        runs: list[Soaked | Framed] = [*self.soaked, *self.framed]
        measured = {job.device.name for job in (*self.jobs, *(run.job for run in runs))}
        known = measured | set(devices(workspace.device_dirs).files())
        if name not in known:
            raise UnknownName.among(name, known, kind="device")
        return name

    def findings(
        self, holding: Holding, *, dataset: str | None, device: str | None, as_asked: bool = False
    ) -> Findings:
        """The records that belong together: artifacts, evaluations of just these, blocks of just these."""
        artifacts = holding.chosen(dataset, as_asked=as_asked)
        evaluations = holding.judged(artifacts, dataset)
        return Findings(
            holding.spec,
            holding.source_sha256,
            artifacts,
            evaluations,
            self.blocks_of(artifacts, device),
            self.framed_of(artifacts, device),
            self.soaked_of(artifacts, device),
            frozenset(each.variant for each in holding.evaluations if each.dataset.id == dataset) - evaluations.keys(),
        )

    def framed_of(self, artifacts: Mapping[str, Artifact], device: str | None) -> list[Framed]:
        """Of these artifacts on the device, for each detector and each set of frames the run asked for last."""
        last: dict[tuple[FaceDetector, str], Framed] = {}
        for run in self.framed:
            own = [
                each
                for each in run.blocks
                if each.variant in artifacts and artifacts[each.variant].blob == each.artifact
            ]
            if own and run.job.device.name == device:
                key = (run.job.detector, run.job.frames.id)
                last.pop(key, None)
                last[key] = Framed(run.job, own)
        return list(last.values())

    def soaked_of(self, artifacts: Mapping[str, Artifact], device: str | None) -> Soaked | None:
        """Of these artifacts on the device, the run asked for last."""
        for run in reversed(self.soaked):
            own = [
                each
                for each in run.blocks
                if each.variant in artifacts and artifacts[each.variant].blob == each.artifact
            ]
            if own and run.job.device.name == device:
                return Soaked(run.job, own)
        return None

    def blocks_of(self, artifacts: Mapping[str, Artifact], device: str | None) -> dict[str, list[Block]]:
        """Blocks of just these artifacts, by variant, from one job on the device, so that a model's latencies
        were all measured side by side: of the finished jobs the one with most of them, of such the one asked
        for last."""
        best: tuple[tuple[bool, int, int], dict[str, list[Block]]] = ((False, 0, 0), {})
        for place, job in enumerate(self.jobs):
            if job.device.name != device or job.purpose != "run":
                continue
            found: dict[str, list[Block]] = defaultdict(list)
            blocks = self.blocks.get(job.job, ())
            for block in blocks:
                if block.variant in artifacts and artifacts[block.variant].blob == block.artifact:
                    found[block.variant].append(block)
            if found:
                best = max(best, ((len(blocks) >= job.blocks, len(found), place), found), key=lambda each: each[0])
        return best[1]


def _few(models: Sequence[str]) -> str:
    """The first of them, for a store of many projects holds many."""
    more = len(models) - NAMED
    return ", ".join(models[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _order(variant: str) -> tuple[int, int]:
    parsed = Variant.parse(variant)
    return FORMATS.index(parsed.format), RECIPES.index(parsed.recipe)
