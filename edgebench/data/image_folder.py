"""A folder for each class, holding its pictures; perhaps below one folder for each part."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from edgebench.data.annotations import Annotations
from edgebench.data.index import SPLITS, Index, Split
from edgebench.data.options import FILE, read_options
from edgebench.data.parts import USUAL, part_names
from edgebench.data.tables import SUFFIXES
from edgebench.errors import DataError

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".webp")
_PART_NAMES = frozenset(name for names in USUAL.values() for name in names)


class ImageFolder:
    layout: ClassVar[str] = "folders"
    looked_for: ClassVar[str] = "a folder of pictures for each class, perhaps below train, val or test"

    def name(self, folder: Path) -> str:
        return f"{folder.resolve().name} (folders)"

    def detect(self, folder: Path) -> bool:
        """A table beside the folders says more of them than their names."""
        options = read_options(folder)
        if options.layout is not None:
            return options.layout == self.layout
        if any(name.lower().endswith(SUFFIXES) for name in _names(folder)):
            return False
        return any(_holds_pictures_only(path) for part in _parts(folder).values() for path in _folders(part))

    def splits(self, folder: Path) -> tuple[Split, ...]:
        named = part_names(_parts(folder), read_options(folder).splits)
        return tuple(split for split in SPLITS if split in named)

    def key(self, folder: Path, split: Split) -> str:
        part, options = self._part(folder, split), read_options(folder)
        digest = hashlib.sha256(f"{self.layout} {split} {part.resolve()} {options.model_dump_json()}\n".encode())
        for path in _folders(part):
            digest.update(f"{path.name} {' '.join(_pictures(path))}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def read(self, folder: Path, split: Split) -> Index:
        part, options, key = self._part(folder, split), read_options(folder), self.key(folder, split)
        found = Annotations(labels=options.labels)
        for other in _parts(folder).values():  # a class has its number even where one part has none of it
            for path in _folders(other):
                found.know(path.name, str(path))
        for path in _folders(part):
            label = found.know(path.name, str(path))
            for name in _pictures(path):
                found.add(f"{path.name}/{name}", [label])
        if not found.rows:
            raise DataError("holds no pictures", subject=str(part), fix=f"put them there as {', '.join(PICTURES)}")
        return found.index(folder=folder, root=part.resolve(), layout=self.layout, split=split, key=key)

    def _part(self, folder: Path, split: Split) -> Path:
        parts = _parts(folder)
        return parts[part_names(parts, read_options(folder).splits)[split]]


def _parts(folder: Path) -> dict[str, Path]:
    """Name of a part -> its folder; one empty name where the folders are those of classes."""
    stated = read_options(folder).splits
    wanted = _PART_NAMES | {name.casefold() for name in (stated.training, stated.validation) if name}
    found = {path.name: path for path in _folders(folder) if path.name.casefold() in wanted}
    # A class may be called test; a part holds folders.
    found = {name: path for name, path in found.items() if any(True for _ in _folders(path))}
    return found or {"": folder}


def _folders(folder: Path) -> Iterator[Path]:
    return (folder / name for name in _names(folder) if (folder / name).is_dir())


def _names(folder: Path) -> list[str]:
    """Sorted, without the hidden files that desktops leave behind."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as exc:
        raise DataError(f"cannot be listed: {exc.strerror}", subject=str(folder), fix=f"see {FILE}") from exc


def _pictures(folder: Path) -> list[str]:
    return [name for name in _names(folder) if name.lower().endswith(PICTURES)]


def _holds_pictures_only(folder: Path) -> bool:
    names = _names(folder)
    return bool(names) and all(name.lower().endswith(PICTURES) for name in names)
