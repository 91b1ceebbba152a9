"""Problems as people and terminals see them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgebench.specs.problem import Place, Problem, as_error


def test_a_problem_names_file_line_key_and_what_is_wrong():
    problem = Problem.at(Place(Path("nets/a.yaml"), 7, 3), "must be text", key="input.color")
    assert str(problem) == "nets/a.yaml:7: input.color: must be text"


def test_a_problem_of_a_whole_file_has_no_key():
    assert str(Problem.at(Place(Path("a.yaml")), "is not a file")) == "a.yaml:1: is not a file"


@given(st.text(), st.text())
def test_a_problem_is_one_printable_line_whatever_the_file_holds(key, text):
    assert str(Problem.at(Place(Path("a.yaml")), text, key=key)).isprintable()


def test_an_error_has_one_line_for_each_problem():
    problems = [Problem.at(Place(Path("a.yaml"), line), "wrong") for line in (1, 2)]
    assert str(as_error(problems)) == "a.yaml:1: wrong\na.yaml:2: wrong"
