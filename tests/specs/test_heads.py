"""Heads beyond expressions, valence and arousal."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edgebench.errors import SpecError
from edgebench.specs.catalog import load_model
from edgebench.specs.model import ModelSpec, RegressionHead

NET = "source: {architecture: a, weights: random}\ninput: {size: [8, 8], range: [0, 1]}\nheads:\n"
CLASSES = {"kind": "classes", "name": "c", "labels": ["cat", "dog"]}
EXPRESSION = {"kind": "expression", "name": "e", "labels": ["happy", "sad"]}
AFFECT = {"kind": "valence_arousal", "name": "va"}
NUMBERS = {"kind": "regression", "name": "n", "targets": ["age", "height"]}


def model(*heads: dict[str, object]) -> ModelSpec:
    source, contract = {"architecture": "a", "weights": "random"}, {"size": (8, 8), "range": (0, 1)}
    return ModelSpec.model_validate({"name": "net", "source": source, "input": contract, "heads": heads})


@pytest.mark.parametrize("heads", [(CLASSES, NUMBERS), (EXPRESSION, NUMBERS), (CLASSES, AFFECT), (NUMBERS,)])
def test_a_model_answers_classes_numbers_or_both(heads: tuple[dict[str, object], ...]) -> None:
    assert [head.width for head in model(*heads).heads] == [2] * len(heads)


@pytest.mark.parametrize("heads", [(CLASSES, EXPRESSION), (AFFECT, NUMBERS)])
def test_an_image_has_one_class_and_one_set_of_numbers(heads: tuple[dict[str, object], ...]) -> None:
    with pytest.raises(ValidationError, match="at most one of `expression` and `classes`"):
        model(*heads)


@pytest.mark.parametrize("targets", [[], ["age", "age"], ["a/b"], [" age"], [""]])
def test_targets_are_distinct_names(targets: list[str]) -> None:
    with pytest.raises(ValidationError):
        RegressionHead(kind="regression", name="n", targets=tuple(targets))


def test_a_range_of_valence_and_arousal_rises() -> None:
    with pytest.raises(ValidationError, match="`range` must rise"):
        model({**AFFECT, "range": [1, -1]})


def stated(folder: Path, head: str) -> ModelSpec:
    (folder / "net.yaml").write_text(NET + f"  - {{name: c, {head}}}\n")
    return load_model("net", [folder])


def test_labels_may_stand_in_a_file_of_their_own_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\ufeffgreat white shark\n\n tench \n", encoding="utf-8")
    spec = stated(tmp_path, "kind: classes, labels_file: names.txt")
    assert spec.class_head is not None
    assert spec.class_head.labels == ("great white shark", "tench")
    assert "labels_file" not in spec.heads[0].model_dump()


@pytest.mark.parametrize(
    ("head", "content", "said"),
    [
        ("kind: classes, labels_file: gone.txt", b"", r"net.yaml:4: heads\[0\].labels_file: gone.txt: No such file"),
        ("kind: classes, labels_file: .", b"", "Is a directory"),
        ("kind: classes, labels_file: names.txt", b"one", "holds fewer than two names"),
        ("kind: classes, labels_file: names.txt", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("kind: classes, labels_file: names.txt", b"a\na\n", "distinct names"),
        ("kind: classes, labels_file: names.txt, labels: [a, b]", b"a\nb\n", "either `labels` or `labels_file`"),
        ("kind: classes, labels_file: 3", b"", "labels_file: must be text"),
        ("kind: classes", b"", "`labels` needs two or more"),
        ("kind: expression, labels_file: names.txt", b"a\nb\n", "labels_file: unknown key"),
    ],
)
def test_a_mistake_in_labels_is_explained(tmp_path: Path, head: str, content: bytes, said: str) -> None:
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(SpecError, match=said):
        stated(tmp_path, head)
