"""`make bench`: the speed promises, measured on this machine and printed as a table.

Nothing here passes or fails: a shared machine's clock is no judge. Each figure says how it was found.
"""

from __future__ import annotations

import sys

from benchmarks import board, figures
from benchmarks.figures import Bench, Figure

FIGURES = {**figures.FIGURES, **board.FIGURES}


def main(chosen: list[str]) -> int:
    unknown = set(chosen) - set(FIGURES)
    if unknown:
        print(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    rows: list[Figure] = []
    with Bench() as bench:
        for name, measure in FIGURES.items():
            if chosen and name not in chosen:
                continue
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            rows += measure(bench)
        print(bench.machine())
    _table(rows)
    return 0


def _table(rows: list[Figure]) -> None:
    header = ("figure", "promised", "measured", "how")
    cells = [header, *((row.name, row.promised, row.measured, row.how) for row in rows)]
    print()
    for i, row in enumerate(cells):
        print("| " + " | ".join(row) + " |")
        if i == 0:
            print("|" + " --- |" * len(header))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
