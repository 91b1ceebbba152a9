"""`edgebench report`: a folder of pages, tables and pictures for each data set and device."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench.digests import sha256_bytes
from edgebench.errors import NothingMeasured
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.findings.collect import Holding, Shelf
from edgebench.pipeline.findings.results import join
from edgebench.pipeline.workspace import Workspace
from edgebench.records.dataset import DatasetInfo
from edgebench.records.results import Results
from edgebench.registry import resolve
from edgebench.render import FORMATS

NO_DATA = "not-evaluated"
NO_DEVICE = "not-measured"
SIDE_BY_SIDE = "devices.html"
"""Beside the devices' folders, whose pages link to it."""


@dataclass(frozen=True)
class Page:
    """One report: what it shows, and the folder that holds its files."""

    results: Results
    folder: Path


@dataclass(frozen=True)
class _Place:
    """What belongs on one page: models evaluated on one data set (or on none), and a device they were timed on."""

    dataset: DatasetInfo | None
    device: str | None
    holdings: Sequence[Holding]


def report(
    workspace: Workspace, models: str | Sequence[str] = (), *, device: str | None = None, out: Path = Path("reports")
) -> tuple[Page, ...]:
    """Writes `<out>/<data set>/<device>/` for everything the store holds about these models (default: all), and
    `<out>/<data set>/devices.html` where there are several devices.

    A page shows the models that were evaluated on its data set, in the artifacts that were. Only derived files are
    written there, and the same records give the same files.

    Raises:
        UnknownName: no such device.
        NothingMeasured: there is nothing to show, or nothing on this device.
    """
    shelf = Shelf.read(workspace)
    if device is not None:
        shelf.known_device(workspace, device)
    holdings, left_out = shelf.holdings(workspace, models)
    places = list(_places(shelf, holdings, device))
    if not places:
        measured = "was measured on it" if device else "is held about these models as they are now"
        raise NothingMeasured(f"nothing {measured}", subject=device or "", fix="run `edgebench run`")
    folders = _folders([each.dataset for each in shelf.evaluations])
    pages = []
    with workspace.progress.step("rendering") as step:
        for done, place in enumerate(places, 1):
            results = join(
                workspace, shelf, place.holdings, dataset=place.dataset, device=place.device, left_out=left_out
            )
            folder = out / (folders[place.dataset.id] if place.dataset else NO_DATA) / device_folder(place.device)
            beside = [each.device for each in places if each.dataset == place.dataset and each.device != place.device]
            page = Page(results.model_copy(update={"beside": tuple(filter(None, beside))}), folder)
            write_page(page.results, folder)
            pages.append(page)
            step.update(done, len(places), str(folder))
    _write_side_by_side(pages)
    return tuple(pages)


def _write_side_by_side(pages: Sequence[Page]) -> None:
    """For each data set with several devices a page above theirs."""
    from edgebench.render.devices import Beside, render

    by_folder: dict[Path, list[Page]] = {}
    for page in pages:
        if page.results.device:
            by_folder.setdefault(page.folder.parent, []).append(page)
    for folder, found in by_folder.items():
        file = folder / SIDE_BY_SIDE
        with as_store_errors(file):
            if len(found) > 1:
                with replacing(file) as part:
                    part.write_bytes(render([Beside(page.results, page.folder.name) for page in found]))


def _places(shelf: Shelf, holdings: Sequence[Holding], device: str | None) -> Iterator[_Place]:
    """The data set asked for last first."""
    for dataset in [*reversed(shelf.datasets(holdings)), None]:
        id_ = dataset.id if dataset else None
        own = [each for each in holdings if (each.evaluated_on(id_) if id_ else not each.evaluations)]
        artifacts = [artifact for each in own for artifact in each.chosen(id_).values()]
        devices = shelf.devices(artifacts)
        wanted: list[str | None] = [name for name in devices if device in (None, name)]
        if artifacts:
            yield from (_Place(dataset, name, own) for name in wanted or ([] if device else [None]))


def _folders(evaluated: Sequence[DatasetInfo]) -> dict[str, str]:
    """Id of a data set -> folder name, given what was evaluated, the one asked for last at the end.

    A piece of the id tells apart what a plain name would not: names with letters that a folder name lacks, other
    names that give the same one, and, of several sets by one name, all but the one asked for last.
    """
    last = {info.id: info for info in evaluated}
    newest_first = list(dict.fromkeys(info.id for info in reversed(evaluated)))
    folders: dict[str, str] = {}
    for id_ in newest_first:
        name = last[id_].name
        plain = slug(name)
        alike = {info.name for info in last.values() if slug(info.name) == plain}
        told_apart = not name.isascii() or len(alike) > 1 or plain in (NO_DATA, *folders.values())
        folders[id_] = f"{plain}-{id_[:8]}" if told_apart else plain
    return folders


def write_page(results: Results, folder: Path) -> None:
    """Every format of the registry, each file whole or not at all."""
    with as_store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in FORMATS:
            content = resolve(FORMATS, name, kind="report format")(results)
            with replacing(folder / name) as part:
                part.write_bytes(content)


def slug(text: str) -> str:
    """A folder name: letters, digits and single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def device_folder(name: str | None) -> str:
    """A device's own name where it can be a folder's on every system, else one like it and told apart."""
    if name is None:
        return NO_DEVICE
    plain = re.fullmatch(r"[a-z0-9]+([._-][a-z0-9]+)*", name)
    return name if plain and name != NO_DEVICE else f"{slug(name)}-{sha256_bytes(name.encode())[:8]}"
