"""Errors: one line, an exit code, and the way across a process border."""

from __future__ import annotations

import errno
import pickle
import re
import shutil

import pytest

from edgebench import errors
from edgebench.errors import EdgebenchError, SpecError, StoreError, UnknownName

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EdgebenchError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_subject_problem_and_fix(kind):
    assert str(kind("is broken", subject="net", fix="mend it")) == "net: is broken (fix: mend it)"
    assert str(kind("is broken")) == "is broken"


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_crosses_a_process_border_whole(kind):
    error = pickle.loads(pickle.dumps(kind("is broken", subject="net", fix="mend it")))
    assert type(error) is kind
    assert (error.problem, error.subject, error.fix) == ("is broken", "net", "mend it")


@pytest.mark.parametrize("kind", KINDS)
def test_notes_cross_a_process_border_too(kind):
    error = kind("is broken")
    error.add_note("while converting")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while converting"]
    assert not hasattr(pickle.loads(pickle.dumps(kind("is broken"))), "__notes__")


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_in_the_docstring_is_the_tree_of_classes(kind):
    assert re.search(rf"^ *{kind.__name__}\b", errors.__doc__, re.MULTILINE)


@pytest.mark.parametrize(("line", "code"), re.findall(r"^ *(\w+).*exit (\d+)$", errors.__doc__, re.MULTILINE))
def test_exit_codes_are_those_of_the_docstring(line, code):
    assert getattr(errors, line).exit_code == int(code)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [("SpecError", ValueError), ("UnknownName", LookupError), ("StoreError", OSError), ("MissingPackage", ImportError)],
)
def test_errors_are_also_what_a_python_reader_expects(kind, builtin):
    assert issubclass(getattr(errors, kind), builtin)


def test_an_unknown_name_is_answered_with_the_nearest_and_the_known():
    error = UnknownName.among("tflit", ["onnx", "tflite"], kind="format")
    assert str(error) == "'tflit': unknown format (fix: did you mean 'tflite'? known: onnx, tflite)"
    assert UnknownName.among("zzz", ["onnx"], kind="format").fix == "known: onnx"
    assert UnknownName.among("zzz", [], kind="format").fix == "known: none"


def test_a_store_error_keeps_its_text_although_it_is_an_os_error():
    assert str(StoreError("no space left", subject="results.db")) == "results.db: no space left"


def test_a_caller_may_catch_leaf_branch_or_root():
    for kind in (SpecError, errors.UsageError, EdgebenchError):
        with pytest.raises(kind):
            raise SpecError("wrong")


@pytest.mark.parametrize(
    ("exc", "kind", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.npz"), StoreError, "a.npz: no space left on device"),
        (OSError(errno.EROFS, "Read-only file system", b"a"), StoreError, "a: read-only file system"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), errors.SystemRefused, "a: permission denied"),
        (OSError(errno.EMFILE, "Too many open files"), errors.SystemRefused, "net: too many open files"),
        (MemoryError(), errors.SystemRefused, "net: out of memory"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]), StoreError, "net: no space left on"),
        (OSError("4096 requested and 17 written"), StoreError, "net: no space left on device"),
        (RuntimeError("write failed: No space left on device"), StoreError, "net: no space left on device"),
    ],
)
def test_what_the_system_refuses_is_named(exc, kind, text):
    found = errors.refusal(exc, subject="net")
    assert type(found) is kind
    assert str(found).startswith(text)
    assert found.fix


@pytest.mark.parametrize(
    "exc", [ValueError("x"), OSError("cannot identify image"), OSError(errno.EBADF, "x"), RuntimeError("1 requested")]
)
def test_a_bug_is_no_refusal(exc):
    assert errors.refusal(exc) is None


@pytest.mark.parametrize(
    ("code", "how", "helps"),
    [
        (3, "exit status 3", ""),
        (-11, "killed by SIGSEGV", ""),
        (-9, "killed by SIGKILL", "jobs"),
        (-99, "signal 99", ""),
    ],
)
def test_an_end_without_an_answer_is_named(code, how, helps):
    text, fix = errors.ending(code)
    assert how in text
    assert helps in fix
    assert bool(fix) == bool(helps)
