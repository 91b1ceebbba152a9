"""Images that set int8 ranges: from the training part, even over the classes, never from the evaluation set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.data.cache import stamp
from edgebench.data.index import LABELS
from edgebench.data.layouts import open_index
from edgebench.data.samples import Progress, Samples, load_samples
from edgebench.data.selection import balanced
from edgebench.digests import sha256_file
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from edgebench.data.index import Index
    from edgebench.specs.model import InputContract


def calibration_samples(
    folder: Path,
    contract: InputContract,
    *,
    cache: Path,
    count: int = 200,
    seed: int = 0,
    exclude: Collection[str] = (),
    disjoint: bool = False,
    labels: Sequence[str] = LABELS,
    tolerance: float = 0.0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Samples:
    """`count` images drawn with `seed`, as even over `labels` as the classes allow.

    Args:
        exclude: content hashes of the evaluation set. A candidate among them is replaced by the next one
            of its class, and counted in the info's `dropped`.
        disjoint: for a set without a training part: draws the calibration half of `split_disjoint` from
            the validation part.

    Raises:
        DataError: no such part, a class without an image, or too few images left.
    """
    index = open_index(folder, "validation" if disjoint else "training", cache=cache)
    candidates = split_disjoint(index, count, seed, labels=labels)[0] if disjoint else with_expression(index, labels)
    chosen, overlapping = _draw(index, candidates, count, seed, frozenset(exclude), labels)
    samples = load_samples(
        index, contract, cache=cache, select=chosen, tolerance=tolerance, jobs=jobs, progress=progress
    )
    if not overlapping:
        return samples
    dropped = samples.info.dropped | {"also in the evaluation set": overlapping}
    return replace(samples, info=samples.info.model_copy(update={"dropped": dropped}))


def split_disjoint(
    index: Index, count: int, seed: int, *, labels: Sequence[str] = LABELS
) -> tuple[np.ndarray, np.ndarray]:
    """Positions for calibration and for evaluation, sorted, that share no image.

    A copy of a calibration image, found by size and content hash, is left out of the evaluation.

    Raises:
        DataError: a class without an image, or nothing left to evaluate.
    """
    import numpy as np

    candidates = with_expression(index, labels)
    _require_enough(index, candidates, count, labels)
    calibration = candidates[balanced(index.expression[candidates], count, seed)]
    rest = np.setdiff1d(np.arange(len(index)), calibration)
    evaluation = np.setdiff1d(rest, _copies(index, calibration, rest))
    if not len(evaluation):
        raise DataError(
            f"{count} calibration images leave none to evaluate",
            subject=index.name,
            fix="ask for fewer calibration images, or add a training part",
        )
    return calibration, evaluation


def with_expression(index: Index, labels: Sequence[str]) -> np.ndarray:
    """Positions of the images that carry one of the labels."""
    import numpy as np

    wanted = [number for number, label in enumerate(LABELS) if label in labels]
    return np.flatnonzero(np.isin(index.expression, wanted))


def _draw(
    index: Index, candidates: np.ndarray, count: int, seed: int, exclude: frozenset[str], labels: Sequence[str]
) -> tuple[np.ndarray, int]:
    """Positions that are not excluded, and how many candidates were passed over for it."""
    import numpy as np

    allowed = np.ones(len(candidates), bool)
    checked = np.zeros(len(candidates), bool)
    while True:
        drawn = balanced(index.expression[candidates], count, seed, allowed=allowed)
        fresh = drawn[~checked[drawn]]
        overlapping = [place for place in fresh if _is_among(index.path(int(candidates[place])), exclude)]
        checked[fresh], allowed[overlapping] = True, False
        if not overlapping:
            break
    passed_over = int((~allowed).sum())
    _require_enough(index, candidates[allowed], count, labels, passed_over)
    return candidates[drawn], passed_over


def _is_among(path: Path, hashes: frozenset[str]) -> bool:
    return bool(hashes) and _content(path) in hashes


def _content(path: Path) -> str | None:
    """The file's hash; None where it cannot be read, which is reported when the pictures are."""
    try:
        return sha256_file(path) if path.is_file() else None
    except OSError:
        return None


def _require_enough(
    index: Index, candidates: np.ndarray, count: int, labels: Sequence[str], passed_over: int = 0
) -> None:
    because = f" ({passed_over} are in the evaluation set too)" if passed_over else ""
    subject = f"{index.name}, {index.split}"
    present = {LABELS[number] for number in index.expression[candidates]}
    absent = [label for label in labels if label not in present]
    if absent:
        raise DataError(
            f"holds no image of class {', '.join(absent)} to calibrate with{because}",
            subject=subject,
            fix="add such images, or use a model without that class",
        )
    if len(candidates) < count:
        raise DataError(
            f"holds {len(candidates)} of {count} images to calibrate with{because}",
            subject=subject,
            fix="ask for fewer calibration images, or add images",
        )


def _copies(index: Index, originals: np.ndarray, others: np.ndarray) -> list[int]:
    """Those of `others` whose file equals one of `originals`; only files of an original's size are read."""
    sizes = {position: stamp(index.path(position))[0] for position in (*originals.tolist(), *others.tolist())}
    original_sizes = {sizes[position] for position in originals.tolist()} - {-1}
    suspects = [position for position in others.tolist() if sizes[position] in original_sizes]
    suspect_sizes = {sizes[position] for position in suspects}
    hashes = {_content(index.path(p)) for p in originals.tolist() if sizes[p] in suspect_sizes} - {None}
    return [position for position in suspects if _content(index.path(position)) in hashes]
