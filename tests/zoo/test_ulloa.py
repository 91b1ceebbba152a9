"""Ulloa's nets as architectures of the zoo."""

import subprocess
import sys

import pytest

from edgebench.errors import SpecError
from edgebench.specs.model import ModelSpec
from edgebench.zoo import build

AFFECT = [{"kind": "valence_arousal", "name": "va"}]


def spec(architecture="ulloa_resnet152", heads=AFFECT, **contract):
    stated = {"size": (32, 32), "range": (-1, 1), "layout": "nchw"} | contract
    source = {"architecture": architecture, "weights": "random"}
    return ModelSpec(name="net", source=source, input=stated, heads=heads)


@pytest.mark.parametrize(("name", "count"), [("ulloa_vgg11_bn", 128_780_034), ("ulloa_resnet152", 58_147_906)])
def test_the_nets_have_the_parameters_of_the_study(name, count):
    torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")
    with torch.device("meta"):
        net = build(spec(name))
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layout": "nhwc"}, "takes nchw input of three channels"),
        ({"color": "gray"}, "takes nchw input of three channels"),
        ({"size": (31, 64)}, "takes images of at least 32x32"),
        ({"heads": [{"kind": "expression", "name": "e", "labels": ["a", "b"]}]}, "without an activation"),
        (
            {"heads": [*AFFECT, {"kind": "expression", "name": "e", "labels": ["a", "b"], "activation": "logits"}]},
            "answers one head",
        ),
    ],
)
def test_what_the_nets_do_not_take_is_refused(changes, said):
    with pytest.raises(SpecError, match=said):
        build(spec(**changes))


def test_looking_at_them_does_not_import_pytorch():
    code = (
        "import sys; from edgebench.zoo import architecture\n"
        "vgg, resnet = (architecture(name) for name in ('ulloa_vgg11_bn', 'ulloa_resnet152'))\n"
        "print(vgg.framework, resnet.options(), 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out.split() == ["torch", "{}", "False"]
