"""One picture file as the uint8 pixels that a contract's geometry asks for."""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.data.index import is_synthetic
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from edgebench.data.index import Index
    from edgebench.specs.model import InputContract

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP")
"""The only kinds of file that are opened; others of Pillow's readers start foreign programs."""

Box = Sequence[float]
"""Left, top, right, bottom in pixels of the stored picture."""


Span = tuple[int, int]
"""First byte and length."""


@dataclass(frozen=True)
class Decoded:
    """A picture that was used: its file's hash, and whether the generator of faces made it."""

    sha256: str
    synthetic: bool


@dataclass(frozen=True)
class Unreadable:
    """A picture that could not be used, and why."""

    reason: str


def crop_boxes(index: Index, contract: InputContract, chosen: np.ndarray) -> np.ndarray | None:
    """float64 [chosen, 4]: left, top, right, bottom with the contract's margin; None for whole pictures.

    Raises:
        DataError: the contract crops by something that the layout does not hold, or not at all where pictures
            hold several faces.
    """
    import numpy as np

    if contract.crop == "none":
        _refuse_shared_pictures(index)
        return None
    if contract.crop == "face_box":
        if index.face_box is None:
            raise _cannot_crop(index, "face boxes", "landmarks")
        x, y, width, height = index.face_box[chosen].astype(np.float64).T
        edges = np.stack([x, y, x + width, y + height], axis=1)
    else:
        if index.landmarks is None:
            raise _cannot_crop(index, "landmarks", "face_box")
        points = index.landmarks[chosen].astype(np.float64)
        edges = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    size = edges[:, 2:] - edges[:, :2]
    return np.concatenate([edges[:, :2] - contract.margin * size, edges[:, 2:] + contract.margin * size], axis=1)


def _refuse_shared_pictures(index: Index) -> None:
    """Faces of one picture would be shown as the same pixels with several labels."""
    places = index.landmarks if index.face_box is None else index.face_box
    pictures = len(set(index.files))
    if places is None or pictures == len(index):
        return
    faces = len({(file, place.tobytes()) for file, place in zip(index.files, places, strict=True)})
    if faces > pictures:
        raise DataError(
            f"holds {faces} faces in {pictures} pictures, of which the model is shown the whole",
            subject=f"{index.name}, {index.split}",
            fix="set `crop: face_box` or `crop: landmarks` in the model's spec; where the rows of a picture are of "
            "one face, state the columns of its place under `ignore` in dataset.yaml",
        )


def _cannot_crop(index: Index, what: str, other: str) -> DataError:
    return DataError(
        f"the model's contract crops by {what}, which the {index.layout} layout does not hold",
        subject=index.name,
        fix=f"set `crop: {other}` or `crop: none` in the model's spec and train with it, or use another layout",
    )


@contextmanager
def guarded() -> Iterator[None]:
    """While open, a picture beyond Pillow's decompression limit is an error in every thread."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(
    path: Path, span: Span | None, box: Box | None, contract: InputContract, out: np.ndarray
) -> Decoded | Unreadable:
    """Writes the pixels into `out`, uint8 [height, width, channels].

    Pixels are taken as stored (an orientation tag is not applied, since boxes refer to stored pixels). What
    of a crop lies outside of the picture is black. Gray is the luma of ITU-R BT.601.
    """
    try:
        with opened(path, span) as (image, data):
            _write(image, box, contract, out)
    except MemoryError:
        raise
    except Exception as exc:  # a damaged file makes Pillow's readers fail in many ways
        return Unreadable(reason(exc))
    return Decoded(hashlib.sha256(data).hexdigest(), is_synthetic(data))


@contextmanager
def opened(path: Path, span: Span | None) -> Iterator[tuple[Image.Image, bytes]]:
    """A picture whose pixels are not loaded yet, and its bytes.

    Raises:
        DataError: it is no file, or its pixels are not of 8 bits.
        Exception: of many kinds, as of Pillow's readers; `reason` puts it in words.
    """
    from PIL import Image

    if not path.is_file():  # opening a pipe would wait for a writer
        raise DataError("not a file" if path.exists() else "missing")
    data = read_picture(path, span)
    with Image.open(io.BytesIO(data), formats=FORMATS) if span is None else written_out(data) as image:
        if image.mode.startswith(("I", "F")):
            raise DataError(f"pixels of kind {image.mode} are not 8 bit")
        yield image, data


def reason(exc: Exception) -> str:
    """Why a picture cannot be used, the same at every attempt."""
    from PIL import UnidentifiedImageError

    if isinstance(exc, FileNotFoundError):
        return "missing"
    if isinstance(exc, UnidentifiedImageError):  # its own text names an address in memory
        return f"{type(exc).__name__}: is none of {', '.join(FORMATS)}"
    return str(exc) if isinstance(exc, DataError) else f"{type(exc).__name__}: {exc}"


def read_picture(path: Path, span: Span | None) -> bytes:
    """The bytes of a file, or of the part of it that is the picture."""
    if span is None:
        return path.read_bytes()
    start, length = span
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)


def written_out(data: bytes) -> Image.Image:
    """A square gray picture of decimal numbers in reading order.

    Raises:
        DataError: it is none.
    """
    import numpy as np
    from PIL import Image

    try:
        values = np.array(data.strip(b' "\r\n').split(), np.int64)
    except ValueError:
        values = np.empty(0, np.int64)
    side = math.isqrt(values.size)
    if not side or side * side != values.size or values.min() < 0 or values.max() > 255:
        raise DataError("holds no square of gray values from 0 to 255")
    return Image.fromarray(values.astype(np.uint8).reshape(side, side))


def _write(image: Image.Image, box: Box | None, contract: InputContract, out: np.ndarray) -> None:
    import numpy as np
    from PIL import Image

    part = image if box is None else image.crop(whole_pixels(box, image.size))
    color = part.convert("L" if contract.color == "gray" else "RGB")
    height, width = contract.size
    scaled = color.resize((width, height), Image.Resampling[contract.resize.upper()])
    pixels = np.asarray(scaled).reshape(out.shape)
    out[...] = pixels[..., ::-1] if contract.color == "bgr" else pixels


def whole_pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Raises DataError for a box by which nothing of a picture of that size can be cropped."""
    if not all(math.isfinite(edge) for edge in box):
        raise DataError("no box to crop by")
    left, top, right, bottom = (round(edge) for edge in box)
    if right <= left or bottom <= top:
        raise DataError("the box to crop by is empty")
    if left >= size[0] or top >= size[1] or right <= 0 or bottom <= 0:
        raise DataError("the box to crop by lies outside of the picture")
    return left, top, right, bottom
