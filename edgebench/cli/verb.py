"""What every command shares: common options, a session, and a way to end."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from edgebench.cli.ending import end
from edgebench.cli.session import Session
from edgebench.cli.signals import INTERRUPT, on_stop
from edgebench.errors import UsageError

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

    The function may return an exit code. What it raises is told by `end`, which knows the codes.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        session = Session(**{name: options.pop(name) for name in _OPTIONS})
        on_stop(INTERRUPT)  # from here on there may be something to put in order
        try:
            _refuse_empty(options)
            code = command(session, **options) or 0
            session.close()
        except (Exception, KeyboardInterrupt) as exc:
            code = end(exc, json=session.json, debug=session.debug)
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


def _refuse_empty(options: Mapping[str, Any]) -> None:
    """An empty text is a script's unset variable; it never means the default."""
    for name, value in options.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.strip(" ,"):
                raise UsageError(
                    "is empty", subject=f"--{name.replace('_', '-')}", fix="give it a value or leave it out"
                )
