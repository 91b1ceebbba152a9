"""From answers under several contracts to what they say about the stated one: pure judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebench.drift import Judged, judge
from edgebench.metrics.expression import predictions
from edgebench.metrics.label_order import best_order, labels_in_order, reordered
from edgebench.metrics.sampling import Outputs, labelled
from edgebench.records.diagnosis import ContractScore, Diagnosis, LabelOrder, Support
from edgebench.records.results import CRITERIA, Estimate
from edgebench.specs.model import ClassHead, Head
from edgebench.specs.plausible import contract_text, identity, step_of
from edgebench.stats import CONFIDENCE, FEWEST_SAMPLES, RESAMPLES
from edgebench.units import percent_text, score_text

if TYPE_CHECKING:
    from edgebench.records.dataset import DatasetInfo
    from edgebench.specs.model import InputContract

FEW_RESAMPLES = 100
"""Where the criterion is a proportion, whose interval needs none."""
SAME = 1e-5
"""Largest difference of answers that are the same: a sum over colours depends on their order by less."""


@dataclass(frozen=True)
class Case:
    """One model, the images it was asked about, and what it answered.

    Attributes:
        head: that is judged, with the labels of the truth.
        known: whether the labels of the spec are classes of the data set.
        truth: of the head, as `metrics.labels.truth_for` makes it.
        contracts: the stated one first.
        answers: of each contract, [images, width].
    """

    model: str
    dataset: DatasetInfo
    head: Head
    stated_labels: tuple[str, ...]
    known: bool
    truth: np.ndarray
    contracts: Sequence[InputContract]
    answers: Sequence[np.ndarray]
    margin: float


def score(head: Head, outputs: np.ndarray, truth: np.ndarray) -> float:
    """What a search climbs: accuracy in whatever order of labels fits best; without classes, mean concordance.

    Minus infinity where that is undefined, as it is for answers that never change.
    """
    if isinstance(head, ClassHead):
        there = truth >= 0
        return float((predictions(reordered(outputs, truth)) == truth)[there].mean())
    (found,) = _judged({"only": outputs}, head, truth, reference="only", margin=0.0).values()
    metrics = found.scores.metrics
    return next((metrics[name].value for name in CRITERIA if name in metrics), -np.inf)


def diagnose(case: Case) -> Diagnosis:
    """Is the stated contract as good as any, is another surely better, or do the images not tell?

    Supported: no other is better by the margin, with 95 % confidence for all of them together (Bonferroni).
    Contradicted: another surely is, or another order of labels. Scores are those in the order of labels that fits.
    """
    names = [identity(contract) for contract in case.contracts]
    answers = dict(zip(names, case.answers, strict=True))
    order = _label_order(case, answers)
    if order or not case.known:
        answers = {name: reordered(values, case.truth) for name, values in answers.items()}
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(names) - 1)
    rivals = _judged(answers, case.head, case.truth, reference=names[0], margin=case.margin, confidence=confidence)
    criterion = next(name for name in CRITERIA if name in rivals[names[0]].scores.metrics)
    ranked = sorted(names, key=lambda name: -rivals[name].scores.metrics[criterion].value)
    scores = _scores(case, answers, ranked, criterion)
    same = {name for name in names[1:] if np.allclose(answers[name], answers[names[0]], atol=SAME)}
    verdict, reason = _of_contract(case, {name: rivals[name] for name in rivals if name not in same}, scores, criterion)
    reasons, wrong = [reason], verdict == "contradicted"
    if _guesses(case, scores[0], criterion):
        order = None
        verdict, reasons = "cannot tell", ["under no contract does the model do better than guessing one class"]
    elif order:
        verdict, reasons = "contradicted", [_order_text(order), *([reason] if wrong else [])]
    advice = _advice(case, scores[0] if wrong else None, order)
    return Diagnosis(
        model=case.model,
        dataset=case.dataset,
        criterion=criterion,
        margin=case.margin,
        verdict=verdict,
        reasons=tuple(reasons),
        scores=scores,
        labels=order,
        advice=advice if verdict == "contradicted" else (),
    )


def _judged(
    answers: Mapping[str, np.ndarray],
    head: Head,
    truth: np.ndarray,
    *,
    reference: str,
    margin: float,
    confidence: float = CONFIDENCE,
) -> dict[str, Judged]:
    outputs: dict[str, Outputs] = {name: {head.name: values} for name, values in answers.items()}
    resamples = FEW_RESAMPLES if isinstance(head, ClassHead) else RESAMPLES
    return judge(
        outputs,
        {head.kind: truth},
        [head],
        reference=reference,
        margin=margin,
        resamples=resamples,
        confidence=confidence,
    )


def _scores(
    case: Case, answers: Mapping[str, np.ndarray], ranked: Sequence[str], criterion: str
) -> tuple[ContractScore, ...]:
    judged = _judged(answers, case.head, case.truth, reference=ranked[0], margin=case.margin)
    contracts = {identity(contract): contract for contract in case.contracts}
    return tuple(
        ContractScore(
            contract=contracts[name],
            text=contract_text(contracts[name]),
            stated=contracts[name] is case.contracts[0],
            score=judged[name].scores.metrics[criterion],
            to_best=found.deltas[criterion] if (found := judged[name].drift) else None,
        )
        for name in ranked
    )


def _of_contract(
    case: Case, rivals: Mapping[str, Judged], scores: Sequence[ContractScore], criterion: str
) -> tuple[Support, str]:
    """`rivals` holds the drift from the stated contract of every one that answers otherwise."""
    ahead = {
        each.text: found.deltas[criterion]
        for each in scores
        if (rival := rivals.get(identity(each.contract))) and (found := rival.drift) is not None
    }
    stated = next(each for each in scores if each.stated)
    if int(labelled(case.truth).sum()) < FEWEST_SAMPLES:
        return "cannot tell", f"fewer than {FEWEST_SAMPLES} labelled images decide nothing"
    if surely := [text for text, delta in ahead.items() if delta.low is not None and delta.low > case.margin]:
        best = surely[0]
        return "contradicted", (f"{best} is better than the spec's {stated.text} by {_size(ahead[best], criterion)}")
    close = [text for text, delta in ahead.items() if delta.high is None or delta.high >= case.margin]
    if close:
        return "cannot tell", (
            f"{', '.join(close)} may be better than the spec's {stated.text} by more than "
            f"{_amount(case.margin, criterion)}; more images would tell (--limit)"
        )
    return "supported", f"no other contract is better by more than {_amount(case.margin, criterion)}"


def _guesses(case: Case, best: ContractScore, criterion: str) -> bool:
    """Whether even the best is within what calling every image the commonest class, or one value, would reach."""
    if criterion != "accuracy":
        return best.score.low is not None and best.score.low <= 0
    counts = np.bincount(case.truth[case.truth >= 0])
    return best.score.low is not None and best.score.low <= counts.max() / counts.sum()


def _label_order(case: Case, answers: Mapping[str, np.ndarray]) -> LabelOrder | None:
    """The order that fits, where it is surely better than the stated one, each under its best contract."""
    if not isinstance(case.head, ClassHead):
        return None
    fitted = {name: reordered(values, case.truth) for name, values in answers.items()}
    best, best_fitted = (max(each, key=lambda name: _hits(each[name], case.truth)) for each in (answers, fitted))
    confidence = 1 - (1 - CONFIDENCE) / len(answers)
    pair = _judged(
        {"stated": answers[best], "fitted": fitted[best_fitted]},
        case.head,
        case.truth,
        reference="stated",
        margin=case.margin,
        confidence=confidence,
    )
    drift = pair["fitted"].drift
    assert drift is not None  # it is not the reference
    gain = drift.deltas["accuracy"]
    if case.known and (gain.low is None or gain.low <= case.margin or drift.samples < FEWEST_SAMPLES):
        return None
    return LabelOrder(
        labels=labels_in_order(case.head.labels, best_order(answers[best_fitted], case.truth)),
        stated=case.stated_labels,
        score=pair["fitted"].scores.metrics["accuracy"],
        stated_score=pair["stated"].scores.metrics["accuracy"] if case.known else None,
        gain=gain if case.known else None,
    )


def _hits(outputs: np.ndarray, truth: np.ndarray) -> float:
    return float((predictions(outputs) == truth).sum())


def _order_text(order: LabelOrder) -> str:
    instead = (
        f" instead of {percent_text(order.stated_score.value)}"
        if order.stated_score
        else ", none of which the spec names"
    )
    return (
        f"the outputs fit the labels in the order {', '.join(order.labels)}: {percent_text(order.score.value)}{instead}"
    )


def _amount(value: float, criterion: str) -> str:
    return f"{100 * value:.1f} pt" if criterion == "accuracy" else score_text(value)


def _size(delta: Estimate, criterion: str) -> str:
    low, high = delta.low or 0.0, delta.high or 0.0
    scale, digits, unit = (100, 1, " pt") if criterion == "accuracy" else (1, 3, f" of {criterion}")
    return f"{scale * delta.value:.{digits}f} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]{unit}"


def _advice(case: Case, best: ContractScore | None, order: LabelOrder | None) -> tuple[str, ...]:
    lines = []
    if best is not None and not best.stated:
        stated = best.contract
        changed = step_of(stated) | stated.model_dump(include={"crop", "margin", "resize"})
        before = case.contracts[0].model_dump()
        lines += [
            f"input.{key}: {_yaml(value)}"
            for key, value in changed.items()
            if value is not None and value != before[key]
        ]
        lines += [
            f"(without input.{key})" for key, value in changed.items() if value is None and before[key] is not None
        ]
    if order:
        lines.append(f"labels: [{', '.join(order.labels)}]")
    return tuple(lines)


def _yaml(value: object) -> str:
    return f"[{', '.join(f'{item:.6g}' for item in value)}]" if isinstance(value, tuple) else str(value)
