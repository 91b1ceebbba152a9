"""What answers under several contracts say about the stated one."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.diagnosis import Case, diagnose, score
from edgebench.records.dataset import DatasetInfo
from edgebench.records.diagnosis import Diagnosis
from edgebench.specs.heads import ClassesHead, Head, ValenceArousalHead
from edgebench.specs.model import InputContract
from edgebench.specs.plausible import steps

LABELS = ("cat", "dog", "cow", "hen", "pig")
HEAD = ClassesHead(kind="classes", name="animal", labels=LABELS)
AFFECT = ValenceArousalHead(kind="valence_arousal", name="affect")
CONTRACTS = steps(InputContract(size=(8, 8), color="gray", range=(0, 1)))
"""[0, 1], which the spec states, [-1, 1] and [0, 255]."""


def answers(truth: np.ndarray, right: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    called = np.where(random.random(len(truth)) < right, truth, random.integers(0, len(LABELS), len(truth)))
    return np.eye(len(LABELS), dtype=np.float32)[called]


def case(outputs: list[np.ndarray], truth: np.ndarray, *, head: Head = HEAD, known: bool = True) -> Case:
    info = DatasetInfo(
        name="farm", id="0", split="validation", layout="2021", synthetic=False, samples=len(truth), per_class={}
    )
    stated = LABELS if known else ("class_0", "class_1", "class_2", "class_3", "class_4")
    return Case("net", info, head, stated, known, truth, CONTRACTS, outputs, 0.02)


def diagnosed(
    rights: tuple[float, ...], *, images: int = 1000, order: tuple[int, ...] = (), known: bool = True
) -> Diagnosis:
    truth = np.arange(images) % len(LABELS)
    outputs = [answers(truth, right, seed) for seed, right in enumerate(rights)]
    return diagnose(case([each[:, order] if order else each for each in outputs], truth, known=known))


def test_a_contract_that_nothing_surpasses_is_supported() -> None:
    found = diagnosed((0.8, 0.3, 0.1))
    assert (found.verdict, found.exit_code, found.advice, found.labels) == ("supported", 0, (), None)
    assert found.best.stated
    assert found.best.to_best is None
    assert [each.text for each in found.scores] == [
        f"gray, {r}, whole picture" for r in ("[0, 1]", "[-1, 1]", "[0, 255]")
    ]


def test_a_contract_that_another_surpasses_is_contradicted_with_the_way_out() -> None:
    found = diagnosed((0.3, 0.1, 0.8))
    assert (found.verdict, found.exit_code) == ("contradicted", 1)
    assert found.reasons[0].startswith("gray, [0, 255], whole picture is better than the spec's gray, [0, 1]")
    assert found.advice == ("input.range: [0, 255]",)
    stated = next(each for each in found.scores if each.stated)
    assert stated.to_best is not None
    assert stated.to_best.high is not None
    assert stated.to_best.high < -0.2


def test_few_images_do_not_tell_close_contracts_apart() -> None:
    found = diagnosed((0.6, 0.62, 0.1), images=100)
    assert (found.verdict, found.exit_code) == ("cannot tell", 3)
    assert "[-1, 1]" in found.reasons[0]
    assert "--limit" in found.reasons[0]
    assert diagnosed((1.0, 0.0, 0.0), images=20).verdict == "cannot tell"


@pytest.mark.parametrize("known", [True, False])
def test_a_model_that_guesses_supports_nothing(known: bool) -> None:
    found = diagnosed((0.0, 0.0, 0.0), known=known)
    assert found.verdict == "cannot tell"
    assert found.labels is None
    assert "guessing" in found.reasons[0]


def test_labels_out_of_order_are_found_under_the_right_contract() -> None:
    found = diagnosed((0.8, 0.3, 0.1), order=(1, 0, 2, 4, 3))
    assert found.verdict == "contradicted"
    assert found.labels is not None
    assert found.labels.labels == ("dog", "cat", "cow", "pig", "hen")
    assert found.labels.stated_score is not None
    assert found.labels.score.value > 0.8 > 0.4 > found.labels.stated_score.value
    assert found.best.stated
    assert found.advice == ("labels: [dog, cat, cow, pig, hen]",)
    assert found.reasons[0].startswith("the outputs fit the labels in the order dog, cat, cow, pig, hen: 8")
    assert len(found.reasons) == 1


def test_labels_and_contract_may_both_be_wrong() -> None:
    found = diagnosed((0.2, 0.8, 0.1), order=(4, 0, 1, 2, 3))
    assert found.advice == ("input.range: [-1, 1]", "labels: [pig, cat, dog, cow, hen]")
    assert len(found.reasons) == 2


def test_labels_that_the_set_does_not_have_are_named() -> None:
    found = diagnosed((0.8, 0.3, 0.1), order=(1, 0, 2, 3, 4), known=False)
    assert found.verdict == "contradicted"
    assert found.labels is not None
    assert (found.labels.stated_score, found.labels.stated[0]) == (None, "class_0")
    assert found.advice == ("labels: [dog, cat, cow, hen, pig]",)


def test_without_classes_concordance_judges() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(-1, 1, (400, 2)).astype(np.float32)
    outputs = [(truth + random.normal(0, noise, truth.shape)).astype(np.float32) for noise in (2.0, 0.1, 1.0)]
    found = diagnose(case(outputs, truth, head=AFFECT))
    assert (found.criterion, found.verdict) == ("ccc_mean", "contradicted")
    assert found.best.text.startswith("gray, [-1, 1]")
    assert score(AFFECT, outputs[1], truth) == pytest.approx(found.best.score.value)


def test_answers_that_never_change_score_nothing() -> None:
    truth = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)
    assert score(AFFECT, np.zeros((50, 2), np.float32), truth) <= 0


def test_a_contract_that_answers_the_same_is_no_rival() -> None:
    truth = np.arange(100) % len(LABELS)
    outputs = [answers(truth, right, seed) for right, seed in ((0.9, 0), (0.9, 0), (0.1, 1))]
    found = diagnose(case(outputs, truth))
    assert found.verdict == "supported"
    assert [each.score.value for each in found.scores[:2]] == [found.best.score.value] * 2
    assert found.best.stated
