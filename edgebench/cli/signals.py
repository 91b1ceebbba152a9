"""Ctrl-C, and a terminating signal, which is a Ctrl-C from elsewhere.

Loads nothing that takes time, and neither do the packages above: before this is in place, Ctrl-C is a traceback.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself takes as long to load as all the rest here
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_STOPPED = b"edgebench: stopped\n"
_STOPPED_JSON = b'{"error": {"problem": "stopped", "subject": "", "fix": "", "exit_code": 130, "notes": []}}\n'


def leave_at_once(number: int, frame: object) -> NoReturn:
    """Ends a command that has not begun. Nothing is imported here: an import may just be under way."""
    for stream, text in ((2, _STOPPED), (1, _STOPPED_JSON if "--json" in sys.argv else b"")):
        try:  # noqa: SIM105 - contextlib takes its time
            os.write(stream, text)
        except OSError:
            pass
    os._exit(130)


def on_stop(handler: Callable[[int, Any], Any]) -> None:
    """Sets what both signals do, except where whoever started us had them ignored."""
    for number in (_signal.SIGINT, _signal.SIGTERM):
        if _signal.getsignal(number) is not _signal.SIG_IGN:
            _signal.signal(number, handler)


INTERRUPT = _signal.default_int_handler
"""Raises KeyboardInterrupt."""
DIE = _signal.SIG_DFL
"""What the system does with a program that does not care."""
