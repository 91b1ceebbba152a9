"""The one crossing between edgebench and the converters: their exceptions, their prints, their warnings."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgebench.errors import ConversionError, EdgebenchError, MissingPackage, ModelFileError, StoreError, refusal
from edgebench.registry import install

LONGEST_PROBLEM = 300
LACKING = re.compile(r"error: 'tf\.(\w+)' op is neither a custom op nor a flex op")
"""How TensorFlow Lite's converter says that its format has no such operator, before a dump of the net."""
OPERATION = re.compile(r"see current operation: (.+)")
LOCATED = re.compile(r":\d+: error: (.+)")
"""What a compiler of the MLIR kind says is wrong; pages of context come after it."""
LEAVE_OUT = "save the model in float32 and of TensorFlow Lite's own operators, or leave out tflite (--formats)"


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
        lacking = unsupported(exc)
        raise error(
            problem.format(lacking or last_line(exc)), subject=subject, fix=LEAVE_OUT if lacking else fix
        ) from exc


def converting(subject: Path) -> AbstractContextManager[None]:
    """What a converter or quantizer raises inside comes out as a ConversionError about `subject`."""
    return _crossing(ConversionError, "{}", subject=subject.name)


def reading(file: Path) -> AbstractContextManager[None]:
    """What a parser raises inside comes out as a ModelFileError about `file`."""
    fix = "the file is damaged or of another format: make it again"
    return _crossing(ModelFileError, "cannot be read ({})", subject=str(file), fix=fix)


def unsupported(exc: Exception) -> str:
    """Which operators TensorFlow Lite does not have, and that they are in float16 where that is why; else nothing."""
    names = dict.fromkeys(LACKING.findall(str(exc)))
    kind = " in float16" if names and all("f16>" in line for line in OPERATION.findall(str(exc))) else ""
    return f"TensorFlow Lite has no {', '.join(names)}{kind}" if names else ""


def last_line(exc: Exception) -> str:
    """The first error that a compiler located, else the last line of a message that says something: other converters
    put causes after pages of context."""
    lines = [line.strip() for line in str(exc).splitlines()]
    located = LOCATED.search(str(exc))
    said = located.group(1) if located else next((ln for ln in reversed(lines) if any(map(str.isalpha, ln))), "")
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
