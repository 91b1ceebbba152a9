"""Every failure edgebench raises on purpose: a problem, its subject, and a fix.

EdgebenchError                    the work could not be done          exit 5
  UsageError(ValueError)          what was asked for is wrong         exit 2
    SpecError                     a YAML file is wrong, line by line
    UnknownName(LookupError)      a name is in no registry or folder
    DataError                     a data set cannot be used as asked
  MissingPackage(ImportError)     an optional package is absent       exit 2
  ModelFileError                  a model file cannot be read, or breaks its contract
  ConversionError                 a converter or quantizer refused the model
    UnknownOperator               a program holds an operator with no translation
  NonFiniteOutput                 a variant answered NaN or infinity
  WorkerDied                      a child process ended without an answer
  SystemRefused                   the operating system refused: permission, memory, open files
  DeviceError                     the far side                        exit 6
    AgentFailed                   the agent answered with an error
      AgentDied                   the agent ended without an answer
    JobDied                       a detached job ended before it was finished; what is finished is kept
    LinkLost                      the connection broke; what is finished is kept
    Unreachable                   nothing answers where the device should be
  StoreError(OSError)             results cannot be kept              exit 7
    NewerStore                    written by a later edgebench
  NothingMeasured                 there is nothing to judge           exit 4
"""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal does something at, beside new lines and tabs."""


def visible(text: str) -> str:
    """The text with what a terminal would obey spelled out: names of files and cells of tables come from strangers."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class EdgebenchError(Exception):
    """One line of problem, the thing it is about, and what to do.

    Args:
        problem: what is wrong, without a full stop.
        subject: the file, variant, device or key it is about.
        fix: what the user can do next, where that is known.
    """

    exit_code = 5

    def __init__(self, problem: str, *, subject: str = "", fix: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.subject = subject
        self.fix = fix

    def __str__(self) -> str:
        head = f"{self.subject}: {self.problem}" if self.subject else self.problem
        return f"{head} (fix: {self.fix})" if self.fix else head

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; keyword-only arguments need this to survive pickling.
        notes = getattr(self, "__notes__", None)
        state = {"__notes__": notes} if notes else None
        return _rebuild, (type(self), self.problem, self.subject, self.fix), state


def _rebuild(kind: type[EdgebenchError], problem: str, subject: str, fix: str) -> EdgebenchError:
    return kind(problem, subject=subject, fix=fix)


class UsageError(EdgebenchError, ValueError):
    exit_code = 2


class SpecError(UsageError):
    """One or more lines, each naming file, line and key."""


class UnknownName(UsageError, LookupError):
    """A name that is not known, answered with the nearest ones.

    Use `UnknownName.among` so that every such message reads alike.
    """

    @classmethod
    def among(cls, name: str, known: Iterable[str], *, kind: str) -> UnknownName:
        names = sorted(known)
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        listed = ", ".join(names) if names else "none"
        fix = f"did you mean {near[0]!r}? known: {listed}" if near else f"known: {listed}"
        return cls(f"unknown {kind}", subject=repr(name), fix=fix)


class DataError(UsageError):
    pass


class MissingPackage(EdgebenchError, ImportError):
    exit_code = 2


class ModelFileError(EdgebenchError):
    pass


class ConversionError(EdgebenchError):
    pass


class UnknownOperator(ConversionError):
    pass


class NonFiniteOutput(EdgebenchError):
    pass


class WorkerDied(EdgebenchError):
    pass


class SystemRefused(EdgebenchError):
    pass


class DeviceError(EdgebenchError):
    exit_code = 6


class AgentFailed(DeviceError):
    pass


class AgentDied(AgentFailed):
    pass


class JobDied(DeviceError):
    pass


class LinkLost(DeviceError):
    pass


class Unreachable(DeviceError):
    pass


class StoreError(EdgebenchError, OSError):
    exit_code = 7

    # OSError has a __str__ and a __reduce__ of its own; ours must win.
    __str__ = EdgebenchError.__str__
    __reduce__ = EdgebenchError.__reduce__


class NewerStore(StoreError):
    pass


class NothingMeasured(EdgebenchError):
    exit_code = 4


def raise_all(failures: Sequence[EdgebenchError]) -> None:
    """Raises the first failure, if any, with the others as its notes."""
    if failures:
        for other in failures[1:]:
            failures[0].add_note(str(other))
        raise failures[0]


FREE_SPACE = "free some space (`edgebench store gc` removes what no record names), then run the same command again"
_LESS_AT_ONCE = "end other programs or use --jobs 1, then run the same command again"
_LOOK_AT_PATH = "look at that path, then run the same command again"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSALS = {
    **dict.fromkeys(_FULL, FREE_SPACE),
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EROFS: "choose a folder that can be written",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "check the permissions of that path"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit on open files (ulimit -n), or use --jobs 1"),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), _LESS_AT_ONCE),
    errno.EIO: "check the disk",
    errno.ENAMETOOLONG: "choose a shorter name",
    **dict.fromkeys(
        (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP, errno.ESTALE),
        _LOOK_AT_PATH,
    ),
}
"""What the operating system refuses although the program is right -> what the user can do."""
_UNWRITABLE = (*_FULL, errno.EFBIG, errno.EROFS)


def refusal(exc: BaseException, *, subject: str = "") -> EdgebenchError | None:
    """What the operating system refused, as an error of ours; None where `exc` is something else, such as a bug.

    Args:
        subject: what it is about where `exc` names no file.
    """
    number = errno.ENOMEM if isinstance(exc, MemoryError) else _errno_of(exc)
    if number not in _REFUSALS:
        return None
    problem = "out of memory" if number == errno.ENOMEM else os.strerror(number)
    file = getattr(exc, "filename", None)
    kind = StoreError if number in _UNWRITABLE else SystemRefused
    return kind(
        problem[0].lower() + problem[1:],
        subject=os.fsdecode(file) if isinstance(file, str | bytes) else subject,
        fix=_REFUSALS[number],
    )


def _errno_of(exc: BaseException) -> int | None:
    """Of an OSError, or what is left of one in the text of another exception."""
    if isinstance(exc, OSError) and exc.errno is not None:
        return exc.errno
    text = str(exc)
    if isinstance(exc, OSError) and (several := re.search(r"\[Errno (\d+)\]", text)):  # shutil.copytree's
        return int(several.group(1))
    # numpy keeps no number of a short write, and native code only the words.
    short = isinstance(exc, OSError) and re.search(r"\d+ requested and \d+ written", text)
    return errno.ENOSPC if short or os.strerror(errno.ENOSPC) in text else None


def ending(returncode: int) -> tuple[str, str]:
    """How a process that gave no answer ended, and what the user can do where that is known."""
    if returncode >= 0:
        return f"exit status {returncode}", ""
    name = signal.Signals(-returncode).name if -returncode in set(signal.Signals) else f"signal {-returncode}"
    if -returncode == signal.SIGKILL:
        return f"killed by {name}, as the system does when memory runs out", "free some memory, or use --jobs 1"
    return f"killed by {name}", ""
