"""Which loader reads a folder, and the index kept from the last time it did."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.data.index import named, save_index, saved_index
from edgebench.data.options import FILE, read_options
from edgebench.data.tables import SUFFIXES
from edgebench.errors import DataError
from edgebench.registry import resolve

if TYPE_CHECKING:
    from edgebench.data.index import Index, Loader, Split

LOADERS = {
    "2017": "edgebench.data.affectnet_2017:Affectnet2017",
    "2021": "edgebench.data.affectnet_2021:Affectnet2021",
    "fer2013": "edgebench.data.fer2013:Fer2013",
    "afew-va": "edgebench.data.afew_va:AfewVa",
    "manifest": "edgebench.data.manifest:Manifest",
    "folders": "edgebench.data.image_folder:ImageFolder",
}


def find_loader(folder: Path) -> Loader:
    """The loader whose layout stands in the folder.

    Raises:
        DataError: the folder is missing, or no layout or more than one fits it.
        SpecError: its `dataset.yaml` is not good.
        UnknownName: no loader has the layout that it states.
    """
    if not folder.is_dir():
        raise DataError("no such folder", subject=str(folder), fix="give the folder that holds the data set")
    stated = read_options(folder).layout
    if stated is not None:
        return resolve(LOADERS, stated, kind="data set layout")()  # type: ignore[no-any-return]
    loaders: list[Loader] = [resolve(LOADERS, name, kind="data set layout")() for name in LOADERS]
    fitting = [loader for loader in loaders if loader.detect(folder)]
    if len(fitting) == 1:
        return fitting[0]
    sought = f"looked for {'; '.join(loader.looked_for for loader in loaders)}"
    if fitting:
        raise DataError("holds more than one data set layout", subject=str(folder), fix=sought)
    problem, way_out = "holds no data set that a loader knows", ""
    if table := next((name for name in sorted(os.listdir(folder)) if _is_table(name)), None):
        problem += f", and a table, {table}, that none looks for"
        way_out = f"state in {FILE} `layout: folders` where folders are the classes all the same, or "
        way_out += f"`manifest: {table}` where that names the pictures; "
    raise DataError(problem, subject=str(folder), fix=way_out + sought)


def _is_table(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def find_splits(folder: Path) -> tuple[Split, ...]:
    """The parts that stand in the folder."""
    return find_loader(folder).splits(folder)


def open_index(folder: Path, split: Split, *, cache: Path) -> Index:
    """The labelled images of one part; read anew only when its annotations changed.

    Raises:
        DataError: no known layout, no such part, or an annotation that is malformed or out of range.
        StoreError: the cache cannot be written.
    """
    loader = find_loader(folder)
    present = loader.splits(folder)
    if split not in present:
        raise DataError(
            f"has no {split} part (found: {', '.join(present)})",
            subject=str(folder),
            fix=f"looked for {loader.looked_for}",
        )
    path = cache / "index" / f"{loader.key(folder, split)}.npz"
    index = saved_index(path)
    if index is None:
        index = loader.read(folder, split)
        save_index(index, path)
    return named(index, loader.name(index.folder))
