"""What a loader returns: every labelled image of one part of a data set, column by column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from edgebench.data.cache import building, replacing

if TYPE_CHECKING:
    import numpy as np

EXPRESSIONS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
"""Of AffectNet, in the order of its numbers."""

VALENCE_AROUSAL = ("valence", "arousal")
"""Columns of numbers that are brought to [-1, 1] by whoever reads them."""

Split = Literal["training", "validation"]
SPLITS: tuple[Split, ...] = ("training", "validation")

_PROBED = 24


@dataclass(frozen=True, eq=False)
class Index:
    """Images with at least one usable label, in the order of their annotations.

    Attributes:
        folder: what the user named; `root` is the tree below it that holds the pictures.
        files: paths below `root`, with forward slashes.
        labels: names of the classes, in the order of their numbers; empty for a set without classes.
        classes: int64 [images], numbers into `labels`; -1 where there is none.
        value_names: names of the columns of numbers.
        values: float32 [images, columns]; NaN where there is none. Valence and arousal lie in [-1, 1].
        face_box: float32 [images, 4], x, y, width and height in pixels; None where the layout has none.
        landmarks: float32 [images, points, 2] in pixels; None where the layout has none.
        spans: int64 [images, 2], first byte and length of a picture that stands in a table with others, written out
            as decimal numbers; None where each is a file of its own. `files` then say file and line.
        groups: int64 [images]; images of one number, of one clip or subject, resemble one another and are never
            divided between calibration and evaluation; -1 where one stands alone. The same number means the same
            group in every part. None where the layout knows of none.
        dropped: what the filters took away, and how many of it.
        agreement: of several annotators, as of `metrics.annotators`; empty where each picture has one.
        key: hash of the annotation files' paths, sizes and times; changes when they do.
    """

    name: str
    layout: str
    split: Split
    synthetic: bool
    folder: Path
    root: Path
    files: tuple[str, ...]
    labels: tuple[str, ...]
    classes: np.ndarray
    value_names: tuple[str, ...]
    values: np.ndarray
    face_box: np.ndarray | None
    landmarks: np.ndarray | None
    key: str
    dropped: dict[str, int] = field(default_factory=dict)
    spans: np.ndarray | None = None
    groups: np.ndarray | None = None
    agreement: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def path(self, position: int) -> Path:
        """The file that holds a picture."""
        file = self.files[position]
        return self.root / (file if self.spans is None else file.rpartition(":")[0])

    def span(self, position: int) -> tuple[int, int] | None:
        """Where in that file the picture stands; None where it is the file."""
        if self.spans is None:
            return None
        start, length = self.spans[position].tolist()
        return start, length

    def per_class(self) -> dict[str, int]:
        return count_classes(self.classes, self.labels)

    def per_value(self) -> dict[str, int]:
        return count_values(self.values, self.value_names)


class Loader(Protocol):
    """One layout on disk. A new one is one file with these verbs and one row in `LOADERS`."""

    layout: ClassVar[str]
    looked_for: ClassVar[str]
    """The layout and the files that mark it, for the message when none fits."""

    def name(self, folder: Path) -> str:
        """What a set that stands in the folder is called wherever its results are shown."""
        ...

    def detect(self, folder: Path) -> bool:
        """True when the folder holds at least one part in this layout."""
        ...

    def splits(self, folder: Path) -> tuple[Split, ...]:
        """The parts that stand in the folder."""
        ...

    def key(self, folder: Path, split: Split) -> str:
        """Hash over what identifies the annotations without reading them."""
        ...

    def read(self, folder: Path, split: Split) -> Index:
        """Every annotation of a part that is there, without a name: `open_index` gives it.

        Raises:
            DataError: an annotation is missing, malformed or out of range.
        """
        ...


def count_classes(classes: np.ndarray, labels: Sequence[str]) -> dict[str, int]:
    """Images of each class, in the order of the set's labels."""
    import numpy as np

    counts = np.bincount(classes[classes >= 0], minlength=len(labels))
    return dict(zip(labels, counts.tolist(), strict=True))


def count_values(values: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    """Images with a number in each column."""
    import numpy as np

    return dict(zip(names, np.isfinite(values).sum(axis=0).tolist(), strict=True))


def named(index: Index, name: str) -> Index:
    """The index under its loader's name for it, unless its pictures say that they are synthetic."""
    from edgebench.data.synthetic import MARKER

    step = max(1, len(index) // _PROBED)
    probes = (index.path(position) for position in range(0, len(index), step))
    synthetic = (index.folder / MARKER).exists() or any(is_synthetic_file(path) for path in probes)
    return replace(index, name=synthetic_name(index.folder) if synthetic else name, synthetic=synthetic)


def is_synthetic_file(path: Path) -> bool:
    try:
        if not path.is_file():  # opening a pipe would wait for a writer
            return False
        with path.open("rb") as file:
            return is_synthetic(file.read(16_384))
    except OSError:
        return False  # a missing picture is reported when the pictures are read


def is_synthetic(data: bytes) -> bool:
    """True when the picture's bytes carry the comment that the generator of faces writes."""
    from edgebench.data.synthetic import SYNTHETIC_COMMENT

    return SYNTHETIC_COMMENT in data


def synthetic_name(folder: Path) -> str:
    from edgebench.data.synthetic import MARKER

    try:
        seed = json.loads((folder / MARKER).read_bytes())["seed"]
    except (OSError, ValueError, KeyError, TypeError):
        return "synthetic faces"
    return f"synthetic faces (seed {seed})"


_ARRAYS = ("classes", "values", "face_box", "landmarks", "spans", "groups")


def save_index(index: Index, path: Path) -> None:
    import numpy as np

    arrays = {name: value for name in _ARRAYS if (value := getattr(index, name)) is not None}
    header = {
        "layout": index.layout,
        "split": index.split,
        "folder": str(index.folder),
        "root": str(index.root),
        "files": index.files,
        "labels": index.labels,
        "value_names": index.value_names,
        "key": index.key,
        "dropped": index.dropped,
        "agreement": index.agreement,
        "arrays": list(arrays),
    }
    with building(path), replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


def saved_index(path: Path) -> Index | None:
    """The index kept at `path`, without a name; None where there is none that can be read."""
    import numpy as np

    try:
        # numpy leaves a file it opened itself open when that is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            arrays = dict.fromkeys(_ARRAYS) | {name: stored[name] for name in header.pop("arrays")}
        header |= {name: Path(header[name]) for name in ("folder", "root")}
        header |= {name: tuple(header[name]) for name in ("files", "labels", "value_names")}
        return Index(name="", synthetic=False, **header, **arrays)
    except Exception:  # a damaged file makes the reader of archives fail in many ways
        return None
