"""Parameter counts are those of Ulloa 2019, of the nets with two outputs."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")


@pytest.fixture(scope="module")
def vgg():
    from edgebench.zoo.torch_vgg import vgg11_bn

    return vgg11_bn


@pytest.fixture(scope="module")
def resnet():
    from edgebench.zoo.torch_resnet import resnet152

    return resnet152


def unfilled(factory, **options):
    """The net without memory for its weights: shapes and names are those of the real one."""
    with torch.device("meta"):
        return factory(**options).eval()


def counted(net) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_vgg11_has_the_published_parameters(vgg):
    assert counted(unfilled(vgg)) == 128_780_034


def test_resnet152_has_the_published_parameters(resnet):
    assert counted(unfilled(resnet)) == 58_147_906


@pytest.mark.parametrize(("name", "classes"), [("vgg", 132_868_840), ("resnet", 60_192_808)])
def test_with_a_thousand_classes_the_counts_are_those_known_from_imagenet(request, name, classes):
    assert counted(unfilled(request.getfixturevalue(name), outputs=1000)) == classes


@pytest.mark.parametrize("name", ["vgg", "resnet"])
@pytest.mark.parametrize("size", [224, 32])
def test_an_image_gives_as_many_numbers_as_there_are_outputs(request, name, size):
    net = unfilled(request.getfixturevalue(name), outputs=3)
    assert net(torch.empty((5, 3, size, size), device="meta")).shape == (5, 3)


def test_resnet152_has_as_many_layers_as_its_name_says(resnet):
    net = unfilled(resnet)
    layers = [name for name, module in net.named_modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    assert len([name for name in layers if "downsample" not in name]) == 152


def test_vgg11_has_as_many_layers_as_its_name_says(vgg):
    assert len([m for m in unfilled(vgg).modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]) == 11


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("vgg", {"features.0.weight", "features.26.running_var", "classifier.0.weight", "classifier.6.bias"}),
        (
            "resnet",
            {
                "conv1.weight",
                "bn1.running_mean",
                "layer1.0.downsample.0.weight",
                "layer3.35.bn3.weight",
                "layer4.2.conv3.weight",
                "fc.bias",
            },
        ),
    ],
)
def test_parameters_carry_the_names_of_common_state_dicts(request, name, keys):
    assert keys <= unfilled(request.getfixturevalue(name)).state_dict().keys()


@pytest.mark.parametrize(("channels", "width", "stride"), [(8, 2, 1), (8, 2, 2), (4, 2, 1)])
def test_a_bottleneck_adds_its_input_or_the_projection_of_it(resnet, channels, width, stride):
    from edgebench.zoo.torch_resnet import Bottleneck

    torch.manual_seed(0)
    block = Bottleneck(channels, width, stride=stride).eval()
    torch.nn.init.zeros_(block.bn3.weight)
    x = torch.randn(2, channels, 6, 6)
    with torch.no_grad():
        shortcut = block.downsample(x)
        assert torch.equal(block(x), torch.relu(shortcut))
    assert torch.equal(shortcut, x) == (channels == width * 4 and stride == 1)


@pytest.mark.slow
def test_resnet152_answers_each_image_alone(resnet):
    torch.manual_seed(0)
    net = resnet().eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        together, alone = net(images), torch.cat([net(image[None]) for image in images])
    torch.testing.assert_close(together, alone)
    assert together.isfinite().all()
    assert not torch.equal(together[0], together[1])
