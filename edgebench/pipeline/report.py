"""`edgebench report`: a folder of pages, tables and pictures for each data set and device."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench.pipeline.collect import Shelf, models_or_all
from edgebench.pipeline.results import gather
from edgebench.pipeline.workspace import Workspace
from edgebench.records.results import Results
from edgebench.registry import resolve
from edgebench.render import FORMATS
from edgebench.store.blobs import as_store_errors

NO_DATA = "not-evaluated"
NO_DEVICE = "not-measured"


@dataclass(frozen=True)
class Page:
    """One report: what it shows, and the folder that holds its files."""

    results: Results
    folder: Path


def report(
    workspace: Workspace, models: Sequence[str] = (), *, device: str | None = None, out: Path = Path("reports")
) -> tuple[Page, ...]:
    """Writes `<out>/<data set>/<device>/` for everything the store holds about these models (default: all).

    Only derived files are written there, and the same records give the same files.
    """
    shelf = Shelf.read(workspace)
    chosen = models_or_all(shelf, models)
    # Of several sets by one name, the one evaluated last.
    datasets: dict[str, str | None] = {info.name: id_ for id_, info in shelf.datasets(chosen).items()}
    datasets = datasets or {NO_DATA: None}
    devices: Sequence[str | None] = [device] if device else shelf.devices(chosen) or [None]
    pages = []
    with workspace.progress.step("rendering") as step:
        places = [(dataset, device) for dataset in datasets for device in devices]
        for done, (dataset, name) in enumerate(places, 1):
            results = gather(workspace, chosen, dataset=datasets[dataset], device=name, shelf=shelf)
            folder = out / slug(dataset) / slug(name or NO_DEVICE)
            write_page(results, folder)
            pages.append(Page(results, folder))
            step.update(done, len(places), str(folder))
    return tuple(pages)


def write_page(results: Results, folder: Path) -> None:
    """Every format of the registry, each file whole or not at all."""
    with as_store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in FORMATS:
            content = resolve(FORMATS, name, kind="report format")(results)
            part = folder / f".{name}.part"
            part.write_bytes(content)
            part.replace(folder / name)


def slug(text: str) -> str:
    """A folder name: letters, digits and single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"
