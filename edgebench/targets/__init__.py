"""Formats out. Each target converts a source once to float, then quantizes inside its own format.

A new target is one file with these verbs and one row in `TARGETS`. A new framework of sources is one converter
function and one row in the `CONVERTERS` of each target that it reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np

    from edgebench.records.artifact import Operators
    from edgebench.sources import Source

TARGETS = {
    "tflite": "edgebench.targets.tflite:Tflite",
    "onnx": "edgebench.targets.onnx:Onnx",
    "coreml": "edgebench.targets.coreml:Coreml",
}


@dataclass(frozen=True)
class RunnableFile:
    """A file the agent can load: `runtime` names which of its runtimes. `reference`: accuracy only."""

    runtime: str
    path: Path
    reference: bool = False


@dataclass(frozen=True)
class Converter:
    """How models of one framework become a format's float artifact.

    `function` is "module:function", called with the source, the contract's shape [1, ...] and the file to write;
    `packages` are those that decide its bytes.
    """

    function: str
    packages: tuple[str, ...] = ()


class Target(Protocol):
    """One format. Verbs write only the path they are given.

    They raise ConversionError or ModelFileError, and StoreError where the disk is full.

    Equal inputs give equal bytes. What Python code of a converter prints is dropped; native code writes past that.
    """

    suffix: ClassVar[str]
    """Of the artifact's file (or package directory), such as `.tflite`."""
    recipes: ClassVar[tuple[str, ...]]
    """What `quantize` supports beside fp32."""
    converters: ClassVar[Mapping[str, Converter]]
    """By a source's framework; what has no row is out of reach."""

    def convert(self, source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
        """Writes the float32 artifact for inputs of `contract_shape`, which is [1, ...] in the contract's layout.

        A source of a framework without a converter is a ConversionError.
        """
        ...

    def quantize(self, float_file: Path, recipe: str, calibration: Sequence[np.ndarray] | None, out: Path) -> None:
        """Writes the artifact of `recipe`, made from the float one.

        Calibration items are float32 [1, ...]; they are read one at a time. An int8 artifact that multiplies
        nothing in int8 is a ConversionError; a recipe the target does not support is an UnknownName.
        """
        ...

    def inspect(self, file: Path) -> Operators:
        """Counts operators by the precision they really compute in.

        An operator is int8 when all that it computes from and to is; int8 weights alone do not count.
        """
        ...

    def runnable(self, file: Path, folder: Path) -> tuple[RunnableFile, ...]:
        """How the agent can run it, best first; translations are written into `folder`."""
        ...

    def tools(self, framework: str) -> dict[str, str]:
        """Package -> version of everything that decides the bytes of such sources; nothing of it is imported.

        Raises:
            MissingPackage: one is not installed.
            ConversionError: no converter takes sources of that framework.
        """
        ...

    def first_nonfinite(self, file: Path, sample: np.ndarray) -> str | None:
        """Name of the first layer whose output on `sample` holds NaN or infinity; None where none does or unknown."""
        ...
