"""Which records a verb's Results are made of: those of a data set and a device, or those just evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from edgebench.pipeline.findings.collect import Findings, Holding, Shelf
from edgebench.pipeline.findings.join import Join
from edgebench.pipeline.workspace import Workspace
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import DatasetInfo
from edgebench.records.evaluation import Evaluation
from edgebench.records.results import Results
from edgebench.specs.model import ModelSpec
from edgebench.specs.variant import source_id


def gather(
    workspace: Workspace, models: str | Sequence[str] = (), *, dataset: str | None = None, device: str | None = None
) -> Results:
    """Everything the store holds about these models (default: all), on one data set and one device.

    Args:
        dataset: id of a data set; by default, and where nothing was evaluated on it, the one asked for last,
            and then the artifacts asked for last, evaluated on it or not.
        device: name of a device; by default the one measured on last.
    """
    shelf = Shelf.read(workspace)
    if device is not None:
        shelf.known_device(workspace, device)
    holdings, left_out = shelf.holdings(workspace, models)
    found = [each for each in shelf.datasets(holdings) if each.id == dataset]
    chosen = found or shelf.datasets(holdings)[-1:]
    return join(
        workspace,
        shelf,
        holdings,
        dataset=chosen[0] if chosen else None,
        device=device,
        as_asked=not found,
        left_out=left_out,
    )


def join(
    workspace: Workspace,
    shelf: Shelf,
    holdings: Sequence[Holding],
    *,
    dataset: DatasetInfo | None,
    device: str | None = None,
    as_asked: bool = False,
    left_out: Mapping[str, str] = MappingProxyType({}),
) -> Results:
    """The results of some models on one data set and one device, by default the one measured on last.

    Args:
        as_asked: take the artifacts asked for last, even where others were evaluated on the data set.
        left_out: model -> why there is nothing of it, for the reader.

    Raises:
        NothingMeasured: there is no artifact of these models as they are now.
    """
    id_ = dataset.id if dataset else None
    if device is None:
        artifacts = [a for each in holdings for a in each.chosen(id_, as_asked=as_asked).values()]
        device = next(reversed(shelf.devices(artifacts)), None)
    findings = [shelf.findings(each, dataset=id_, device=device, as_asked=as_asked) for each in holdings]
    return Join(workspace, findings, dataset, shelf.jobs, left_out).results()


def evaluation_results(workspace: Workspace, evaluations: Sequence[Evaluation]) -> Results:
    """The results of just these evaluations and the artifacts they are of; several data sets are joined one by one."""
    shelf = Shelf.read(workspace)
    by_dataset: dict[str, dict[str, list[Evaluation]]] = {}
    for each in evaluations:
        by_dataset.setdefault(each.dataset.id, {}).setdefault(each.model, []).append(each)
    parts = []
    for by_model in by_dataset.values():
        findings = [_findings_of(shelf, workspace.model(model), own) for model, own in by_model.items()]
        dataset = next(iter(by_model.values()))[0].dataset
        parts.append(Join(workspace, findings, dataset, shelf.jobs).results())
    return parts[0] if len(parts) == 1 else _side_by_side(parts)


def _findings_of(shelf: Shelf, spec: ModelSpec, evaluations: Sequence[Evaluation]) -> Findings:
    own = {each.variant: each for each in evaluations}
    artifacts = {
        artifact.variant: artifact
        for artifact in shelf.artifacts
        if artifact.variant in own and artifact.blob == own[artifact.variant].artifact
    }
    artifacts = {variant: artifacts[variant] for variant in own if variant in artifacts}
    device = next(reversed(shelf.devices(artifacts.values())), None)
    return Findings(spec, own[source_id(spec.name)].artifact, artifacts, own, shelf.blocks_of(artifacts, device))


def _side_by_side(parts: Sequence[Results]) -> Results:
    """Of models that were evaluated on different images, which therefore share no front."""
    names = ", ".join(part.dataset.name for part in parts if part.dataset)
    caveat = Caveat(
        kind="several-sets",
        text=f"the models were evaluated on different images ({names}): compare each with its source only",
        fix="evaluate on a set with a training part of its own",
    )
    return parts[0].model_copy(
        update={
            "title": ", ".join(part.title for part in parts),
            "variants": tuple(row for part in parts for row in part.variants),
            "caveats": tuple(dict.fromkeys([caveat, *(each for part in parts for each in part.caveats)])),
        }
    )
