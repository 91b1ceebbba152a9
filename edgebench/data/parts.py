"""Which of the names that people give to parts of a data set calibrates and trains, and which evaluates."""

from __future__ import annotations

from collections.abc import Collection

from edgebench.data.index import Split
from edgebench.data.options import FILE, Splits
from edgebench.errors import DataError

USUAL: dict[Split, tuple[str, ...]] = {
    "training": ("training", "train"),
    # A test part is evaluated where there is no validation part, or where `dataset.yaml` says so.
    "validation": ("validation", "valid", "val", "publictest", "test", "testing", "privatetest"),
}


def part_names(names: Collection[str], stated: Splits) -> dict[Split, str]:
    """Part -> the name it has here, of those that are there; without any names, all is validation.

    Raises:
        DataError: a stated name is not there, or none is known.
    """
    if set(names) == {""}:
        if said := stated.validation or stated.training:
            fix = "name the column of parts by `columns: {split: ...}`, or leave out `splits`: all is evaluated"
            raise DataError(f"has no part {said!r}, for nothing names parts", subject=FILE, fix=fix)
        return {"validation": ""}
    found: dict[Split, str] = {}
    for split, usual in USUAL.items():
        said = getattr(stated, split)
        if said is not None and said not in names:
            raise DataError(f"has no part {said!r}", subject=FILE, fix=f"its parts: {', '.join(sorted(names))}")
        folded = {name.casefold(): name for name in sorted(names)}
        usually = next((folded[name] for name in usual if name in folded), None)
        if name := said or usually:
            found[split] = name
    if not found:
        raise DataError(
            f"its parts have unknown names: {', '.join(sorted(names)[:10])}",
            subject="split",
            fix=f"call them training and validation, or state `splits` in {FILE}",
        )
    return found
