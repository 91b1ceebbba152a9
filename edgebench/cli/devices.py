"""`edgebench devices list|show|validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from edgebench.cli.session import Session
from edgebench.cli.specs import add_spec_commands

if TYPE_CHECKING:
    from edgebench.specs.catalog import Catalog
    from edgebench.specs.device import DeviceSpec

app = typer.Typer(help="Look at device specs.", no_args_is_help=True, rich_markup_mode=None)


def _catalog(session: Session) -> Catalog:
    from edgebench.specs.catalog import devices

    return devices(session.devices or ())


def _row(spec: DeviceSpec) -> tuple[str, ...]:
    return spec.transport, ", ".join(spec.runtimes), ",".join(map(str, spec.threads)), spec.description


add_spec_commands(app, "device", _catalog, ("transport", "runtimes", "threads", "description"), _row)
