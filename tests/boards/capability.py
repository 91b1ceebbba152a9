"""What a board needs of the machine that runs the tests, and what becomes of a test where it is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Unavailable(Exception):
    """This machine cannot start such a board; the text says why."""


@contextmanager
def skip_unavailable() -> Iterator[None]:
    """A board that cannot be had is a visible skip; under CI it is a failure, so that no proof is lost unseen."""
    try:
        yield
    except Unavailable as exc:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have it: {exc}", pytrace=False)
        pytest.skip(str(exc))
