"""results.json goes there and back, and refuses what it cannot know."""

from __future__ import annotations

import json

import pytest

from edgebench.errors import NewerStore, UsageError
from edgebench.records.results import SCHEMA
from edgebench.render.results_json import read, render


def test_results_are_read_back_equal(results, unscored, hostile):
    for each in (results, unscored, hostile):
        assert read(render(each)) == each


def test_the_file_states_its_schema_and_is_indented(results):
    text = render(results).decode()
    assert json.loads(text)["schema_version"] == SCHEMA
    assert text.startswith('{\n  "schema_version"')
    assert text.endswith("}\n")


def test_a_later_schema_is_refused_before_its_fields_are_judged(results):
    later = json.loads(render(results)) | {"schema_version": SCHEMA + 1, "unheard_of": True}
    with pytest.raises(NewerStore, match=f"schema {SCHEMA + 1}"):
        read(json.dumps(later).encode(), subject="old/results.json")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"text"', b"{}", b'{"schema_version": "1"}', b"\xff\xfe"])
def test_what_is_not_results_is_refused_in_one_line(data):
    with pytest.raises(UsageError) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    assert caught.value.subject == "results.json"


def test_a_wrong_field_is_named(results):
    broken = json.loads(render(results))
    broken["variants"][3]["size_bytes"] = "large"
    with pytest.raises(UsageError, match=r"variants\.3\.size_bytes"):
        read(json.dumps(broken).encode())
