"""How a command ends: one line on standard error, an exit code and, with --json, one object, whatever happened."""

from __future__ import annotations

import json as jsonlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from edgebench.errors import EdgebenchError, UsageError, refusal, visible


class Stopped(EdgebenchError):
    """Ctrl-C, or a terminating signal."""

    exit_code = 130


class Bug(EdgebenchError):
    exit_code = 70


def end(exc: BaseException, *, json: bool, debug: bool) -> int:
    """Says what happened and returns the exit code."""
    if debug and not isinstance(exc, KeyboardInterrupt):
        traceback.print_exception(exc)
    error = _error_of(exc)
    if show := getattr(exc, "show", None):  # the parser's own way, with the usage
        with suppress(OSError):
            show()
    else:
        complain(str(error))
    notes = list(getattr(error, "__notes__", ()))
    for note in notes:
        complain(note)
    if json:
        with suppress(OSError):
            print(jsonlib.dumps({"error": _fields(error, notes)}, indent=2), flush=True)
    return error.exit_code


def _error_of(exc: BaseException) -> EdgebenchError:
    from typer.exceptions import TyperException

    if isinstance(exc, EdgebenchError):
        return exc
    if isinstance(exc, KeyboardInterrupt):
        return Stopped("stopped; what was finished is kept", fix="run the same command again to go on")
    if isinstance(exc, TyperException):
        path = context.command_path if (context := getattr(exc, "ctx", None)) else "edgebench"
        return UsageError(exc.format_message(), subject=path, fix=f"see `{path} --help`")
    named = refusal(exc)
    return named or Bug(f"bug: {type(exc).__name__}: {exc}", fix="run again with --debug and report it")


def _fields(error: EdgebenchError, notes: list[str]) -> dict[str, object]:
    return {
        "problem": error.problem,
        "subject": error.subject,
        "fix": error.fix,
        "exit_code": error.exit_code,
        "notes": notes,
    }


def complain(text: str) -> None:
    """One line on standard error, where anybody can hear it."""
    with suppress(OSError):
        print(f"edgebench: {visible(text)}", file=sys.stderr, flush=True)


def open_streams() -> None:
    """Makes standard streams usable that are closed or cannot spell every name.

    A closed one would give its number to the next file that is opened, and our prints to that file.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it takes the lowest number that is free
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@contextmanager
def telling() -> Iterator[None]:
    """Around what is printed: a reader who has seen enough is no error, an output that takes nothing is one."""
    try:
        yield
    except BrokenPipeError:
        drop(sys.stdout)
    except OSError as exc:
        drop(sys.stdout)
        raise refusal(exc, subject="standard output") or exc from exc


def settle() -> None:
    """Lets go of what a stream could not take: the interpreter would try it again, and end with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop(stream)


def drop(stream: TextIO) -> None:
    """What is left in the buffer, and what is still to come, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
