"""What the pictures of a part are: their sizes, and which of them cannot be read."""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgebench.data.decode import guarded, opened, reason, whole_pixels
from edgebench.errors import DataError

if TYPE_CHECKING:
    from edgebench.data.index import Index

_CHUNK = 1024


@dataclass(frozen=True)
class Survey:
    """Of the pictures that were looked into."""

    pictures: int
    widths: tuple[int, int, int] | None
    """Smallest, median and largest in pixels; None where no picture could be read."""
    heights: tuple[int, int, int] | None
    broken: tuple[str, ...]
    """Files that cannot be read, each with its reason."""
    uncroppable: dict[str, int] = field(default_factory=dict)
    """Why faces cannot be cropped by their box, and how many."""


def survey(
    index: Index,
    *,
    limit: int | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Decodes every picture, or `limit` of them evenly spread."""
    from concurrent.futures import ThreadPoolExecutor

    count = len(index) if limit is None else min(limit, len(index))
    positions = [place * len(index) // count for place in range(count)]
    sizes, broken, uncroppable = array("q"), [], Counter[str]()
    with guarded(), ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for start in range(0, count, _CHUNK):
            chunk = positions[start : start + _CHUNK]
            for position, found in zip(chunk, pool.map(lambda place: _size(index, place), chunk), strict=True):
                if isinstance(found, str):
                    broken.append(f"{index.files[position]} ({found})")
                else:
                    sizes.extend(found)
                    uncroppable.update(_misfit(index, position, found))
            if progress is not None:
                progress(start + len(chunk), count)
    return Survey(count, _spread(sizes[::2]), _spread(sizes[1::2]), tuple(broken), dict(uncroppable))


def _size(index: Index, position: int) -> tuple[int, int] | str:
    """Width and height, or why the picture cannot be read."""
    try:
        with opened(index.path(position), index.span(position)) as (image, _):
            image.load()
            return image.size
    except MemoryError:
        raise
    except Exception as exc:  # a damaged file makes Pillow's readers fail in many ways
        return reason(exc)


def _misfit(index: Index, position: int, size: tuple[int, int]) -> list[str]:
    """Why nothing of the picture can be cropped by the face's box."""
    if index.face_box is None:
        return []
    x, y, width, height = index.face_box[position].tolist()
    try:
        whole_pixels((x, y, x + width, y + height), size)
    except DataError as exc:
        return [str(exc)]
    return []


def _spread(values: array[int]) -> tuple[int, int, int] | None:
    ordered = sorted(values)
    return (ordered[0], ordered[len(ordered) // 2], ordered[-1]) if ordered else None
