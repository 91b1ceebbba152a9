"""What every command shares: common options, one place that turns errors into exit codes."""

from __future__ import annotations

import functools
import inspect
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from edgebench.cli.session import Session
from edgebench.errors import EdgebenchError

INTERRUPTED = 130
COMMON = "Everywhere"

_OPTIONS: dict[str, Any] = {
    "json": Annotated[bool, typer.Option("--json", help="Print one machine-readable object.", rich_help_panel=COMMON)],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Say more.", rich_help_panel=COMMON)],
    "debug": Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=COMMON)],
    "models": Annotated[
        list[Path] | None,
        typer.Option("--models", metavar="DIR", help="More model specs; repeatable.", rich_help_panel=COMMON),
    ],
    "devices": Annotated[
        list[Path] | None,
        typer.Option("--devices", metavar="DIR", help="More device specs; repeatable.", rich_help_panel=COMMON),
    ],
    "home": Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="DIR",
            help="Where results are kept [default: .edgebench]",
            envvar="EDGEBENCH_HOME",
            show_envvar=True,
            rich_help_panel=COMMON,
        ),
    ],
    "jobs": Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, max=64, help="Processes at once [default: one per core]", rich_help_panel=COMMON
        ),
    ],
}


def verb(command: Callable[..., int | None]) -> Callable[..., None]:
    """Makes a function of (session, its own options) a command.

    The function may return an exit code. Errors made on purpose become one line and their exit
    code; Ctrl-C says how to go on; anything else is a bug and says so.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        session = Session(**{name: options.pop(name) for name in _OPTIONS})
        # A terminating signal is a Ctrl-C from elsewhere.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            code = command(session, **options) or 0
        except KeyboardInterrupt:
            session.complain("stopped. What was finished is kept; run the same command again to go on")
            code = INTERRUPTED
        except EdgebenchError as exc:
            code = _explain(session, exc)
        except BrokenPipeError:
            code = 0  # the reader of our output has seen enough
        except Exception as exc:
            if session.debug:
                raise
            session.complain(f"bug: {type(exc).__name__}: {exc} (run again with --debug and report it)")
            code = 70
        raise typer.Exit(code)

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "session"]
    common = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=False if "bool" in str(kind) else None
        )
        for name, kind in _OPTIONS.items()
    ]
    run.__signature__ = signature.replace(parameters=own + common, return_annotation=None)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in own + common}
    return run


def _explain(session: Session, error: EdgebenchError) -> int:
    if session.debug:
        traceback.print_exc(file=sys.stderr)
    session.complain(str(error))
    for note in getattr(error, "__notes__", ()):
        session.complain(note)
    return error.exit_code
