"""YAML as data with places, read by either parser of pyyaml."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.specs.problem import Problem
from edgebench.specs.yaml_reader import MAX_BYTES, MAX_DEPTH, MAX_VALUES, plain, read, scalar

pytestmark = pytest.mark.usefixtures("loader")


def problems_of(path: Path) -> list[Problem]:
    problems: list[Problem] = []
    read(path, problems)
    return problems


def only_problem(path: Path) -> Problem:
    (problem,) = problems_of(path)
    return problem


def test_every_key_and_item_knows_its_line_and_column(write):
    root = read(write("a.yaml", "a:\n  b: 1\n  c: [2,\n    3]\n"), [])
    a = root.content["a"]
    assert (a.place.line, a.place.column) == (1, 1)
    assert (a.content["c"].place.line, a.content["c"].place.column) == (3, 3)
    assert [(item.place.line, item.place.column) for item in a.content["c"].content] == [(3, 7), (4, 5)]
    assert plain(root) == {"a": {"b": 1, "c": [2, 3]}}


# YAML 1.2.2, section 10.3.2; beyond it only underscores in whole numbers, which the specs use.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("15_000_000", 15_000_000),
        ("1__0", "1__0"),
        ("_1", "_1"),
        ("1_", "1_"),
        ("010", "010"),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("2024-01-01", "2024-01-01"),
        ("1e-3", 0.001),
        ("1E5", 100_000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("-", "-"),
        ("=", "="),
        ("1e999", math.inf),
        ("9" * 5000, math.inf),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text, value):
    found = scalar(text)
    assert (type(found), found) == (type(value), value)


def test_not_a_number_is_a_float():
    assert math.isnan(scalar(".nan"))


@given(st.integers())
def test_whole_numbers_are_read_back(number):
    assert scalar(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read_back(number):
    assert float(scalar(repr(number))) == number


@given(st.text())
def test_any_word_means_something(text):
    assert isinstance(scalar(text), str | int | float | None)


def test_quoted_words_are_text(write):
    root = read(write("a.yaml", "a: 'true'\nb: \"12\"\nc: |\n  1\n"), [])
    assert plain(root) == {"a": "true", "b": "12", "c": "1\n"}


def test_keys_are_text_whatever_they_look_like(write):
    assert plain(read(write("a.yaml", "1: a\nno: b\nnull: c\n"), [])) == {"1": "a", "no": "b", "null": "c"}


def test_aliases_are_expanded_and_stand_where_they_are_used(write):
    root = read(write("a.yaml", "a: &x [1, 2]\nb: *x\n"), [])
    assert plain(root) == {"a": [1, 2], "b": [1, 2]}
    assert root.content["b"].place.line == 2


def test_a_byte_order_mark_and_windows_line_ends_are_read(write):
    root = read(write("a.yaml", b"\xef\xbb\xbfa: 1\r\nb: 2\r\n"), [])
    assert plain(root) == {"a": 1, "b": 2}
    assert root.content["b"].place.line == 2


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("", 1, "found nothing"),
        ("# a comment\n", 1, "found nothing"),
        ("- a\n- b\n", 1, "found a list"),
        ("hello\n", 1, "found a value"),
        ("a: 1\nb: [\n", 3, "not YAML"),
        ("a: 1\n b: 2\n", 2, "not YAML: mapping values"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: 1\nb: \xff".encode("latin-1"), 2, "not UTF-8"),
        ("a: 1".encode("utf-16"), 1, "not UTF-8"),
        ("a: 1\nb: \x07\n", 2, "control character '\\x07'"),
        ("a: 1\n---\nb: 2\n", 3, "second document"),
        ("a: *nowhere\n", 1, "*nowhere refers to nothing"),
        ("a:\n  b: &x\n    - *x\n", 3, "*x refers to itself"),
        ("a: " + "[" * (MAX_DEPTH + 1), 1, f"deeper than {MAX_DEPTH}"),
        ("a: " + "{b: " * 50_000, 1, f"deeper than {MAX_DEPTH}"),
        ("a: " + "x" * MAX_BYTES, 1, "larger than 256 KiB"),
        ("a: [" + "1," * (MAX_VALUES + 1) + "]", 1, f"more than {MAX_VALUES} values"),
        ("%YAML 3.0\n---\na: 1\n", 1, "not YAML"),
    ],
)
def test_what_is_no_mapping_is_one_problem_with_its_line(write, content, line, said):
    problem = only_problem(write("a.yaml", content))
    assert problem.line == line
    assert said in problem.text


def test_a_small_file_that_expands_to_billions_is_refused(write):
    levels = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "once aliases are expanded" in only_problem(write("a.yaml", "\n".join(levels))).text


@pytest.mark.parametrize(
    "value",
    ["!!python/object/apply:os.system [ls]", "!!python/name:os.system", "!include other.yaml", "!!str 1", "! 1"],
)
def test_tags_are_refused_and_do_nothing(write, value):
    problem = only_problem(write("a.yaml", f"a: 1\nb: {value}\n"))
    assert problem.line == 2
    assert "is refused: a spec holds data only" in problem.text


def test_a_key_stated_twice_is_refused_with_both_lines(write):
    problem = only_problem(write("a.yaml", "a: 1\nb: 2\na: 3\n"))
    assert str(problem).endswith("a.yaml:3: a: stated twice, first on line 1")


@pytest.mark.parametrize("key", ["[a, b]", "{a: b}"])
def test_keys_that_are_no_text_are_refused(write, key):
    assert "a key must be text" in only_problem(write("a.yaml", f"? {key}\n: 1\n")).text


def test_several_problems_are_found_at_once(write):
    found = problems_of(write("a.yaml", "a: !x 1\nb: 2\nb: 3\n? [c]\n: 1\n"))
    assert [problem.line for problem in found] == [1, 3, 4]


def test_a_folder_a_pipe_and_nothing_are_no_specs(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("folder.yaml", "pipe.yaml"):
        assert only_problem(tmp_path / name).text == "is not a file"
    assert only_problem(tmp_path / "none.yaml").text == "cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_problem(write):
    path = write("a.yaml", "a: 1")
    path.chmod(0)
    assert only_problem(path).text == "cannot be read: Permission denied"
