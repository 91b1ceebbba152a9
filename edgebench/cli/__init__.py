"""The front door: parse, call one room, print, exit. A new verb is one file and one row in `VERBS`.

Files here import nothing heavy at the top: `edgebench --help` loads them all.
"""

from __future__ import annotations

import sys

from edgebench.cli.signals import DIE, leave_at_once, on_stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    import typer

# In the order people meet them: (name, "module:function") or (name, "module:app") for a group.
VERBS = (
    ("demo", "edgebench.cli.demo:demo"),
    ("quantize", "edgebench.cli.quantize:quantize"),
    ("evaluate", "edgebench.cli.evaluate:evaluate"),
    ("run", "edgebench.cli.run:run"),
    ("runs", "edgebench.cli.runs:app"),
    ("report", "edgebench.cli.report:report"),
    ("check", "edgebench.cli.check:check"),
    ("baseline", "edgebench.cli.check:baseline"),
    ("inspect", "edgebench.cli.inspect:inspect"),
    ("metrics", "edgebench.cli.metrics:metrics"),
    ("train", "edgebench.cli.train:train"),
    ("selftest", "edgebench.cli.selftest:selftest"),
    ("models", "edgebench.cli.models:app"),
    ("devices", "edgebench.cli.devices:app"),
    ("data", "edgebench.cli.data:app"),
    ("store", "edgebench.cli.store:app"),
    ("schema", "edgebench.cli.schema:schema"),
)


def application() -> typer.Typer:
    import importlib

    import typer

    from edgebench.cli.verb import verb

    # Without rich markup, help is laid out in a third of the time.
    app = typer.Typer(
        name="edgebench",
        help="Quantize small neural networks, prove what it cost, and measure them on the devices you own.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback(invoke_without_command=True)
    def version(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
        if version:
            from importlib.metadata import version as installed

            typer.echo(f"edgebench {installed('edgebench')}")
            raise typer.Exit

    for name, path in VERBS:
        module, _, attribute = path.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(verb(command))
    return app


def main() -> NoReturn:
    on_stop(leave_at_once)  # first of all: loading what follows takes a quarter of a second
    from edgebench.cli.ending import end, open_streams, settle, telling

    open_streams()
    try:
        code = application()(standalone_mode=False)
        with telling():
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as exc:
        code = end(exc, json="--json" in sys.argv, debug="--debug" in sys.argv)
    settle()
    on_stop(DIE)  # nothing is left to stop but the interpreter, which would answer with a traceback
    sys.exit(code)
