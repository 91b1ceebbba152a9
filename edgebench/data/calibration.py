"""Images that set int8 ranges: from the training part, even over the classes, never from the evaluation set.

Nor do they come from a clip or subject that is evaluated, where a data set knows its groups.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.data.cache import stamp
from edgebench.data.decode import read_picture
from edgebench.data.layouts import find_splits, open_index
from edgebench.data.samples import Progress, Samples, load_samples
from edgebench.data.selection import balanced
from edgebench.digests import sha256_bytes, sha256_file
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from edgebench.data.index import Index
    from edgebench.specs.model import InputContract

_SET_ASIDE = 5
"""One in so many groups calibrates: frames of a single clip would not show the range of all."""
_GROUPS = 1
"""Stream of a seed: which groups are set aside must tell nothing about which of their images are drawn."""


def calibration_samples(
    folder: Path,
    contract: InputContract,
    *,
    cache: Path,
    count: int = 200,
    seed: int = 0,
    exclude: Collection[str] = (),
    disjoint: bool = False,
    labels: Sequence[str] | None = None,
    tolerance: float = 0.0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Samples:
    """`count` images drawn with `seed`, as even over `labels` as the classes allow.

    Args:
        labels: classes of the set; by default all that it has. A set without any is drawn from at random.
        exclude: content hashes of the evaluation set. A candidate among them is replaced by the next one
            of its class, and counted in the info's `dropped`, as are those of a group that is evaluated.
        disjoint: for a set without a training part: draws the calibration half of `split_disjoint` from
            the validation part.

    Raises:
        DataError: no such part, a class without an image, or too few images left.
    """
    index = open_index(folder, "validation" if disjoint else "training", cache=cache)
    labels = index.labels if labels is None else labels
    candidates, related = with_class(index, labels), 0
    if disjoint:
        candidates = split_disjoint(index, count, seed, labels=labels)[0]
    elif index.groups is not None and "validation" in find_splits(folder):
        apart = candidates[~_is_related(index, candidates, open_index(folder, "validation", cache=cache))]
        candidates, related = apart, len(candidates) - len(apart)
    chosen, overlapping = _draw(index, candidates, count, seed, frozenset(exclude), labels, related)
    samples = load_samples(
        index, contract, cache=cache, select=chosen, tolerance=tolerance, jobs=jobs, progress=progress
    )
    passed_over = {"also in the evaluation set": overlapping, "of a group in the evaluation set": related}
    dropped = samples.info.dropped | {reason: number for reason, number in passed_over.items() if number}
    return replace(samples, info=samples.info.model_copy(update={"dropped": dropped}))


def split_disjoint(
    index: Index, count: int, seed: int, *, labels: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions for calibration and for evaluation, sorted, that share no image and no group.

    A copy of a calibration image, found by size and content hash, is left out of the evaluation. Of groups, one in
    `_SET_ASIDE` calibrates, or more where these hold too few images or not every class.

    Raises:
        DataError: a class without an image, or nothing left to evaluate.
    """
    import numpy as np

    labels = index.labels if labels is None else labels
    candidates = with_class(index, labels)
    _require_enough(index, candidates, count, labels)
    candidates = _set_aside(index, candidates, count, seed)
    calibration = candidates[balanced(index.classes[candidates], count, seed)]
    rest = np.flatnonzero(~np.isin(_groups(index), _groups(index)[calibration]))
    evaluation = np.setdiff1d(rest, _copies(index, calibration, rest))
    if not len(evaluation):
        raise DataError(
            f"{count} calibration images{'' if index.groups is None else ' and their groups'} leave none to evaluate",
            subject=index.name,
            fix="ask for fewer calibration images with --calibration, or add a training part",
        )
    return calibration, evaluation


def _set_aside(index: Index, candidates: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The candidates of the groups that calibrate; all where none has a group."""
    import numpy as np

    if index.groups is None or (index.groups < 0).all():
        return candidates
    names, group = np.unique(_groups(index)[candidates], return_inverse=True)
    turn = np.random.default_rng((_GROUPS, seed)).permutation(len(names))[group]
    classes = index.classes[candidates]
    needed = [turn[classes == number].min() for number in np.unique(classes)]
    last = max(-(-len(names) // _SET_ASIDE) - 1, np.sort(turn)[min(count, len(turn)) - 1], *needed)
    return np.asarray(candidates[turn <= last])


def _groups(index: Index) -> np.ndarray:
    """The group of each image, where one without is a group of its own."""
    import numpy as np

    alone = -1 - np.arange(len(index))
    return alone if index.groups is None else np.where(index.groups < 0, alone, index.groups)


def _is_related(index: Index, candidates: np.ndarray, evaluated: Index) -> np.ndarray:
    """Which candidates are of a group that another part holds too: bool [candidates]."""
    import numpy as np

    assert index.groups is not None
    groups = index.groups[candidates]
    held = np.empty(0, np.int64) if evaluated.groups is None else evaluated.groups
    related: np.ndarray = (groups >= 0) & np.isin(groups, held)
    return related


def with_class(index: Index, labels: Sequence[str]) -> np.ndarray:
    """Positions of the images that carry one of the labels; of all images where no label is asked for."""
    import numpy as np

    if not labels:
        return np.arange(len(index))
    wanted = [number for number, label in enumerate(index.labels) if label in labels]
    return np.flatnonzero(np.isin(index.classes, wanted))


def _draw(
    index: Index,
    candidates: np.ndarray,
    count: int,
    seed: int,
    exclude: frozenset[str],
    labels: Sequence[str],
    related: int,
) -> tuple[np.ndarray, int]:
    """Positions that are not excluded, and how many candidates were passed over for it."""
    import numpy as np

    allowed = np.ones(len(candidates), bool)
    checked = np.zeros(len(candidates), bool)
    while True:
        drawn = balanced(index.classes[candidates], count, seed, allowed=allowed)
        fresh = drawn[~checked[drawn]]
        overlapping = [place for place in fresh if _is_among(index, int(candidates[place]), exclude)]
        checked[fresh], allowed[overlapping] = True, False
        if not overlapping:
            break
    passed_over = int((~allowed).sum())
    reasons = {"are in the evaluation set too": passed_over, "are of a group that is evaluated": related}
    because = ", ".join(f"{number} {reason}" for reason, number in reasons.items() if number)
    _require_enough(index, candidates[allowed], count, labels, f" ({because})" if because else "")
    return candidates[drawn], passed_over


def _is_among(index: Index, position: int, hashes: frozenset[str]) -> bool:
    return bool(hashes) and _content(index, position) in hashes


def _content(index: Index, position: int) -> str | None:
    """The picture's hash; None where it cannot be read, which is reported when the pictures are."""
    path, span = index.path(position), index.span(position)
    try:
        if span is not None:
            return sha256_bytes(read_picture(path, span))
        return sha256_file(path) if path.is_file() else None
    except OSError:
        return None


def _require_enough(index: Index, candidates: np.ndarray, count: int, labels: Sequence[str], because: str = "") -> None:
    subject = f"{index.name}, {index.split}"
    present = {index.labels[number] for number in index.classes[candidates] if number >= 0}
    absent = [label for label in labels if label not in present]
    if absent:
        raise DataError(
            f"holds no image of class {', '.join(absent)} to calibrate with{because}",
            subject=subject,
            fix="add such images, use a model without that class, or say --allow-missing-classes",
        )
    if len(candidates) < count:
        raise DataError(
            f"holds {len(candidates)} of {count} images to calibrate with{because}",
            subject=subject,
            fix="ask for fewer with --calibration, or add images; every variant is tried on them, fp32 too",
        )


def _size(index: Index, position: int) -> int:
    span = index.span(position)
    return stamp(index.path(position))[0] if span is None else span[1]


def _copies(index: Index, originals: np.ndarray, others: np.ndarray) -> list[int]:
    """Those of `others` whose file equals one of `originals`; only files of an original's size are read."""
    sizes = {position: _size(index, position) for position in (*originals.tolist(), *others.tolist())}
    original_sizes = {sizes[position] for position in originals.tolist()} - {-1}
    suspects = [position for position in others.tolist() if sizes[position] in original_sizes]
    suspect_sizes = {sizes[position] for position in suspects}
    hashes = {_content(index, p) for p in originals.tolist() if sizes[p] in suspect_sizes} - {None}
    return [position for position in suspects if _content(index, position) in hashes]
