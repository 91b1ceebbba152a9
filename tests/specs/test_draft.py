"""Drafts of specs: what is written is what a spec reads, comments and all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.specs.build import build
from edgebench.specs.draft import Draft, DraftHead, labels_text, spec_text
from edgebench.specs.model import ModelSpec

SEVEN = DraftHead(kind="expression", names=("a", "b"), activation="logits", called="scores", note="guessed")


def draft(*heads: DraftHead, **changes: object) -> Draft:
    stated = {"source": "onnx", "size": (48, 64), "color": "gray", "layout": "nchw", "range": (0, 255), "heads": heads}
    return Draft.model_validate(stated | changes)


def written(tmp_path: Path, made: Draft, file: str = "net.onnx") -> ModelSpec:
    path = tmp_path / "net.yaml"
    path.write_text(spec_text(made, file=file, written_by="a test", labels_file="net.labels.txt"), encoding="utf-8")
    if (names := labels_text(made)) is not None:
        (tmp_path / "net.labels.txt").write_text(names, encoding="utf-8")
    spec, problems = build(ModelSpec, path)
    assert spec is not None, problems
    return spec


def test_a_draft_is_a_spec_of_the_same_content(tmp_path: Path) -> None:
    affect = DraftHead(kind="valence_arousal", output=1)
    spec = written(tmp_path, draft(SEVEN, affect))
    assert (spec.input.size, spec.input.color, spec.input.layout, spec.input.range) == (
        (48, 64),
        "gray",
        "nchw",
        (0, 255),
    )
    assert [(head.kind, head.output) for head in spec.heads] == [("expression", None), ("valence_arousal", 1)]
    assert spec.heads[0].labels == ("a", "b")
    assert spec.heads[0].activation == "logits"


def test_notes_stand_on_the_line_they_are_about() -> None:
    made = draft(SEVEN, notes={"range": "not known"})
    lines = spec_text(made, file="net.onnx", written_by="a test", labels_file="").splitlines()
    assert "  range: [0, 255]  # not known" in lines
    assert "  - kind: expression  # guessed" in lines
    assert "    name: expression  # the file calls it 'scores'" in lines


def test_outputs_that_are_left_out_stand_below_as_comments(tmp_path: Path) -> None:
    gender = DraftHead(kind="classes", names=("f", "m"), activation="softmax", output=1, called="gender")
    age = DraftHead(kind="regression", names=("value",), output=2, called="age")
    made = draft(SEVEN, left_out=(gender, age))
    assert written(tmp_path, made) == written(tmp_path, draft(SEVEN))
    lines = (tmp_path / "net.yaml").read_text(), spec_text(made, file="n", written_by="a test", labels_file="")
    assert "Left out" not in lines[0]
    assert "  # - output: 1  # the file calls it 'gender', 2 scores" in lines[1].splitlines()
    assert "  # - output: 2  # the file calls it 'age', one number" in lines[1].splitlines()


def test_another_signature_than_the_usual_one_is_stated(tmp_path: Path) -> None:
    made = draft(SEVEN, source="saved_model", signature="faces")
    assert written(tmp_path, made, "folder").source.signature == "faces"


def test_sigmoids_are_called_that(tmp_path: Path) -> None:
    made = draft(SEVEN.model_copy(update={"activation": "sigmoid"}))
    assert written(tmp_path, made).heads[0].activation == "sigmoid"
    assert "do not add up to 1" in (tmp_path / "net.yaml").read_text()


def test_many_labels_go_to_a_file_beside_it(tmp_path: Path) -> None:
    names = tuple(f"class_{place}" for place in range(1000))
    spec = written(tmp_path, draft(DraftHead(kind="classes", names=names, activation="softmax")))
    assert spec.heads[0].labels == names
    assert labels_text(draft(SEVEN)) is None


def test_numbers_get_targets(tmp_path: Path) -> None:
    spec = written(tmp_path, draft(DraftHead(kind="regression", names=("value",))))
    assert spec.heads[0].targets == ("value",)


def test_a_state_dict_is_stated_with_what_builds_its_net(tmp_path: Path) -> None:
    path, made = tmp_path / "net.yaml", draft(SEVEN, source="torch")
    path.write_text(
        spec_text(made, file="a b.pth", written_by="a test", labels_file="", module="../code/my net.py:Net")
    )
    spec, problems = build(ModelSpec, path)
    assert spec is not None, problems
    assert spec.source.model_dump() == {
        "torch": {"module": "../code/my net.py:Net", "options": {}, "state_dict": "a b.pth"}
    }


@pytest.mark.parametrize(
    "file", ["yes", "a b.onnx", "it's.onnx", "../ü/x: y #1.onnx", "null", "1.5", "{a}", "- x", "a\nb"]
)
def test_any_file_name_is_read_back(tmp_path: Path, file: str) -> None:
    assert written(tmp_path, draft(SEVEN), file).source.file == file


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(name=st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, blacklist_categories=["Cc"]), min_size=1))
def test_whatever_the_file_calls_an_output_stays_a_comment(tmp_path: Path, name: str) -> None:
    spec = written(tmp_path, draft(DraftHead(kind="valence_arousal", called=name)))
    assert spec.heads[0].name == "valence_arousal"
