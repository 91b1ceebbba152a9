"""A model that is not what its spec says is refused before anything is drawn, read or made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgebench.errors import ModelFileError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.opening import problems_of_sources, refuse_unfit
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace

SEVEN = ("surprise, fear, disgust, anger, contempt]", "surprise, fear, disgust, anger]")


def edited(workspace: Workspace, old: str, new: str) -> None:
    spec = workspace.model_dirs[0] / "tiny.yaml"
    text = spec.read_text()
    assert old in text
    spec.write_text(text.replace(old, new))


@pytest.mark.parametrize("verb", [quantize, evaluate])
def test_a_label_list_of_the_wrong_length_is_refused_before_faces_are_drawn(fresh: Workspace, verb) -> None:
    edited(fresh, *SEVEN)
    with pytest.raises(ModelFileError, match=r"tiny\.keras: answers .* the spec has heads expression 7"):
        verb(fresh, Choice.of("tiny"))
    assert not list(fresh.store.folder("data").iterdir())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (*SEVEN, r"tiny\.yaml:1: source\.keras: .*tiny\.keras: answers .* the spec has heads expression 7"),
        ("size: [24, 24]", "size: [24, 32]", r"tiny\.yaml:1: source\.keras: .*takes input .* the spec says"),
        ("name: expression", "name: expression\n    activation: logits", r"stated as logits, but answers prob"),
    ],
)
def test_what_a_model_is_not_is_a_problem_of_its_spec(fresh: Workspace, old: str, new: str, problem: str) -> None:
    edited(fresh, old, new)
    (found,) = problems_of_sources(fresh, [fresh.model("tiny")])
    assert re.search(problem, str(found)), found


def test_a_model_that_fits_is_opened_once_until_it_or_its_spec_changes(
    fresh: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgebench.pipeline import opening

    assert list(problems_of_sources(fresh, [fresh.model("tiny")])) == []
    with monkeypatch.context() as patched:
        patched.setattr(opening, "run_tasks", lambda *_, **__: pytest.fail("opened again"))
        refuse_unfit(fresh, [fresh.model("tiny")])
    edited(fresh, *SEVEN)
    with pytest.raises(ModelFileError):
        refuse_unfit(fresh, [fresh.model("tiny")])


def test_one_model_that_does_not_fit_stands_in_no_others_way(fresh: Workspace) -> None:
    folder = fresh.model_dirs[0]
    (folder / "other.yaml").write_text((folder / "tiny.yaml").read_text().replace(*SEVEN))
    refuse_unfit(fresh, [fresh.model("other"), fresh.model("tiny")])


def test_a_factory_that_is_not_there_is_named_where_it_is_stated(fresh: Workspace) -> None:
    pytest.importorskip("torch")
    folder: Path = fresh.model_dirs[0]
    (folder / "net.pth").write_bytes(b"weights")
    (folder / "net.yaml").write_text(
        "source:\n  torch:\n    module: gone.py:Net\n    state_dict: net.pth\n"
        "input: {size: [24, 24], range: [0, 1]}\nheads: [{kind: valence_arousal, name: va}]\n"
    )
    (found,) = problems_of_sources(fresh, [fresh.model("net")])
    assert (Path(found.file).name, found.line, found.key) == ("net.yaml", 3, "source.torch.module")
