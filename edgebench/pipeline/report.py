"""`edgebench report`: a folder of pages, tables and pictures for each data set and device."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.collect import Shelf, models_or_all
from edgebench.pipeline.results import gather
from edgebench.pipeline.workspace import Workspace
from edgebench.records.dataset import DatasetInfo
from edgebench.records.results import Results
from edgebench.registry import resolve
from edgebench.render import FORMATS

NO_DATA = "not-evaluated"
NO_DEVICE = "not-measured"


@dataclass(frozen=True)
class Page:
    """One report: what it shows, and the folder that holds its files."""

    results: Results
    folder: Path


def report(
    workspace: Workspace, models: str | Sequence[str] = (), *, device: str | None = None, out: Path = Path("reports")
) -> tuple[Page, ...]:
    """Writes `<out>/<data set>/<device>/` for everything the store holds about these models (default: all).

    Only derived files are written there, and the same records give the same files.
    """
    shelf = Shelf.read(workspace)
    chosen = models_or_all(shelf, models)
    datasets = _folders(shelf.datasets(chosen))
    devices: Sequence[str | None] = [device] if device else shelf.devices(chosen) or [None]
    pages = []
    with workspace.progress.step("rendering") as step:
        places = [(dataset, device) for dataset in datasets for device in devices]
        for done, (dataset, name) in enumerate(places, 1):
            results = gather(workspace, chosen, dataset=datasets[dataset], device=name, shelf=shelf)
            folder = out / dataset / slug(name or NO_DEVICE)
            write_page(results, folder)
            pages.append(Page(results, folder))
            step.update(done, len(places), str(folder))
    return tuple(pages)


def _folders(datasets: Mapping[str, DatasetInfo]) -> dict[str, str | None]:
    """Folder name -> id of a data set; of several sets by one name, all but the newest carry a piece of their id."""
    folders: dict[str, str | None] = {}
    for id_, info in reversed(list(datasets.items())):
        name = slug(info.name)
        folders[f"{name}-{id_[:8]}" if name in folders else name] = id_
    return folders or {NO_DATA: None}


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
