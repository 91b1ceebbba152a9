"""Content hashes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.digests import sha256_bytes, sha256_file, sha256_json

# FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


def test_the_published_example():
    assert sha256_bytes(b"abc") == ABC


@given(st.binary(max_size=2000))
def test_a_file_hashes_as_its_bytes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("files") / "data"
    path.write_bytes(data)
    assert sha256_file(path) == sha256_bytes(data) == hashlib.sha256(data).hexdigest()


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_file(tmp_path / "none")


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_the_order_of_keys_does_not_matter(value):
    assert sha256_json(value) == sha256_json(dict(reversed(value.items())))


@pytest.mark.parametrize(("a", "b"), [([1, 2], [2, 1]), ({"a": 1}, {"a": 1.5}), ("1", 1), (None, False), ({}, [])])
def test_different_values_have_different_hashes(a, b):
    assert sha256_json(a) != sha256_json(b)
