"""list, show and validate, with specs that are broken in every way at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

NET = """\
source: {architecture: mobilenet_v1, options: {alpha: 0.5}, weights: %s}
input: {size: [128, 128], range: [-1, 1]}
heads: [{kind: valence_arousal, name: va}]
"""
BROKEN = "sorce: 1\nheads: 3\n"

Specs = Callable[..., None]


@pytest.fixture
def specs(tmp_path: Path) -> Specs:
    """Writes model specs, file name -> text, into the project's own folder."""

    def write(**texts: str) -> None:
        folder = tmp_path / "model_specs"
        folder.mkdir()
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text)

    return write


def test_a_broken_spec_is_listed_with_its_problems(edgebench, specs) -> None:
    specs(bad=BROKEN, good=NET % "random")
    answer = edgebench("models", "list", "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    listed = json.loads(answer.stdout)
    assert [problem["line"] for problem in listed["bad"]["problems"]] == [1, 1, 1, 2]
    assert listed["good"]["source"]["weights"] == "random"
    table = edgebench("models", "list")
    assert table.returncode == 0
    assert "bad.yaml:1" in table.stdout
    assert "broken" in table.stdout


def test_weights_that_an_included_file_states_and_that_are_missing_make_a_spec_bad(edgebench, specs) -> None:
    specs(_base=NET % "gone.weights.h5", net="include: _base.yaml\n")
    answer = edgebench("models", "validate", "net")
    assert answer.returncode == 2
    assert "_base.yaml:1: source.weights: no such file" in answer.stdout
    assert "1 problem(s)" in answer.stdout


def test_every_broken_name_is_reported_and_no_other(edgebench, specs) -> None:
    specs(one=BROKEN, two=BROKEN, three=BROKEN)
    answer = edgebench("models", "validate", "one", "two", "mobilenet_v1_a0.5", "--json")
    assert (answer.returncode, answer.stderr) == (2, "")
    found = {Path(problem["file"]).name for problem in json.loads(answer.stdout)["problems"]}
    assert found == {"one.yaml", "two.yaml"}


def test_good_specs_are_counted_each_once(edgebench, specs) -> None:
    specs(net=NET % "random")
    answer = edgebench("models", "validate", "net", "net", "mobilenet_v1_a0.5")
    assert (answer.returncode, answer.stdout.strip()) == (0, "2 model spec(s) are good")


def test_an_unknown_name_is_answered_with_the_nearest(edgebench, specs) -> None:
    specs(net=BROKEN)
    answer = edgebench("models", "validate", "net", "mobilenet_v1_a0.6")
    assert answer.returncode == 2
    assert "did you mean 'mobilenet_v1_a0.5'" in answer.stderr


def test_what_the_zoo_does_not_have_is_named_with_the_nearest(edgebench, specs) -> None:
    text = NET % "random"
    specs(net=text.replace("mobilenet_v1", "mobilnet_v1"), opt=text.replace("alpha:", "alhpa:"), good=text)
    answer = edgebench("models", "validate", "net", "opt", "good")
    assert answer.returncode == 2
    assert "net.yaml:1: source.architecture: unknown architecture 'mobilnet_v1'; did you mean" in answer.stdout
    assert "opt.yaml:1: source.options.alhpa: unknown option; did you mean 'alpha'?" in answer.stdout
    assert "opt.yaml:1: source.options: the option 'alpha' is missing" in answer.stdout
    assert "3 problem(s)" in answer.stdout
