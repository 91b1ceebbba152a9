"""What the store holds of a model today: the artifacts of its current source, their evaluations and blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edgebench.errors import NothingMeasured
from edgebench.pipeline.workspace import Workspace, names
from edgebench.records.artifact import Artifact
from edgebench.records.dataset import DatasetInfo
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.sources import fingerprint
from edgebench.specs.model import ModelSpec
from edgebench.specs.variant import FORMATS, RECIPES, Variant, model_of, source_id


@dataclass(frozen=True)
class Findings:
    """One model's records for one data set and one device; variants are the keys."""

    spec: ModelSpec
    source_sha256: str
    artifacts: dict[str, Artifact]
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    blocks: dict[str, list[Block]] = field(default_factory=dict)

    @property
    def variants(self) -> list[str]:
        """The source first, then the variants in the order of their making."""
        source = source_id(self.spec.name)
        return [name for name in (source, *self.artifacts) if name == source or name in self.artifacts]


@dataclass(frozen=True)
class Shelf:
    """Everything in the store, read once."""

    artifacts: Sequence[Artifact]
    evaluations: Sequence[Evaluation]
    jobs: Sequence[MeasurementJob]
    blocks: Mapping[str, Sequence[Block]]

    @classmethod
    def read(cls, workspace: Workspace) -> Shelf:
        blocks: dict[str, list[Block]] = defaultdict(list)
        for block in workspace.store.latest(Block):
            blocks[block.job].append(block)
        return cls(
            artifacts=workspace.store.latest(Artifact),
            evaluations=workspace.store.latest(Evaluation),
            jobs=workspace.store.latest(MeasurementJob),
            blocks=blocks,
        )

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(artifact.model for artifact in self.artifacts))

    def datasets(self, models: Iterable[str]) -> dict[str, DatasetInfo]:
        """Data sets these models were evaluated on, by id, the latest last."""
        wanted = set(models)
        found: dict[str, DatasetInfo] = {}
        for each in self.evaluations:
            if each.model in wanted:
                found.pop(each.dataset.id, None)
                found[each.dataset.id] = each.dataset
        return found

    def devices(self, models: Iterable[str]) -> list[str]:
        """Devices these models were measured on, the latest last."""
        wanted = set(models)
        newest_first = dict.fromkeys(
            job.device.name
            for job in reversed(self.jobs)
            if any(model_of(variant) in wanted for variant in job.variants)
        )
        return list(reversed(newest_first))

    def findings(self, workspace: Workspace, model: str, *, dataset: str | None, device: str | None) -> Findings:
        """The newest records that belong together: artifacts of the model's present source and contract,
        evaluations of just these artifacts, blocks of just these artifacts."""
        spec = workspace.model(model)
        source_sha256 = fingerprint(spec)
        artifacts = self._artifacts(spec, source_sha256, dataset)
        evaluations = {
            each.variant: each
            for each in self.evaluations
            if each.model == model
            and each.dataset.id == dataset
            and each.contract_sha256 == spec.input.sha256
            and each.artifact in (source_sha256, getattr(artifacts.get(each.variant), "blob", None))
        }
        return Findings(spec, source_sha256, artifacts, evaluations, self._blocks(artifacts, device))

    def _artifacts(self, spec: ModelSpec, source_sha256: str, dataset: str | None) -> dict[str, Artifact]:
        own = [
            artifact
            for artifact in self.artifacts
            if artifact.model == spec.name
            and artifact.source_sha256 == source_sha256
            and artifact.contract_sha256 == spec.input.sha256
        ]
        evaluated = {each.artifact for each in self.evaluations if each.dataset.id == dataset}
        # Of several, one that was evaluated on this data set, and of those the newest.
        own.sort(key=lambda artifact: artifact.blob in evaluated)
        chosen = {artifact.variant: artifact for artifact in own}
        return {variant: chosen[variant] for variant in sorted(chosen, key=_order)}

    def _blocks(self, artifacts: Mapping[str, Artifact], device: str | None) -> dict[str, list[Block]]:
        """Blocks of just these artifacts, by variant, from one job on the device, so that a model's latencies
        were all measured side by side: of the finished jobs the one with most of them, the newest of such."""
        best: tuple[tuple[bool, int, int], dict[str, list[Block]]] = ((False, 0, 0), {})
        for age, job in enumerate(self.jobs):
            if job.device.name != device or job.purpose != "run":
                continue
            found: dict[str, list[Block]] = defaultdict(list)
            blocks = self.blocks.get(job.job, ())
            for block in blocks:
                if block.variant in artifacts and artifacts[block.variant].blob == block.artifact:
                    found[block.variant].append(block)
            if found:
                best = max(best, ((len(blocks) >= job.blocks, len(found), age), found), key=lambda each: each[0])
        return best[1]


def models_or_all(shelf: Shelf, models: str | Sequence[str]) -> list[str]:
    """The given models, else every model of the store."""
    chosen = list(names(models)) if models else shelf.models
    if not chosen:
        raise NothingMeasured("the store holds no artifact", fix="run `edgebench quantize`, `evaluate` or `run` first")
    return chosen


def _order(variant: str) -> tuple[int, int]:
    parsed = Variant.parse(variant)
    return FORMATS.index(parsed.format), RECIPES.index(parsed.recipe)
