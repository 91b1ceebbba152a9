"""The one crossing between edgebench and the converters: their exceptions, their prints, their warnings."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgebench.errors import ConversionError, EdgebenchError, MissingPackage, ModelFileError, StoreError, refusal
from edgebench.registry import install

LONGEST_PROBLEM = 300


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what Python code prints, logs below errors, and warns. Native code writes past this."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    hidden = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(hidden), redirect_stderr(hidden):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextmanager
def _crossing(error: type[EdgebenchError], problem: str, *, subject: str, fix: str = "") -> Iterator[None]:
    try:
        with quiet():
            yield
    except EdgebenchError:
        raise
    except Exception as exc:  # converters raise whatever they like, from AssertionError to a bare Exception
        if isinstance(full := refusal(exc, subject=subject), StoreError):
            raise full from exc
        raise error(problem.format(last_line(exc)), subject=subject, fix=fix) from exc


def converting(subject: Path) -> AbstractContextManager[None]:
    """What a converter or quantizer raises inside comes out as a ConversionError about `subject`."""
    return _crossing(ConversionError, "{}", subject=subject.name)


def reading(file: Path) -> AbstractContextManager[None]:
    """What a parser raises inside comes out as a ModelFileError about `file`."""
    fix = "the file is damaged or of another format: make it again"
    return _crossing(ModelFileError, "cannot be read ({})", subject=str(file), fix=fix)


def last_line(exc: Exception) -> str:
    """The last line of a message that says something; converters put causes after pages of context."""
    lines = [line.strip() for line in str(exc).splitlines()]
    said = next((line for line in reversed(lines) if any(char.isalpha() for char in line)), "")
    problem = said if " " in said else f"{type(exc).__name__} {said}".rstrip()
    return problem if len(problem) <= LONGEST_PROBLEM else problem[: LONGEST_PROBLEM - 3] + "..."


def versions(*packages: str) -> dict[str, str]:
    """Installed version of each package, found without importing any.

    Raises:
        MissingPackage: one is not installed.
    """
    return {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        fix = f"{install(package)}, or leave out the format that needs it"
        raise MissingPackage("is not installed", subject=f"package {package}", fix=fix) from None
