"""A stand-in for AffectNet: parametric faces written in the two layouts AffectNet circulates in.

AffectNet is licensed and never redistributed, so the embedded default draws its own faces. The folder
can be read by the same loader as the real data; the marker file and the comment inside every JPEG keep
anyone from taking one for the other.

Each image is a function of (seed, part, kind, index) alone, so any number of processes writes the same
bytes, and a larger part begins with the images of a smaller one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebench.data.cache import sole_writer
from edgebench.errors import DataError
from edgebench.files import as_store_errors, replacing

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from edgebench.data.face_identity import Pose
    from edgebench.data.faces import Face

Layout = Literal["2017", "2021"]
Part = Literal["training", "validation"]

SYNTHETIC_COMMENT = b"edgebench synthetic face"
MARKER = "edgebench-synthetic.json"
GENERATOR = 1  # raised whenever the same seed gives other bytes

NONE, UNCERTAIN, NO_FACE = 8, 9, 10
INVALID = -2.0  # AffectNet's valence and arousal where there is nothing to rate

# Images of each expression in a deck of 64: the square root of AffectNet's own training counts, so that
# happy and neutral lead and contempt and disgust trail, yet a few thousand images hold enough of each.
_TRAINING_DECK = (14, 18, 8, 6, 4, 3, 8, 3)
_EXTRA_EVERY = 50
_FEWEST_EXTRAS = 3
_CHUNK = 32
_PARTS: tuple[Part, ...] = ("training", "validation")
_FOLDERS_2021: dict[Part, str] = {"training": "train_set", "validation": "val_set"}
_COLUMNS_2017 = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"


@dataclass(frozen=True, slots=True)
class Request:
    """What a folder holds; also, with the generator's version, the content of its marker."""

    layout: Layout
    training: int
    validation: int
    seed: int
    size: int


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one image: `expression` 0 to 7 is one that counts, 8 to 10 an extra a loader must leave out."""

    part: Part
    number: int  # names the file of the 2021 layout
    index: int  # among the images of its kind
    expression: int

    @property
    def is_extra(self) -> bool:
        return self.expression >= NONE


@dataclass(frozen=True, slots=True)
class Sample:
    """One written image and its labels; pixels of the box and the landmarks are those of the file."""

    jpeg: bytes
    box: tuple[int, int, int, int]  # x, y, width, height
    landmarks: NDArray  # (68, 2)
    valence: float
    arousal: float


def write_affectnet(
    folder: Path,
    *,
    layout: Layout,
    training: int,
    validation: int,
    seed: int,
    size: int = 224,
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
) -> None:
    """Writes a synthetic AffectNet, whole or not at all; a folder that already holds the same one is left alone.

    Args:
        folder: the data set's root; its parents are made.
        training, validation: images with one of the eight expressions; one in fifty more (at least three a
            part) carry 8, 9 or 10, of which 9 and 10 have valence and arousal -2.
        size: side in pixels of a 2021 image; a 2017 picture is 1.25 to 1.5 times as large as that.
        progress: called with images done and images in all.
        jobs: processes; the bytes written do not depend on it.

    Raises:
        DataError: the folder holds something else.
        StoreError: it cannot be written, or the disk is full.
    """
    request = Request(layout, training, validation, seed, size)
    with as_store_errors(folder), sole_writer(folder):
        if folder.exists():
            _require_same(folder, request)
            return
        with replacing(folder) as built:
            built.mkdir()
            _build(built, request, progress or (lambda done, total: None), jobs)
            (built / MARKER).write_text(_marker(request))


def _require_same(folder: Path, request: Request) -> None:
    marker = folder / MARKER
    if not marker.is_file() or marker.read_text() != _marker(request):
        held = "another synthetic data set" if marker.is_file() else "something other than a synthetic data set"
        raise DataError(f"the folder holds {held}", subject=str(folder), fix="name a new folder, or remove this one")


def _marker(request: Request) -> str:
    return json.dumps({"generator": GENERATOR, **asdict(request)}, indent=1) + "\n"


def _build(root: Path, request: Request, progress: Callable[[int, int], None], jobs: int) -> None:
    slots = {part: _slots(part, getattr(request, part), request.seed) for part in _PARTS}
    everything = list(chain(*slots.values()))
    _make_folders(root, request, everything)
    chunks = [everything[start : start + _CHUNK] for start in range(0, len(everything), _CHUNK)]
    rows: dict[Slot, str] = {}
    for written in _run(partial(_write_chunk, root, request), chunks, jobs):
        rows |= written
        progress(len(rows), len(everything))
    if request.layout == "2017":
        for part in _PARTS:
            lines = (_COLUMNS_2017, *(rows[slot] for slot in slots[part]))
            (root / f"{part}.csv").write_text("\n".join(lines) + "\n")


def _make_folders(root: Path, request: Request, slots: list[Slot]) -> None:
    for folder in {_image_path(root, request, slot).parent for slot in slots}:
        folder.mkdir(parents=True, exist_ok=True)
        if request.layout == "2021":
            (folder.parent / "annotations").mkdir()


def _run(
    work: Callable[[list[Slot]], dict[Slot, str]], chunks: list[list[Slot]], jobs: int
) -> Iterator[dict[Slot, str]]:
    """The chunks' results as they come, in this process or in `jobs` others."""
    if jobs <= 1:
        yield from map(work, chunks)
        return
    # Forking a process that holds TensorFlow's threads can hang: start fresh ones.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(work, chunk) for chunk in chunks]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _slots(part: Part, count: int, seed: int) -> list[Slot]:
    """`count` faces with labels dealt from shuffled decks, the first eight one of each; then the extras."""
    fair = (1,) * 8
    decks = chain([fair], repeat(_TRAINING_DECK if part == "training" else fair))
    dealt = chain.from_iterable(_shuffled(deck, _rng(seed, part, 2, at)) for at, deck in enumerate(decks))
    faces = [Slot(part, index, index, label) for index, label in enumerate(islice(dealt, count))]
    extras = max(_FEWEST_EXTRAS, count // _EXTRA_EVERY)
    return faces + [Slot(part, count + index, index, NONE + index % 3) for index in range(extras)]


def _shuffled(deck: tuple[int, ...], rng: Generator) -> list[int]:
    labels = [label for label, copies in enumerate(deck) for _ in range(copies)]
    shuffled: list[int] = rng.permutation(labels).tolist()
    return shuffled


def _rng(seed: int, part: Part, kind: int, index: int) -> Generator:
    """A stream of its own for every image (kind 0), extra (1) and deck of labels (2)."""
    from numpy.random import PCG64, Generator, SeedSequence

    return Generator(PCG64(SeedSequence(seed, spawn_key=(_PARTS.index(part), kind, index))))


def draw_sample(request: Request, slot: Slot) -> Sample:
    """The image and labels of one slot; the same for the same request and slot, always."""
    from edgebench.data.face_expression import sample_affect
    from edgebench.data.face_identity import sample_identity
    from edgebench.data.face_photo import jpeg_bytes, photograph
    from edgebench.data.faces import Face

    rng = _rng(request.seed, slot.part, int(slot.is_extra), slot.index)
    expression = int(rng.integers(8)) if slot.is_extra else slot.expression
    affect = sample_affect(expression, rng)
    pose, size_px = _framing(request, rng)
    face = Face(sample_identity(rng), affect.parameters, pose)
    picture = photograph(None if slot.expression == NO_FACE else face, rng, size_px=size_px)
    rated = slot.expression not in (UNCERTAIN, NO_FACE)
    return Sample(
        jpeg=jpeg_bytes(picture, rng, comment=SYNTHETIC_COMMENT),
        box=_clipped_box(face, size_px),
        landmarks=face.landmarks_px(),
        valence=affect.valence if rated else INVALID,
        arousal=affect.arousal if rated else INVALID,
    )


def _framing(request: Request, rng: Generator) -> tuple[Pose, int]:
    """2021 pictures are cropped to the face; in the larger 2017 ones it stands anywhere."""
    from edgebench.data.face_identity import sample_pose

    if request.layout == "2021":
        size_px, scale_px = request.size, request.size * rng.uniform(0.40, 0.47)
        x, y = size_px * rng.normal((0.5, 0.51), 0.02)
    else:
        size_px, scale_px = round(request.size * rng.uniform(1.25, 1.52)), request.size * rng.uniform(0.38, 0.45)
        x, y = rng.uniform(1.15 * scale_px, size_px - 1.15 * scale_px, 2)
    return sample_pose(rng, scale_px=float(scale_px), centre_px=(float(x), float(y))), size_px


def _clipped_box(face: Face, size_px: int) -> tuple[int, int, int, int]:
    x, y, width, height = face.box_px()
    left, top = max(0, x), max(0, y)
    return left, top, min(size_px, x + width) - left, min(size_px, y + height) - top


def _write_chunk(root: Path, request: Request, slots: list[Slot]) -> dict[Slot, str]:
    """Writes images and, in the 2021 layout, annotations; returns the rows of the 2017 table."""
    rows: dict[Slot, str] = {}
    for slot in slots:
        sample = draw_sample(request, slot)
        path = _image_path(root, request, slot)
        path.write_bytes(sample.jpeg)
        if request.layout == "2021":
            _write_annotations(path.parent.parent / "annotations", slot, sample)
        rows[slot] = _row(path, slot, sample)
    return rows


def _image_path(root: Path, request: Request, slot: Slot) -> Path:
    if request.layout == "2021":
        return root / _FOLDERS_2021[slot.part] / "images" / f"{slot.number}.jpg"
    key = f"{request.seed}/{slot.part}/{int(slot.is_extra)}/{slot.index}"
    name = hashlib.blake2b(key.encode(), digest_size=28).hexdigest()
    return root / "Manually_Annotated_Images" / str(slot.index // 1000 + 1) / f"{name}.jpg"


def _write_annotations(folder: Path, slot: Slot, sample: Sample) -> None:
    """The release keeps labels as strings in 0-d arrays, and the landmarks as 136 numbers."""
    import numpy as np

    for name, value in (
        ("exp", np.array(str(slot.expression))),
        ("val", np.array(_number(sample.valence))),
        ("aro", np.array(_number(sample.arousal))),
        ("lnd", sample.landmarks.ravel()),
    ):
        np.save(folder / f"{slot.number}_{name}.npy", value)


def _row(path: Path, slot: Slot, sample: Sample) -> str:
    points = ";".join(f"{number:.2f}" for number in sample.landmarks.ravel().tolist())
    labels = (str(slot.expression), _number(sample.valence), _number(sample.arousal))
    return ",".join((f"{path.parent.name}/{path.name}", *map(str, sample.box), points, *labels))


def _number(value: float) -> str:
    """As AffectNet writes it: -2 for what was not rated."""
    return "-2" if value == INVALID else f"{value:.6f}"
