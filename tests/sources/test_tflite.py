"""Float .tflite files as sources."""

import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources import load_source

# Another runtime than training's: LiteRT's and TensorFlow's kernels differ in the last bits.
CLOSE = 1e-5


@pytest.fixture
def load(spec_of, tmp_path):
    def load(data, **options):
        (tmp_path / "net.tflite").write_bytes(data)
        return load_source(spec_of(tflite="net.tflite", **options), tmp_path)

    return load


def test_answers_are_those_of_the_net_it_was_made_of(tflite_bytes, small_net, load, images):
    source = load(tflite_bytes())
    expression, affect = small_net()(images, training=False)
    answers = source.predict(images)
    np.testing.assert_allclose(answers["expression"], expression, atol=CLOSE)
    np.testing.assert_allclose(answers["valence_arousal"], affect, atol=CLOSE)
    np.testing.assert_array_equal(source.predict(images[3:5])["expression"], answers["expression"][3:5])


def test_a_free_batch_is_taken_one_by_one(tflite_bytes, load, images):
    one, free = load(tflite_bytes()).predict(images), load(tflite_bytes(shape=(None, 12, 10, 3))).predict(images)
    np.testing.assert_allclose(one["expression"], free["expression"], atol=CLOSE)


# TensorFlow says that it calibrates by the samples alone.
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")
def test_a_quantized_file_is_refused(tflite_bytes, load):
    with pytest.raises(ModelFileError, match=r"is quantized already, it holds int8.*give the float file"):
        load(tflite_bytes(quantized=True))


@pytest.mark.parametrize(
    ("shape", "contract", "said"),
    [
        ((4, 12, 10, 3), {}, "takes batches of 4 only"),
        ((1, 12, 10, 3), {"size": (10, 12)}, r"takes input \(1, 12, 10, 3\)"),
        ((1, None, None, 3), {}, "leaves sizes of its input open"),
    ],
)
def test_what_breaks_the_contract_is_refused(tflite_bytes, load, shape, contract, said):
    with pytest.raises(ModelFileError, match=said):
        load(tflite_bytes(shape=shape), contract=contract)


AFFECT = {"kind": "valence_arousal", "name": "valence_arousal"}


def test_an_output_that_no_head_names_is_cut_off_with_its_weights(tflite_bytes, small_net, load, images):
    data = tflite_bytes()
    names = {len(each["shape_signature"]) and each["shape"][1]: each["name"] for each in interpreter_of(data)}
    source = load(data, heads=[AFFECT | {"output": names[2]}])
    assert source.left_out == (f"{names[3]} 3",)
    assert [each["shape"].tolist() for each in interpreter_of(source.model)] == [[1, 2]]
    assert len(source.model) < len(data)
    np.testing.assert_allclose(
        source.predict(images)["valence_arousal"], small_net()(images, training=False)[1], atol=CLOSE
    )


def interpreter_of(data):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=data).get_output_details()


@pytest.mark.parametrize("data", [b"hello", bytes(1000), bytes(4) + b"TFL3" + bytes(100)])
def test_another_file_is_refused(load, data):
    with pytest.raises(ModelFileError, match=r"net\.tflite: (is not a TensorFlow Lite file|LiteRT does not run it)"):
        load(data)
