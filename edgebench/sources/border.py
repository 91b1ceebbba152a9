"""The one crossing between edgebench and the libraries that read model files: what they raise, put into words."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from edgebench.errors import EdgebenchError, ModelFileError

LEFT_INITIAL = "freshly-initialized"
LONGEST_DETAIL = 300
"""Characters kept of a library's own message: its beginning, and its end, where Keras puts the cause."""


@contextlib.contextmanager
def translated(path: Path, problem: str, *, fix: str) -> Iterator[None]:
    """Raises ModelFileError for whatever a library raises on a file that it cannot take."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    except EdgebenchError:
        raise
    except Exception as exc:  # parsers raise whatever they like on damaged files
        raise ModelFileError(f"{problem} ({one_line(exc)})", subject=str(path), fix=fix) from exc
    # Keras only warns when it leaves layers at their initial weights.
    left = [one_line(warning.message) for warning in caught if LEFT_INITIAL in str(warning.message)]
    if left:
        raise ModelFileError(f"{problem} ({left[0]})", subject=str(path), fix=fix)


def one_line(message: object) -> str:
    text = " ".join(str(message).split()) or type(message).__name__
    half = LONGEST_DETAIL // 2
    return text if len(text) <= LONGEST_DETAIL else f"{text[:half]}...{text[-half:]}"
