"""Architectures by name. A new one is one file with an `Architecture` and one row in `ARCHITECTURES`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from edgebench.errors import UnknownName
from edgebench.registry import resolve
from edgebench.specs.problem import Problem, as_error
from edgebench.specs.source import ZooSource

if TYPE_CHECKING:
    from edgebench.specs.model import ModelSpec

ARCHITECTURES = {
    "mobilenet_v1": "edgebench.zoo.mobilenet_v1:MOBILENET_V1",
    "mobilenet_v2": "edgebench.zoo.backbones:MOBILENET_V2",
    "nasnet_mobile": "edgebench.zoo.backbones:NASNET_MOBILE",
    "efficientnet_b0": "edgebench.zoo.backbones:EFFICIENTNET_B0",
    "xception": "edgebench.zoo.backbones:XCEPTION",
    "hewitt_alexnet": "edgebench.zoo.hewitt:ALEXNET",
    "hewitt_vgg": "edgebench.zoo.hewitt:VGG",
    "hewitt_mobilenet": "edgebench.zoo.hewitt:MOBILENET",
    "reyna": "edgebench.zoo.reyna:REYNA",
    "ulloa_vgg11_bn": "edgebench.zoo.ulloa:VGG11_BN",
    "ulloa_resnet152": "edgebench.zoo.ulloa:RESNET152",
}


@dataclass(frozen=True)
class Architecture:
    """How to build a net, untrained.

    `build(contract, heads, **options)` gives, of Keras, a functional model with one input named `image` of the
    contract's shape and one output per head, in order, from layers named as the heads; of PyTorch, a module that
    takes the contract's tensor and answers one head.
    `revision` rises whenever equal options would build another net; it is part of a source's identity.
    """

    build: Callable[..., Any]
    revision: int
    framework: Literal["keras", "torch"] = "keras"
    weights_bytes: int = 0
    """Of its weights in float32, stated where they are many."""

    def options(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.build).parameters
        return {name: p for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}


def architecture(name: str) -> Architecture:
    """Raises UnknownName for a name without a row."""
    found: Architecture = resolve(ARCHITECTURES, name, kind="architecture")
    return found


def build(spec: ModelSpec) -> Any:
    """The untrained net of a spec whose source is an architecture of the zoo.

    Initial weights follow the global seed of its framework.

    Raises:
        UnknownName: no such architecture.
        SpecError: options, contract or heads that the architecture does not take.
    """
    source: Any = spec.source
    found = architecture(source.architecture)
    if wrong := problems(spec):
        raise as_error(wrong)
    return found.build(spec.input, spec.heads, **source.options)


def problems(spec: ModelSpec) -> tuple[Problem, ...]:
    """What a spec asks of the zoo that it does not have; nothing for a spec of another source."""
    if not isinstance(spec.source, ZooSource):
        return ()
    try:
        known = architecture(spec.source.architecture).options()
    except UnknownName as unknown:
        key = "source.architecture"
        return (Problem.at(spec.place(key), f"{unknown.problem} {unknown.subject}; {unknown.fix}", key=key),)
    return tuple(Problem.at(spec.place(key), text, key=key) for key, text in _wrong_options(spec.source.options, known))


_NUMBER = {"float": (int, float), "int": (int,)}
"""By what an option's annotation says; `bool`, which Python counts among them, is no number."""


def _wrong_options(given: dict[str, Any], known: dict[str, inspect.Parameter]) -> Iterator[tuple[str, str]]:
    """Key path -> what is wrong there."""
    for name, value in given.items():
        if name not in known:
            unknown = UnknownName.among(name, known, kind="option")
            yield f"source.options.{name}", f"{unknown.problem}; {unknown.fix}"
        elif (kinds := _NUMBER.get(known[name].annotation)) and (
            isinstance(value, bool) or not isinstance(value, kinds)
        ):
            yield f"source.options.{name}", f"must be a number ({known[name].annotation}), found {value!r}"
    for name, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and name not in given:
            yield "source.options", f"the option {name!r} is missing"
