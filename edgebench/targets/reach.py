"""Which formats a model reaches, and why not the others. Nothing of a framework or converter is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.errors import ConversionError, MissingPackage
from edgebench.registry import resolve
from edgebench.sources import framework
from edgebench.targets import TARGETS, Target
from edgebench.targets.converters import converter

if TYPE_CHECKING:
    from edgebench.specs.model import ModelSpec


def reachable(spec: ModelSpec) -> tuple[str, ...]:
    """Formats that some converter makes of the spec's source, in the order of `TARGETS`."""
    return tuple(name for name in TARGETS if framework(spec) in _target(name).converters)


def left_out(spec: ModelSpec) -> dict[str, str]:
    """Format -> why it cannot be made of the spec's source on this machine; formats that can are not in it."""
    return {name: reason for name in TARGETS if (reason := _obstacle(name, framework(spec)))}


def available_formats(spec: ModelSpec) -> tuple[str, ...]:
    """Formats that the source reaches with the packages installed, in the order of `TARGETS`.

    Raises:
        MissingPackage: it reaches none, for want of a package.
    """
    obstacles = left_out(spec)
    if not (found := tuple(name for name in TARGETS if name not in obstacles)):
        _target(reachable(spec)[0]).tools(framework(spec))  # raises what keeps it from the first
    return found


def check_reach(spec: ModelSpec, format_name: str) -> None:
    """Raises ConversionError, with the reason and the way round, where no converter makes that format of the source."""
    try:
        converter(_target(format_name).converters, framework(spec), format_name=format_name)
    except ConversionError as exc:
        raise ConversionError(exc.problem, subject=f"{spec.name}.{format_name}", fix=exc.fix) from None


def _target(format_name: str) -> Target:
    found: Target = resolve(TARGETS, format_name, kind="format")()
    return found


def _obstacle(format_name: str, framework_name: str) -> str | None:
    try:
        _target(format_name).tools(framework_name)
    except ConversionError as exc:
        return f"{exc.problem} (fix: {exc.fix})"
    except MissingPackage as exc:
        return f"{exc.subject} {exc.problem}"
    return None
