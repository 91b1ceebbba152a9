"""The baseline file: readable, stable, and refused where it cannot be trusted."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import StoreError, UsageError
from edgebench.records.baseline import (
    SCHEMA,
    Baseline,
    BaselineScores,
    BaselineVariant,
    read_baseline,
    write_baseline,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
held = st.builds(
    BaselineVariant,
    sha256=st.text(),
    size_bytes=st.none() | st.integers(0),
    compute_int8=st.none() | st.integers(0, 10**6),
    scores=st.none()
    | st.builds(
        BaselineScores, samples=st.integers(0), metrics=st.dictionaries(st.text(max_size=5), finite, max_size=3)
    ),
)
baselines = st.builds(Baseline, schema_version=st.just(SCHEMA), variants=st.dictionaries(st.text(), held, max_size=4))

SMALL = Baseline(
    variants={
        "b.onnx-int8": BaselineVariant(sha256="2", size_bytes=20, compute_int8=3),
        "a0.5.tflite-fp32": BaselineVariant(
            sha256="1",
            size_bytes=10,
            scores=BaselineScores(dataset="faces", dataset_id="d", samples=8, metrics={"f1": 0.5, "accuracy": 0.75}),
        ),
    }
)


@given(baselines)
def test_what_is_written_is_read_back(tmp_path_factory, baseline):
    path = tmp_path_factory.mktemp("b") / "baseline.json"
    write_baseline(path, baseline)
    assert read_baseline(path) == baseline


def test_the_file_is_sorted_with_a_value_a_line_and_ends_with_a_newline():
    text = SMALL.to_json()
    assert text.index("a0.5.tflite-fp32") < text.index("b.onnx-int8")
    assert text.index('"accuracy"') < text.index('"f1"')
    assert '      "size_bytes": 20\n' in text
    assert text.endswith("}\n")
    again = Baseline(variants=dict(reversed(SMALL.variants.items())))
    assert again.to_json() == text


def test_a_part_is_taken_by_model():
    assert set(SMALL.of_models(("a0.5",)).variants) == {"a0.5.tflite-fp32"}
    assert SMALL.of_models(("a0",)).variants == {}


def test_an_update_replaces_models_as_a_whole_and_keeps_the_others():
    newer = Baseline(variants={"b.onnx-int8": BaselineVariant(sha256="3", size_bytes=19)})
    more = BaselineVariant(sha256="4", size_bytes=7)
    updated = SMALL.model_copy(update={"variants": {**SMALL.variants, "b.onnx-fp32": more}}).updated(newer)
    assert set(updated.variants) == {"a0.5.tflite-fp32", "b.onnx-int8"}
    assert updated.variants["b.onnx-int8"].size_bytes == 19
    assert updated.variants["a0.5.tflite-fp32"] == SMALL.variants["a0.5.tflite-fp32"]


def test_scores_that_a_newer_one_lacks_are_named_and_variants_that_it_lacks_are_not():
    scored = SMALL.variants["a0.5.tflite-fp32"]
    scores = scored.scores.model_copy(update={"metrics": {"f1": 0.4}})
    for newer in (scored.model_copy(update={"scores": None}), scored.model_copy(update={"scores": scores})):
        assert SMALL.scores_lost_in(Baseline(variants={"a0.5.tflite-fp32": newer})) == ["a0.5.tflite-fp32"]
    assert SMALL.scores_lost_in(SMALL) == SMALL.scores_lost_in(Baseline(variants={})) == []


def test_writing_leaves_only_the_file_readable_as_any_other(tmp_path):
    path = tmp_path / "ci" / "baseline.json"
    for _ in range(2):
        write_baseline(path, SMALL)
    (tmp_path / "other").touch()
    assert os.listdir(path.parent) == ["baseline.json"]
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_place_that_cannot_be_written_is_a_store_error_and_harms_nothing(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="cannot be written"):
        write_baseline(tmp_path / "file" / "baseline.json", SMALL)
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        write_baseline(tmp_path / "folder", SMALL)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no baseline"),
        (b"{", "is no baseline"),
        (b"\xff\xfe", "is no baseline"),
        (b"[]", "is no baseline"),
        (b"{}", "is no baseline: schema_version: Field required"),
        (b'{"schema_version": 1}', "is no baseline: variants: Field required"),
        (b'{"schema_version": 1, "variants": {"a": {"sha256": 5}}}', "is no baseline: variants.a.sha256"),
        (b'{"schema_version": 1, "variants": {}, "extra": 1}', "is no baseline: extra"),
        (b"[" * 100_000, "is no baseline"),
        (b'{"schema_version": 2, "anything": []}', r"written by a newer edgebench \(schema 2, known: 1\)"),
    ],
)
def test_what_is_no_baseline_is_refused_with_the_reason(tmp_path, content, said):
    path = tmp_path / "baseline.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        read_baseline(path)
    assert caught.value.subject == str(path)


def test_a_missing_baseline_is_answered_with_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read: No such file or directory \(fix: write it with"):
        read_baseline(tmp_path / "none.json")


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path):
    path, text = tmp_path / "baseline.json", SMALL.to_json()
    for end in range(0, len(text) - 2, 7):
        path.write_text(text[:end])
        with pytest.raises(UsageError):
            read_baseline(path)


def test_the_file_states_its_schema():
    assert json.loads(SMALL.to_json())["schema_version"] == SCHEMA
