"""Specs made of several files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.specs.include import MAX_CHAIN, read_merged
from edgebench.specs.problem import Problem
from edgebench.specs.yaml_reader import plain


def merged(path: Path) -> dict:
    problems: list[Problem] = []
    root = read_merged(path, problems)
    assert not problems
    return plain(root)


def lines(path: Path) -> list[str]:
    problems: list[Problem] = []
    read_merged(path, problems)
    return [str(problem) for problem in problems]


def test_local_keys_win_mappings_are_merged_lists_replaced(write):
    write("_base.yaml", "a: {x: 1, y: {p: 1, q: 2}}\nlist: [1, 2]\nkept: 5\n")
    path = write("net.yaml", "include: _base.yaml\na: {y: {q: 3}}\nlist: [9]\n")
    assert merged(path) == {"a": {"x": 1, "y": {"p": 1, "q": 3}}, "list": [9], "kept": 5}


def test_a_mapping_over_a_scalar_and_a_scalar_over_a_mapping_replace(write):
    write("_base.yaml", "a: 1\nb: {x: 1}\n")
    assert merged(write("net.yaml", "include: _base.yaml\na: {x: 1}\nb: 2\n")) == {"a": {"x": 1}, "b": 2}


def test_of_several_included_files_the_later_wins(write):
    write("_a.yaml", "x: a\ny: a\n")
    write("_b.yaml", "y: b\n")
    assert merged(write("net.yaml", "include: [_a.yaml, _b.yaml]\n")) == {"x": "a", "y": "b"}


def test_included_files_include_relative_to_themselves(write):
    write("common/_deep.yaml", "x: 1\n")
    write("common/_base.yaml", "include: _deep.yaml\ny: 2\n")
    assert merged(write("nets/net.yaml", "include: ../common/_base.yaml\n")) == {"x": 1, "y": 2}


def test_a_file_reached_by_two_ways_is_no_cycle(write):
    write("_root.yaml", "x: 1\n")
    write("_a.yaml", "include: _root.yaml\na: 1\n")
    write("_b.yaml", "include: _root.yaml\nb: 1\n")
    assert merged(write("net.yaml", "include: [_a.yaml, _b.yaml]\n")) == {"x": 1, "a": 1, "b": 1}


def test_names_are_not_inherited(write):
    write("other.yaml", "name: other\nx: 1\n")
    assert merged(write("net.yaml", "include: other.yaml\n")) == {"x": 1}


def test_values_keep_the_place_they_were_stated_at(write):
    base = write("_base.yaml", "a:\n  x: 1\n")
    root = read_merged(write("net.yaml", "include: _base.yaml\na:\n  y: 2\n"), [])
    assert root.content["a"].content["x"].place[:2] == (base, 2)
    assert root.content["a"].content["y"].place.line == 3


def test_a_cycle_is_refused_with_its_chain(write):
    net, b = write("net.yaml", "include: b.yaml\n"), write("b.yaml", "x: 1\ninclude: net.yaml\n")
    assert lines(net) == [f"{b}:2: include: files include one another: {net} -> {b} -> {net}"]


def test_a_file_that_includes_itself_by_another_name_is_a_cycle(write, tmp_path):
    net = write("net.yaml", "include: link.yaml\n")
    (tmp_path / "link.yaml").symlink_to(net)
    assert "include one another" in lines(net)[0]


@pytest.mark.parametrize("name", ["gone.yaml", "x" * 5000, '"a\\0b"', "net.yaml/x"])
def test_a_missing_file_is_refused_with_the_chain(write, name):
    net = write("net.yaml", f"x: 1\ninclude: {name}\n")
    (line,) = lines(net)
    assert line.startswith(f"{net}:2: include: no such file: {net} -> ")


def test_a_chain_without_end_is_refused(write):
    for number in range(MAX_CHAIN + 1):
        write(f"_{number}.yaml", f"include: _{number + 1}.yaml\n")
    write(f"_{MAX_CHAIN + 1}.yaml", "x: 1\n")
    assert f"more than {MAX_CHAIN} files" in lines(write("net.yaml", "include: _0.yaml\n"))[0]


def test_files_that_double_at_every_step_are_read_once(write):
    for number in range(MAX_CHAIN - 2):
        write(f"_{number}.yaml", f"include: [_{number + 1}.yaml, _{number + 1}.yaml]\n")
    write(f"_{MAX_CHAIN - 2}.yaml", "x: 1\n")
    assert merged(write("net.yaml", "include: _0.yaml\n")) == {"x": 1}


@pytest.mark.parametrize("stated", ["5", "{a: b}", "[[a]]", "null", '""'])
def test_what_is_included_must_be_files(write, stated):
    (line,) = lines(write("net.yaml", f"include: {stated}\n"))
    assert "include: must be a file name or a list of them" in line


def test_an_included_file_that_is_broken_names_itself(write):
    base = write("_base.yaml", "a: [\n")
    assert lines(write("net.yaml", "include: _base.yaml\n"))[0].startswith(f"{base}:2: not YAML")
