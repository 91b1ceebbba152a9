"""The way from a source to a target's float artifact, chosen by the source's framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.errors import ConversionError
from edgebench.registry import resolve

if TYPE_CHECKING:
    from edgebench.sources import Source
    from edgebench.targets import Converter

REASONS = {  # by framework and format, where there is more to say than that no converter is known
    ("onnx", "coreml"): "coremltools no longer reads ONNX",
    ("tflite", "coreml"): "coremltools reads no .tflite file",
}
WAY_ROUND = "give the Keras or PyTorch model that the file was made from"


def converter(converters: Mapping[str, Converter], framework: str, *, format_name: str) -> Converter:
    """Raises ConversionError, with the reason and the way round, where the framework has no row."""
    if framework not in converters:
        reason = REASONS.get((framework, format_name), f"edgebench makes no {format_name} of {framework} models")
        raise ConversionError(reason, subject=f"{framework} to {format_name}", fix=WAY_ROUND)
    return converters[framework]


def convert(
    converters: Mapping[str, Converter],
    source: Source,
    contract_shape: tuple[int, ...],
    out: Path,
    *,
    format_name: str,
) -> None:
    """Writes the float artifact by the converter of the source's framework, imported now.

    Raises:
        ConversionError: there is none.
        MissingPackage: it needs a package that is not installed.
    """
    row = converter(converters, source.framework, format_name=format_name)
    function = resolve({source.framework: row.function}, source.framework, kind="converter from")
    function(source, contract_shape, out)
