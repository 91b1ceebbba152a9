"""What a data set says about the contract and the labels that a model's spec states."""

from __future__ import annotations

from typing import Literal

from edgebench.frozen import Frozen
from edgebench.records.dataset import DatasetInfo
from edgebench.records.results import Estimate
from edgebench.specs.model import InputContract

Support = Literal["supported", "contradicted", "cannot tell"]

EXIT_CODES: dict[Support, int] = {"supported": 0, "contradicted": 1, "cannot tell": 3}


class ContractScore(Frozen):
    """The source under one contract. `to_best` is its score minus the best one's on the same images; None for that."""

    contract: InputContract
    text: str
    stated: bool
    score: Estimate
    to_best: Estimate | None


class LabelOrder(Frozen):
    """The labels as the outputs answer them, which is not as the spec states them.

    `score` is that of images that did not find the order; `stated_score` the best in the stated order, None where
    the stated labels are none of the data set.
    """

    labels: tuple[str, ...]
    stated: tuple[str, ...]
    score: Estimate
    stated_score: Estimate | None
    gain: Estimate | None


class Diagnosis(Frozen):
    """`scores` begins with the best contract. Where labels are out of order, they are those in the right one."""

    model: str
    dataset: DatasetInfo
    criterion: str
    margin: float
    verdict: Support
    reasons: tuple[str, ...]
    scores: tuple[ContractScore, ...]
    labels: LabelOrder | None
    advice: tuple[str, ...] = ()
    """Lines of YAML to put into the spec."""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def best(self) -> ContractScore:
        return self.scores[0]
