"""`edgebench data show`: what a data set holds, and what a model is shown of it."""

from __future__ import annotations

from pathlib import Path

from edgebench.data import Index, find_splits, load_samples, open_index
from edgebench.data.sheet import contact_sheet
from edgebench.data.survey import Survey, survey
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.images.datasets import data_folder
from edgebench.pipeline.workspace import Workspace

SHOWN = 64


def look(
    workspace: Workspace, data: str, *, crop: str = "none", limit: int | None = None
) -> list[tuple[Index, Survey]]:
    """Every part of a data set with what its pictures are; at most `limit` of each part are looked into."""
    folder, cache = data_folder(workspace, data, crop=crop), workspace.store.folder("cache")
    found = []
    for split in find_splits(folder):
        index = open_index(folder, split, cache=cache)
        with workspace.progress.step(f"looking into the {split} part") as step:
            found.append((index, survey(index, limit=limit, jobs=workspace.jobs, progress=step.update)))
    return found


def draw_sheet(workspace: Workspace, index: Index, model: str, out: Path) -> int:
    """A PNG of pictures of a part as the model's contract makes them, even over the classes. Returns how many."""
    contract = workspace.model(model).input
    cache = workspace.store.folder("cache")
    # Those that cannot be read were named by the survey.
    samples = load_samples(index, contract, cache=cache, limit=SHOWN, tolerance=1.0, jobs=workspace.jobs)
    sheet = contact_sheet(samples, bgr=contract.color == "bgr")
    with as_store_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as temporary:
            sheet.save(temporary, format="PNG")
    return len(samples)
