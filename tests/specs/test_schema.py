"""The schemas accept what the reader accepts, and see the mistakes an editor should underline."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from edgebench.specs.catalog import devices, models
from edgebench.specs.schema import json_schemas
from edgebench.specs.yaml_reader import Node, plain, read


def stated(path) -> dict:
    node = read(path, [])
    assert isinstance(node, Node)
    return plain(node)


def mistakes(kind: str, data: dict) -> list[str]:
    return [error.message for error in Draft202012Validator(json_schemas()[kind]).iter_errors(data)]


@pytest.mark.parametrize("kind", ["model_spec", "device_spec"])
def test_the_schemas_are_schemas(kind):
    Draft202012Validator.check_schema(json_schemas()[kind])
    json.dumps(json_schemas()[kind])


@pytest.mark.parametrize("kind", ["model_spec", "device_spec"])
def test_every_shipped_spec_is_valid_and_a_typo_is_not(kind):
    catalog = models() if kind == "model_spec" else devices()
    for file in catalog.files().values():
        data = stated(file)
        assert mistakes(kind, data) == [], file
        assert mistakes(kind, {**data, "descripton": "x"}), file


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size: [128, 128]", "size: 128"),
        ("range: [-1, 1]", "rnage: [-1, 1]"),
        ("weights: random", "weihts: random"),
        ("kind: expression", "kind: emotion"),
        ("max_bytes: 15_000_000", "max_bytes: -1"),
        ("max_bytes: 15_000_000", "max_bytes: lots"),
        ("source:\n", "sauce:\n"),
        ("  size: [128, 128]\n", ""),
    ],
)
def test_an_editor_sees_mistakes_in_a_model(write, model_text, old, new):
    assert mistakes("model_spec", stated(write("net.yaml", model_text))) == []
    assert mistakes("model_spec", stated(write("net.yaml", model_text.replace(old, new))))


def test_an_editor_that_takes_underscores_for_text_accepts_them(write, model_text):
    data = stated(write("net.yaml", model_text))
    assert mistakes("model_spec", {**data, "budgets": {"max_bytes": "15_000_000"}}) == []


def test_what_includes_another_may_leave_keys_to_it_but_not_misspell_them():
    part = {"include": "_base.yaml", "source": {"options": {"alpha": 1}}, "input": {"color": "gray"}}
    assert mistakes("model_spec", part) == []
    assert mistakes("model_spec", {**part, "input": {"colour": "gray"}})
    assert mistakes("model_spec", {**part, "heads": [{"kind": "expression"}]})  # lists are not merged
    assert mistakes("model_spec", {"source": part["source"]})


def test_keys_are_described():
    definitions = json_schemas()["model_spec"]["$defs"]
    assert definitions["InputContract"]["properties"]["size"]["description"] == "height, width in pixels"
    assert definitions["Training"]["description"].startswith("The recipe of Vadlejch 2021")
