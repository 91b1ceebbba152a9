"""A state dict with the factory of its net: what images it takes is tried, what it answers is read."""

import pytest

from edgebench.errors import ModelFileError, SpecError
from edgebench.sources.facts import draft_of
from edgebench.sources.opening import open_model
from edgebench.specs.source import TorchModule

torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")

NETS = """
import torch
from torch import nn


class Flat(nn.Sequential):
    '''Takes gray images of 48x48 alone.'''

    def __init__(self):
        super().__init__(nn.Conv2d(1, 2, 3, stride=4, padding=1), nn.Flatten(), nn.Linear(2 * 12 * 12, 7))


class Pooled(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 8), nn.Softmax(1))


class Sound(nn.Linear):
    def __init__(self):
        super().__init__(100, 7)


def fails():
    raise KeyError("layers")
"""


@pytest.fixture
def drafted(tmp_path):
    """Of the weights of one net, drafted with the factory of the same or of another."""
    (tmp_path / "nets.py").write_text(NETS)
    space = {}
    exec(NETS, space)

    def make(of, factory=None, size=None):
        torch.save(space[of]().state_dict(), tmp_path / "net.pth")
        module = TorchModule(module=f"{tmp_path}/nets.py:{factory or of}", state_dict=str(tmp_path / "net.pth"))
        return draft_of(tmp_path / "net.pth", "torch", module=module, size=size)

    return make


def test_the_one_size_that_a_net_runs_on_is_found(drafted):
    draft = drafted("Flat")
    assert (draft.source, draft.size, draft.color, draft.layout) == ("torch", (48, 48), "gray", "nchw")
    assert not {"size", "layout"} & draft.notes.keys()
    assert (draft.heads[0].kind, draft.heads[0].activation) == ("expression", "logits")


def test_a_size_that_any_would_do_for_is_asked_or_marked(drafted):
    guessed, told = drafted("Pooled"), drafted("Pooled", size=(64, 96))
    assert (guessed.size, guessed.color, guessed.heads[0].activation) == ((224, 224), "rgb", "softmax")
    assert "leaves it open" in guessed.notes["size"]
    assert (told.size, "size" in told.notes) == ((64, 96), False)


def test_a_size_that_the_net_does_not_take_is_refused(drafted):
    with pytest.raises(ModelFileError, match="does not take images of 3x64x64") as caught:
        drafted("Flat", size=(64, 64))
    assert "--size" in caught.value.fix
    with pytest.raises(ModelFileError, match="does not take images of 3x224x224"):
        drafted("Sound")


def test_a_factory_of_another_net_is_told_by_its_keys(drafted):
    with pytest.raises(ModelFileError, match=r"lacks 2\.bias, 2\.weight; holds 3\.bias, 3\.weight, which the net"):
        drafted("Pooled", "Flat")


def test_what_a_factory_raises_or_lacks_is_told(drafted, tmp_path):
    with pytest.raises(ModelFileError, match=r"'fails' raised \(KeyError: 'layers'\)"):
        drafted("Flat", "fails")
    with pytest.raises(ModelFileError, match="has no factory 'Net'"):
        drafted("Flat", "Net")
    module = TorchModule(module="edgebench_no_such_nets:Net", state_dict="net.pth")
    with pytest.raises(SpecError, match="no such package: edgebench_no_such_nets"):
        open_model(tmp_path / "net.pth", "torch", module=module)


class Code:
    def __reduce__(self):
        return (print, ("it ran",))


@pytest.mark.parametrize("content", [Code(), [1, 2], {"a": 1}])
def test_a_pickle_that_is_no_state_dict_is_refused_with_the_reason(drafted, tmp_path, capsys, content):
    drafted("Flat")
    torch.save(content, tmp_path / "other.pth")
    module = TorchModule(module=f"{tmp_path}/nets.py:Flat", state_dict=str(tmp_path / "other.pth"))
    with pytest.raises(ModelFileError, match=r"which is code and not weights|holds no state dict of tensors alone"):
        draft_of(tmp_path / "other.pth", "torch", module=module)
    assert "it ran" not in capsys.readouterr().out


def test_a_file_that_holds_its_net_needs_no_factory(tmp_path):
    module = TorchModule(module="net.py:Net", state_dict="net.onnx")
    with pytest.raises(ModelFileError, match="holds its net itself"):
        open_model(tmp_path / "net.onnx", "onnx", module=module)
