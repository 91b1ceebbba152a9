"""Model files without a spec: what each kind is recognized by, and what is refused with a way to what is not."""

import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources.opening import open_model, recognize


@pytest.fixture
def file(tmp_path):
    def write(name, data=b""):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def test_kinds_are_recognized_by_content(tmp_path, file, small_net, onnx_net, tflite_bytes):
    net = small_net()
    net.save(tmp_path / "net.keras")
    (tmp_path / "net.keras").rename(tmp_path / "net.zip")
    net.export(tmp_path / "folder", verbose=False)
    assert recognize(tmp_path / "net.zip") == "keras"
    assert recognize(tmp_path / "folder") == "saved_model"
    assert recognize(file("any.bin", tflite_bytes())) == "tflite"
    assert recognize(file("net.onnx", onnx_net().SerializeToString())) == "onnx"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("net.txt", b"hello", "no model that can be imported"),
        ("net", b"", "is empty"),
        ("net.tflite", b"0123NOPE", "is no .tflite file"),
        ("net.pkl", b"\x80\x04K\x01.", "no model that can be imported"),
        ("net.pth", b"\x80\x04K\x01.", "net.pth"),
        ("net.keras", b"PK\x03\x04 cut short", "damaged or cut short"),
    ],
)
def test_what_is_no_model_is_refused_with_its_name(file, name, data, message):
    with pytest.raises(ModelFileError, match=message):
        open_model(path := file(name, data), recognize(path))


def test_a_folder_without_a_saved_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"holds no saved_model\.pb"):
        recognize(tmp_path)


def test_a_state_dict_says_what_it_holds_and_what_it_lacks(tmp_path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 7))
    torch.save(net.state_dict(), tmp_path / "net.pth")
    with pytest.raises(ModelFileError, match=r"state dict of 4 tensors \(0.weight 4x1x3x3, 2.weight 7x16\)") as caught:
        open_model(tmp_path / "net.pth", recognize(tmp_path / "net.pth"))
    assert caught.value.fix.startswith("add --factory FILE.py:NAME, the function or class that builds the net")


def test_every_framework_answers_by_name(tmp_path, file, small_net, onnx_net, tflite_bytes):
    net = small_net()
    net.save(tmp_path / "net.keras")
    net.save(tmp_path / "net.h5")
    net.export(tmp_path / "folder", verbose=False)
    image = np.zeros((1, 12, 10, 3), np.float32)
    expected = [value.numpy() for value in net(image)]
    for path in (tmp_path / "net.keras", tmp_path / "net.h5", tmp_path / "folder", file("net.tflite", tflite_bytes())):
        opened = open_model(path, recognize(path))
        ((shape, dtype),) = opened.inputs
        assert (tuple(shape[1:]), dtype, opened.layout) == ((12, 10, 3), "float32", "nhwc")
        answers = opened.ask(image)
        assert sorted(value.shape for _, value in answers) == [(1, 2), (1, 3)]
        by_width = {value.shape[1]: value for _, value in answers}
        for value in expected:
            np.testing.assert_allclose(by_width[value.shape[1]], value, atol=1e-5)
    opened = open_model(path := file("net.onnx", onnx_net().SerializeToString()), recognize(path))
    assert (opened.layout, opened.quantized) == ("nchw", False)
    assert [name for name, _ in opened.ask(image.transpose(0, 3, 1, 2))] == ["expression", "valence_arousal"]


def test_an_exported_program_is_asked(tmp_path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 8, 8),)), tmp_path / "net.pt2")
    assert recognize(tmp_path / "net.pt2") == "exported"
    opened = open_model(tmp_path / "net.pt2", "exported")
    ((name, values),) = opened.ask(np.ones((1, 3, 8, 8), np.float32))
    assert (name, values.shape, opened.layout) == ("output", (1, 2), "nchw")
