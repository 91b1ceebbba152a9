"""A doubt that travels with the number it is about."""

from __future__ import annotations

from edgebench.frozen import Frozen


class Caveat(Frozen):
    """Something a reader must know before trusting a number.

    `kind` is a stable key such as `float-operators`, `throttled`, `reference-executed`;
    `text` says what was seen; `fix` what could be done about it.
    """

    kind: str
    text: str
    fix: str = ""
