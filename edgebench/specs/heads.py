"""What a model answers: each output a head, its numbers named."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from edgebench.frozen import Frozen
from edgebench.specs import patterns

Output = Annotated[
    Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)] | None,
    Field(
        description="which of the model's outputs, by name or counted from 0, where it is not called as the head; "
        "outputs that are no head's are left out"
    ),
]
Activation = Literal["softmax", "logits", "sigmoid"]
"""What class scores are: probabilities that add up to 1, any numbers, or a probability for each class on its own."""


def _not_reserved(name: str) -> str:
    if name in ("file", "allow_pickle"):  # arguments of the writer of .npz files, which hold outputs by head
        raise ValueError(f"a head cannot be called {name!r}; state `output` where the model's own output is")
    return name


HeadName = Annotated[str, Field(pattern=patterns.HEAD, max_length=100), AfterValidator(_not_reserved)]


class ClassHead(Frozen):
    """Class scores, in the order of `labels`."""

    kind: Literal["expression", "classes"]
    name: HeadName
    labels: tuple[str, ...]
    activation: Activation = "softmax"
    output: Output = None

    @property
    def width(self) -> int:
        return len(self.labels)

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> ClassHead:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ValueError("`labels` needs two or more distinct names")
        return self


class ExpressionHead(ClassHead):
    """Class scores over expressions; the field's other words for a label name the same class (happy, happiness)."""

    kind: Literal["expression"]


class ClassesHead(ClassHead):
    """Class scores over anything; a class is the data set's class of exactly that name."""

    kind: Literal["classes"]
    labels: tuple[str, ...] = Field(default=(), description="names of the classes in the order of the scores")
    labels_file: str | None = Field(
        default=None, exclude=True, description="instead: path of a text file beside the spec, one name a line"
    )


class ValenceArousalHead(Frozen):
    """Two numbers, valence then arousal."""

    kind: Literal["valence_arousal"]
    name: HeadName
    range: tuple[float, float] = (-1.0, 1.0)
    output: Output = None

    @property
    def width(self) -> int:
        return 2

    @property
    def targets(self) -> tuple[str, ...]:
        return ("valence", "arousal")

    @model_validator(mode="after")
    def _range_rises(self) -> ValenceArousalHead:
        if self.range[0] >= self.range[1]:
            raise ValueError("`range` must rise")
        return self


Target = Annotated[str, Field(pattern=patterns.TARGET, max_length=60)]


class RegressionHead(Frozen):
    """Any numbers, in the data set's own units; each is its column of that name."""

    kind: Literal["regression"]
    name: HeadName
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    output: Output = None

    @property
    def width(self) -> int:
        return len(self.targets)

    @model_validator(mode="after")
    def _targets_are_distinct(self) -> RegressionHead:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("`targets` needs distinct names")
        return self


Head = Annotated[ExpressionHead | ClassesHead | ValenceArousalHead | RegressionHead, Field(discriminator="kind")]
