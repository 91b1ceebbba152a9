"""AffectNet as released in 2021: `val_set/images/N.jpg` with one .npy file per annotation."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from edgebench.data.index import SPLITS, Index, Split
from edgebench.data.rows import ANNOTATIONS, POINTS, Rows, make_index
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

_PARTS = {"training": "train_set", "validation": "val_set"}
_ENDINGS = ("_exp.npy", "_val.npy", "_aro.npy", "_lnd.npy")


class Affectnet2021:
    layout: ClassVar[str] = "2021"
    looked_for: ClassVar[str] = "AffectNet 2021: val_set or train_set, each with images/ and annotations/"

    def name(self, folder: Path) -> str:
        return f"{folder.resolve().name} (AffectNet layout {self.layout})"

    def detect(self, folder: Path) -> bool:
        return bool(self.splits(folder))

    def splits(self, folder: Path) -> tuple[Split, ...]:
        return tuple(split for split in SPLITS if (folder / _PARTS[split] / "annotations").is_dir())

    def key(self, folder: Path, split: Split) -> str:
        part = folder / _PARTS[split]
        digest = hashlib.sha256(f"{self.layout} {split} {part.resolve()}\n".encode())
        with os.scandir(_require_folder(part / "annotations")) as entries:
            lines = [f"{entry.name} {(s := entry.stat()).st_size} {s.st_mtime_ns}" for entry in entries]
        digest.update(
            "\n".join([*sorted(lines), "", *sorted(_names(part / "images"))]).encode(errors="surrogateescape")
        )
        return digest.hexdigest()

    def read(self, folder: Path, split: Split) -> Index:
        key, part = self.key(folder, split), folder / _PARTS[split]
        return make_index(
            read_annotations(part), folder=folder, root=part.resolve(), layout=self.layout, split=split, key=key
        )


def _require_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError("folder is missing", subject=str(folder), fix="copy that folder of the 2021 layout again")
    return folder


def _names(folder: Path) -> set[str]:
    """Without the hidden files that desktops leave behind."""
    return {name for name in os.listdir(_require_folder(folder)) if not name.startswith(".")}


def read_annotations(part: Path) -> Rows:
    """Every annotation below `part`, in the order of the pictures' numbers.

    Raises:
        DataError: one of a picture's files is missing, or does not hold what it should.
    """
    import numpy as np

    folder = part / "annotations"
    found, pictures = _names(folder), {name.rpartition(".")[0]: name for name in sorted(_names(part / "images"))}
    stems = sorted({name[: -len(_ENDINGS[0])] for name in found if name.endswith(_ENDINGS)}, key=_by_number)
    if not stems:
        raise DataError("holds no annotations", subject=str(folder), fix="copy the .npy files there")
    labels = [[_number(_file(folder, stem, name)) for name in ANNOTATIONS] for stem in stems]
    return Rows(
        files=[f"images/{pictures.get(stem, f'{stem}.jpg')}" for stem in stems],
        labels=np.array(labels, np.float64),
        where=lambda row, annotation: str(_file(folder, stems[row], annotation)),
        landmarks=_landmarks(folder, stems, found),
        unannotated=len(pictures.keys() - set(stems)),
    )


def _by_number(stem: str) -> tuple[bool, int, str]:
    return (False, int(stem), stem) if stem.isdecimal() else (True, 0, stem)


def _file(folder: Path, stem: str, annotation: str) -> Path:
    """`annotation` is expression, valence or arousal."""
    return folder / f"{stem}_{annotation[:3]}.npy"


def _number(path: Path) -> float:
    """The one number of a file; the release holds it as text, copies of it as a number."""
    values = read_npy(path)
    try:
        value = float(values.reshape(-1)[0]) if values.size == 1 else math.nan
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise DataError("does not hold one number", subject=str(path), fix="copy the file again")
    return value


def _landmarks(folder: Path, stems: Sequence[str], found: set[str]) -> np.ndarray | None:
    """float32 [pictures, 68, 2], NaN where a picture has no landmarks; None where no picture has them."""
    import numpy as np

    points = np.full((len(stems), POINTS, 2), np.nan, np.float32)
    paths = {row: folder / name for row, stem in enumerate(stems) if (name := f"{stem}_lnd.npy") in found}
    for row, path in paths.items():
        try:
            points[row] = read_npy(path).astype(np.float32).reshape(POINTS, 2)
        except DataError:
            raise
        except (TypeError, ValueError) as exc:
            raise DataError(f"does not hold {POINTS} points", subject=str(path), fix="copy the file again") from exc
    return points if paths else None


def read_npy(path: Path) -> np.ndarray:
    """A small .npy file. Headers repeat over thousands of files, so each kind is parsed once.

    Raises:
        DataError: the file is missing, damaged, or holds pickled objects, which are never loaded.
    """
    import numpy as np

    try:
        data = path.read_bytes()
        end = 10 + int.from_bytes(data[8:10], "little")
        dtype, shape, order = _npy_header(data[:end])
        return np.frombuffer(data, dtype, count=math.prod(shape), offset=end).reshape(shape, order=order)
    except FileNotFoundError:
        raise DataError("annotation is missing", subject=str(path), fix="copy the file again") from None
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", subject=str(path), fix="copy the file again") from exc
    except (ValueError, TypeError, SyntaxError, EOFError, TokenError) as exc:
        raise DataError(f"is not a .npy file: {exc}", subject=str(path), fix="copy the file again") from exc


@lru_cache(maxsize=1024)
def _npy_header(header: bytes) -> tuple[Any, tuple[int, ...], Literal["C", "F"]]:
    from numpy.lib import format as npy

    file = io.BytesIO(header)
    version = npy.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"version {version} of the format is not read")
    shape, by_column, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never loaded")
    return dtype, shape, "F" if by_column else "C"
