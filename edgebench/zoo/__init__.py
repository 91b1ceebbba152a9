"""Architectures by name. A new one is one file with an `Architecture` and one row in `ARCHITECTURES`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgebench.errors import SpecError
from edgebench.registry import resolve

if TYPE_CHECKING:
    import keras

    from edgebench.specs.model import ModelSpec

ARCHITECTURES = {
    "mobilenet_v1": "edgebench.zoo.mobilenet_v1:MOBILENET_V1",
}


@dataclass(frozen=True)
class Architecture:
    """How to build a net, untrained.

    `build(contract, heads, **options)` gives a functional Keras model with one input named `image` of the
    contract's shape and one output per head, in order, from layers named as the heads.
    `revision` rises whenever equal options would build another net; it is part of a source's identity.
    """

    build: Callable[..., keras.Model]
    revision: int

    def options(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.build).parameters
        return {name: p for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}


def architecture(name: str) -> Architecture:
    """Raises UnknownName for a name without a row."""
    found: Architecture = resolve(ARCHITECTURES, name, kind="architecture")
    return found


def build(spec: ModelSpec) -> keras.Model:
    """The untrained net of a spec whose source is an architecture of the zoo.

    Initial weights follow Keras' global seed.

    Raises:
        UnknownName: no such architecture.
        SpecError: options, contract or heads that the architecture does not take.
    """
    source: Any = spec.source
    found = architecture(source.architecture)
    _check_options(spec.name, source.options, found.options())
    return found.build(spec.input, spec.heads, **source.options)


def _check_options(model: str, given: dict[str, Any], known: dict[str, inspect.Parameter]) -> None:
    required = {name for name, parameter in known.items() if parameter.default is inspect.Parameter.empty}
    wrong = [f"unknown option {name!r}" for name in given if name not in known]
    wrong += [f"option {name!r} is missing" for name in sorted(required - given.keys())]
    if wrong:
        raise SpecError("; ".join(wrong), subject=model, fix=f"options are {', '.join(known)}")
