import numpy as np
import onnx
import pytest

from edgebench.errors import ModelFileError
from edgebench.targets.coreml import Coreml
from edgebench.targets.coreml_package import load_program
from edgebench.targets.coreml_reference import OPSET, float_tensors, translate


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8"])
def test_a_translation_is_a_sound_onnx_model_with_the_package_s_interface(lab, artifacts, recipe):
    model = translate(artifacts["coreml", recipe])
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import] == [OPSET]
    assert [value.name for value in model.graph.input] == ["input"]
    shapes = [[size.dim_value for size in value.type.tensor_type.shape.dim] for value in model.graph.output]
    assert sorted(shapes) == [[1, 2], [1, 8]]


def test_translating_twice_gives_equal_bytes(artifacts, tmp_path):
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.append(Coreml().runnable(artifacts["coreml", "int8"], tmp_path / name)[-1].path)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8"])
def test_every_float_tensor_of_the_program_is_in_the_translation(artifacts, recipe):
    names = float_tensors(load_program(artifacts["coreml", recipe]))
    graph = translate(artifacts["coreml", recipe]).graph
    known = {name for node in graph.node for name in node.output} | {value.name for value in graph.input}
    assert names[0] == "input"
    assert len(names) == len(set(names))
    assert set(names) <= known


def test_a_package_that_is_none_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"not an \.mlpackage directory"):
        translate(tmp_path)


@pytest.fixture
def real_model(real, lab):
    def load(name):
        with lab.quietly():
            import keras

            return lab.KerasModel(keras.models.load_model(real / "models" / name, compile=False), heads=("scores",))

    return load


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize(("name", "scale"), [("mini_xception_102_a.h5", 1.0), ("mlperf_tiny_resnet8.h5", 255.0)])
def test_real_nets_answer_as_in_keras(real_model, lab, tmp_path, name, scale):
    source, target = real_model(name), Coreml()
    shape = (1, *source.model.input_shape[1:])
    rng = np.random.default_rng(0)
    smooth = [
        np.kron(rng.uniform(-1, 1, (1, 4, 4, shape[3])), np.ones((1, shape[1] // 4, shape[2] // 4, 1)))
        for _ in range(8)
    ]
    samples = [np.abs(sample * scale).astype(np.float32) for sample in smooth]
    target.convert(source, shape, tmp_path / "net.mlpackage")
    answer = lab.answers(target.runnable(tmp_path / "net.mlpackage", tmp_path)[-1], samples)[0]
    expected = np.concatenate([source.predict(sample)["scores"] for sample in samples])
    assert np.abs(answer - expected).max() <= 1e-5
