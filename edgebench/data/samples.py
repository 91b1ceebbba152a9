"""Decoded images: one cached, memory-mapped uint8 tensor per part, geometry and selection."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from edgebench.data.cache import Seal, building, replacing, stamp
from edgebench.data.decode import Decoded, Unreadable, crop_boxes, decode, guarded
from edgebench.data.index import EXPRESSIONS, VALENCE_AROUSAL, count_classes, count_values, synthetic_name
from edgebench.data.selection import balanced
from edgebench.digests import sha256_json
from edgebench.errors import DataError
from edgebench.files import as_store_errors, remove

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from edgebench.data.index import Index
    from edgebench.records.dataset import DatasetInfo
    from edgebench.specs.model import InputContract

Progress = Callable[[int, int], None]
"""Told how many images are done, of how many."""

_CHUNK = 256
"""Images decoded before they are written: what bounds memory and the wait after an interrupt."""
_NAMED = 10
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Samples:
    """Images with their labels, row by row.

    Attributes:
        images: uint8 [samples, height, width, channels], memory-mapped, colours in the contract's order.
        classes: int64 [samples], numbers into `labels`; -1 where there is none.
        values: float32 [samples, columns], of `value_names`; NaN where there is none.
        content: sha256 of each picture file.
    """

    images: np.ndarray
    labels: tuple[str, ...]
    classes: np.ndarray
    value_names: tuple[str, ...]
    values: np.ndarray
    content: tuple[str, ...]
    info: DatasetInfo

    def __len__(self) -> int:
        return len(self.content)


def load_samples(
    index: Index,
    contract: InputContract,
    *,
    cache: Path,
    select: np.ndarray | None = None,
    limit: int | None = None,
    seed: int = 0,
    tolerance: float = 0.0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Samples:
    """The images of an index under a contract's geometry, decoded once and kept.

    Args:
        select: positions in the index; all of them by default.
        limit: at most so many, as even over the classes as they allow, drawn with `seed`.
        tolerance: share of the images that may be missing or unreadable; those are left out and listed.
        jobs: threads that decode; one per processor by default.

    Raises:
        DataError: too many pictures are missing or unreadable (all are counted, the first ten named), the
            contract crops by what the layout does not hold, or nothing is left.
        StoreError: the cache cannot be written.
    """
    import numpy as np

    chosen = np.arange(len(index)) if select is None else np.asarray(select, np.int64)
    if limit is not None and limit < len(chosen):
        chosen = chosen[balanced(index.classes[chosen], limit, seed)]
    if not len(chosen):
        raise DataError("no image is selected", subject=index.name, fix="ask for at least one")
    tensor = _Tensor(index, contract, chosen, cache / "samples")
    kept = tensor.load()
    if kept is None:
        with building(tensor.images_path):
            kept = tensor.load() or tensor.build(tolerance, jobs or os.cpu_count() or 1, progress)
    images, record = kept
    _refuse_unreadable(index, record["unreadable"], len(chosen), tolerance)
    return _samples(index, chosen, images, record)


class _Tensor:
    """The cached pixels of a selection: `<key>.npy`, and `<key>.json`, whose presence completes it."""

    def __init__(self, index: Index, contract: InputContract, chosen: np.ndarray, folder: Path) -> None:
        self.index, self.contract, self.chosen = index, contract, chosen
        self.paths = [index.path(position) for position in chosen]
        self.boxes = crop_boxes(index, contract, chosen)
        stamps = [stamp(path) for path in self.paths]
        key = sha256_json([_VERSION, index.key, contract.geometry(), chosen.tolist(), stamps])
        self.images_path, self.record_path = folder / f"{key}.npy", folder / f"{key}.json"

    def load(self) -> tuple[np.ndarray, dict[str, Any]] | None:
        """None where there is no complete tensor of the right shape, or it is not what was written."""
        import numpy as np

        try:
            record = json.loads(self.record_path.read_bytes())
            if not Seal(**record["tensor"]).fits(self.images_path):
                return None
            images = np.load(self.images_path, mmap_mode="r", allow_pickle=False)
            whole = images.shape == self._shape(len(record["content"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return (images, record) if whole else None

    def build(self, tolerance: float, jobs: int, progress: Progress | None) -> tuple[np.ndarray, dict[str, Any]]:
        record: dict[str, Any] = {"content": [], "unreadable": [], "synthetic": False}
        with replacing(self.images_path) as temporary:
            with temporary.open("wb") as file:
                self._write(file, record, jobs, progress)
            _refuse_unreadable(self.index, record["unreadable"], len(self.chosen), tolerance)
            record["tensor"] = Seal.of(temporary).model_dump()
        with replacing(self.record_path) as temporary:
            temporary.write_text(json.dumps(record))
        kept = self.load()
        assert kept is not None  # both files were just written under the lock
        return kept

    def _write(self, file: BinaryIO, record: dict[str, Any], jobs: int, progress: Progress | None) -> None:
        """Appends chunk after chunk; the count in the header, padded to a fixed width, is set at the end."""
        from concurrent.futures import ThreadPoolExecutor

        import numpy as np

        count = len(self.paths)
        self._write_header(file, count)
        pixels = np.empty(self._shape(min(_CHUNK, count)), np.uint8)
        with guarded(), ThreadPoolExecutor(jobs) as pool:
            for start in range(0, count, _CHUNK):
                answers = self._decode_chunk(pool, start, pixels)
                good = [row for row, answer in enumerate(answers) if isinstance(answer, Decoded)]
                file.write(pixels[: len(good)].data if len(good) == len(answers) else pixels[good].data)
                self._note(record, start, answers)
                if progress is not None:
                    progress(start + len(answers), count)
        file.seek(0)
        self._write_header(file, len(record["content"]))

    def _decode_chunk(self, pool: ThreadPoolExecutor, start: int, pixels: np.ndarray) -> list[Decoded | Unreadable]:
        paths = self.paths[start : start + _CHUNK]
        boxes: Sequence[Any] = [None] * len(paths)
        if self.boxes is not None:
            boxes = self.boxes[start : start + _CHUNK].tolist()
        spans = [self.index.span(position) for position in self.chosen[start : start + _CHUNK]]
        return list(pool.map(decode, paths, spans, boxes, [self.contract] * len(paths), pixels))

    def _shape(self, count: int) -> tuple[int, int, int, int]:
        height, width = self.contract.size
        return count, height, width, self.contract.channels

    def _write_header(self, file: BinaryIO, count: int) -> None:
        from numpy.lib import format as npy

        npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": self._shape(count)})

    def _note(self, record: dict[str, Any], start: int, answers: Sequence[Decoded | Unreadable]) -> None:
        for row, answer in enumerate(answers, start):
            if isinstance(answer, Unreadable):
                file = self.index.files[self.chosen[row]]
                record["unreadable"].append([row, f"{file} ({answer.reason})"])
            else:
                record["content"].append(answer.sha256)
                record["synthetic"] |= answer.synthetic


def damaged_tensors(cache: Path) -> Iterator[Path]:
    """Records of kept pixels that no hash confirms; everything is read."""
    for path in sorted((cache / "samples").glob("[!.]*.json")):
        try:
            seal = Seal(**json.loads(path.read_bytes())["tensor"])
            whole = seal.fits(path.with_suffix(".npy"), fully=True)
        except (OSError, ValueError, TypeError, KeyError):
            whole = False
        if not whole:
            yield path


def forget_tensor(record: Path) -> None:
    """Removes kept pixels with their record, so that the pictures are decoded again."""
    with as_store_errors(record):
        remove(record)
        remove(record.with_suffix(".npy"))


def _refuse_unreadable(index: Index, unreadable: Sequence[Sequence[Any]], count: int, tolerance: float) -> None:
    if not unreadable or (len(unreadable) <= tolerance * count and len(unreadable) < count):
        return
    names = ", ".join(name for _, name in unreadable[:_NAMED])
    more = f" and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
    raise DataError(
        f"{len(unreadable)} of {count} pictures cannot be read: {names}{more}",
        subject=f"{index.name}, {index.split}",
        fix=f"copy them again, or state a tolerance above the {tolerance:.2%} of pictures allowed to be left out",
    )


def _samples(index: Index, chosen: np.ndarray, images: np.ndarray, record: dict[str, Any]) -> Samples:
    import numpy as np

    from edgebench.records.dataset import DatasetInfo

    used = np.delete(chosen, [row for row, _ in record["unreadable"]])
    classes, values = index.classes[used], index.values[used]
    content = tuple(record["content"])
    info = DatasetInfo(
        name=_name(index, len(chosen), record["synthetic"]),
        id=samples_id(content, index.labels, classes, index.value_names, values),
        split=index.split,
        layout=index.layout,
        synthetic=index.synthetic or record["synthetic"],
        samples=len(used),
        per_class=count_classes(classes, index.labels),
        per_value=count_values(values, index.value_names),
        dropped=index.dropped,
        unreadable=tuple(name for _, name in record["unreadable"]),
    )
    return Samples(images, index.labels, classes, index.value_names, values, content, info)


def _name(index: Index, chosen: int, synthetic: bool) -> str:
    """The set's name; the opening of an index looks at some pictures only, the decoding at every one."""
    name = synthetic_name(index.folder) if synthetic and not index.synthetic else index.name
    return name if chosen == len(index) else f"{name}, {chosen:,} of {len(index):,}"


def samples_id(
    content: Sequence[str],
    labels: Sequence[str],
    classes: np.ndarray,
    value_names: Sequence[str],
    values: np.ndarray,
) -> str:
    """Hash over pictures and labels in order: the same wherever the same set lies."""
    names = [list(labels), list(value_names)]
    # AffectNet's columns are named by the numbers alone: ids of it stand in committed baselines.
    named = [] if names == [list(EXPRESSIONS), list(VALENCE_AROUSAL)] else names
    numbers = [classes.astype("<i8").tobytes().hex(), values.astype("<f4").tobytes().hex()]
    return sha256_json([list(content), *numbers, *named])
