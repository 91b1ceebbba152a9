"""PyTorch modules in every format, held against PyTorch itself."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from edgebench.errors import ConversionError
from edgebench.targets import TARGETS
from edgebench.targets.outputs import match_outputs, parity

torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")
pytest.importorskip("litert_torch", reason="litert-torch, an optional extra, is not installed")

from torch import nn  # noqa: E402

FORMATS = sorted(TARGETS)
SHAPE = (1, 3, 24, 20)
TOLERANCE = {"fp32": 2e-5, "fp16": 2e-2, "int8": 0.2}

every_format = pytest.mark.parametrize("format_name", FORMATS)


class Block(nn.Module):
    """What a ResNet is made of."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.inner = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.expression, self.affect = nn.Linear(8, 7), nn.Linear(8, 2)

    def forward(self, image):
        x = self.pool(self.stem(image))
        x = torch.relu(self.inner(x) + x)
        x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.expression(x), torch.tanh(self.affect(x))


def vgg():
    """What a VGG is made of; its pooling to a fixed size leaves windows that overlap."""
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(8 * 16, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)),
        nn.Softmax(dim=1),
    )


def mobile():
    """Depthwise convolutions and the activations of small nets."""
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.Hardswish()),
        *(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6()),
        *(nn.Conv2d(8, 12, 1), nn.SiLU(), nn.AvgPool2d(2), nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(12, 8, 3)),
        *(nn.LeakyReLU(0.1), nn.Conv2d(8, 8, 1), nn.PReLU(8), nn.Hardsigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8), nn.ELU(), nn.Linear(8, 3), nn.Sigmoid()),
    )


NETS = {"block": Block, "vgg": vgg, "mobile": mobile}


def source_of(net):
    """As the sources room hands a net over, its weights and statistics as if trained."""
    torch.manual_seed(0)
    for name, values in net.state_dict().items():
        if values.is_floating_point() and ("running" in name or values.ndim == 1):
            values.add_(0.3 * torch.rand(values.shape))

    class Tuple(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, image):
            answer = self.net(image)
            return answer if isinstance(answer, tuple) else (answer,)

    model = Tuple().eval()

    def predict(inputs):
        with torch.inference_mode():
            return {f"head{i}": output.numpy() for i, output in enumerate(model(torch.from_numpy(inputs)))}

    return SimpleNamespace(model=model, framework="torch", predict=predict)


@pytest.fixture(scope="module")
def sources():
    made = {}
    for name, build in NETS.items():
        torch.manual_seed(1)
        made[name] = source_of(build())
    return made


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, SHAPE).astype(np.float32) for _ in range(8)]


def converted(lab, source, format_name, folder):
    target = lab.target(format_name)
    file = folder / f"net-fp32{target.suffix}"
    target.convert(source, SHAPE, file)
    return file


@every_format
@pytest.mark.parametrize("net", ["block", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vgg", "mobile"))])
def test_every_variant_answers_like_pytorch(lab, sources, samples, tmp_path, capsys, net, format_name):
    target, source = lab.target(format_name), sources[net]
    float_file = converted(lab, source, format_name, tmp_path)
    expected = source.predict(np.concatenate(samples))
    for recipe, allowed in TOLERANCE.items():
        file = float_file
        if recipe != "fp32":
            file = tmp_path / f"net-{recipe}{target.suffix}"
            target.quantize(float_file, recipe, samples, file)
        answers = lab.answers(target.runnable(file, tmp_path)[-1], samples)
        assert parity(expected, answers, match_outputs(expected, answers)) < allowed, recipe
        assert not {"BatchNormalization", "batch_norm"} & set(target.inspect(file).by_type)
    assert capsys.readouterr() == ("", "")


@every_format
def test_equal_nets_give_equal_bytes(lab, sources, samples, tmp_path, format_name):
    digests = set()
    for turn in ("first", "second"):
        (folder := tmp_path / turn).mkdir()
        digests.add(lab.digest(converted(lab, sources["block"], format_name, folder)))
    assert len(digests) == 1


@pytest.mark.slow
@every_format
def test_bytes_do_not_depend_on_the_process(request, tmp_path, format_name):
    code = (
        "import importlib.util, pathlib, sys\n"
        "def load(name, file):\n"
        "    spec = importlib.util.spec_from_file_location(name, file)\n"
        "    module = sys.modules[name] = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(module)\n"
        "    return module\n"
        "lab, this = load('lab', sys.argv[1]), load('this', sys.argv[2])\n"
        "this.torch.manual_seed(1)\n"
        "source, folder = this.source_of(this.Block()), pathlib.Path(sys.argv[3])\n"
        "print('DIGEST', lab.digest(this.converted(lab, source, sys.argv[4], folder)))\n"
    )
    digests = set()
    for seed in ("0", "1"):
        (folder := tmp_path / seed).mkdir()
        helpers = request.path.with_name("conftest.py")
        command = [sys.executable, "-c", code, str(helpers), str(request.path), str(folder), format_name]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
        digests.add(next(line for line in run.stdout.splitlines() if line.startswith("DIGEST")))
    assert len(digests) == 1


@every_format
def test_a_net_that_decides_by_its_values_is_refused_in_one_line(lab, tmp_path, format_name):
    class Decides(nn.Module):
        def forward(self, image):
            return (image.mean((2, 3)) if image.sum() > 0 else image.amax((2, 3)),)

    source = SimpleNamespace(model=Decides(), framework="torch")
    with pytest.raises(ConversionError) as caught:
        converted(lab, source, format_name, tmp_path)
    assert len(str(caught.value).splitlines()) == 1


@every_format
def test_the_tools_that_decide_the_bytes_are_named(lab, format_name):
    assert "torch" in lab.target(format_name).tools("torch")
