"""What a run was about. What is cached is kept once, so that only this tells which of it was asked for last."""

from __future__ import annotations

from edgebench.frozen import Frozen


class Asked(Frozen):
    """Keys of the records of one kind that a run asked for, whether it made them or found them."""

    keys: tuple[str, ...]
