"""What is read out of a model file, tried on it, or left to be said."""

import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources.facts import draft_of


@pytest.fixture
def drafted(tmp_path):
    """Of a Keras model made of an input, layers inside, and named dense layers of some width and activation."""

    def make(shape=(16, 16, 3), *, inside=(), heads=(("scores", 7, "softmax"),)):
        import keras

        image = keras.Input(shape, name="image")
        x = image
        for layer in inside:
            x = layer(x)
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
        outputs = [keras.layers.Dense(width, activation=kind, name=name)(x) for name, width, kind in heads]
        keras.Model(image, outputs).save(tmp_path / "net.keras")
        return draft_of(tmp_path / "net.keras", "keras")

    return make


def test_the_shape_tells_size_layout_and_colours(drafted):
    draft = drafted((20, 16, 1))
    assert (draft.size, draft.layout, draft.color) == ((20, 16), "nhwc", "gray")
    assert not {"size", "layout", "color"} & draft.notes.keys()
    assert "doctor" in drafted().notes["color"]


def test_a_size_that_the_file_leaves_open_is_marked(drafted):
    draft = drafted((None, None, 3))
    assert draft.size == (224, 224)
    assert "leaves it open" in draft.notes["size"]


def test_a_rescaling_inside_tells_the_range_and_nothing_else_does(drafted):
    import keras

    normalization = keras.layers.Normalization(mean=(0.5, 0.4, 0.3), variance=(0.05, 0.05, 0.05))
    assert drafted(inside=[keras.layers.Rescaling(1 / 127.5, -1)]).range == (0, 255)
    assert drafted(inside=[keras.layers.Rescaling(1 / 255), normalization]).range == (0, 255)
    assert drafted(inside=[normalization]).notes["range"] == "the net itself normalizes pixels of 0 to 1"
    draft = drafted(inside=[keras.layers.BatchNormalization()])
    assert (draft.range, draft.notes["range"]) == ((0, 1), "not known: run `edgebench models doctor`")


def test_a_caffe_net_that_subtracts_means_from_swapped_colours_takes_pixels(tmp_path):
    import keras

    image = keras.Input((16, 16, 3))
    x = image[..., ::-1] - np.array([103.9, 116.8, 123.7], np.float32)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
    keras.Model(image, keras.layers.Dense(7)(x)).save(tmp_path / "net.keras")
    assert draft_of(tmp_path / "net.keras", "keras").range == (0, 255)


@pytest.fixture
def everywhere(tmp_path):
    """Drafts of one Keras model saved in every way that TensorFlow knows."""

    def make(*inside):
        import keras
        import tensorflow as tf

        image = keras.Input((16, 16, 3))
        x = image
        for layer in inside:
            x = layer(x)
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
        model = keras.Model(image, keras.layers.Dense(7)(x))
        model.save(tmp_path / "net.h5")
        model.export(tmp_path / "folder", verbose=False)
        (tmp_path / "net.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
        files = {"keras": "net.h5", "saved_model": "folder", "tflite": "net.tflite"}
        return [draft_of(tmp_path / file, kind) for kind, file in files.items()]

    return make


def test_every_kind_of_file_tells_a_rescaling_at_its_start(everywhere):
    import keras

    drafts = everywhere(keras.layers.Rescaling(1 / 255), keras.layers.Normalization(mean=0.45, variance=0.05))
    assert {(draft.range, draft.notes["range"]) for draft in drafts} == {
        ((0, 255), "the net itself normalizes pixels of 0 to 255")
    }


def test_a_file_that_starts_with_a_layer_says_that_its_range_is_not_known(everywhere):
    assert {(draft.range, draft.notes["range"]) for draft in everywhere()} == {
        ((0, 1), "not known: run `edgebench models doctor`")
    }


def test_an_exported_program_tells_a_normalization_by_its_buffers(tmp_path):
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]))
            self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]))
            self.conv = torch.nn.Conv2d(3, 7, 3)

        def forward(self, image):
            normal = (image.float() - self.mean[None, :, None, None]) / self.std.view(1, 3, 1, 1)
            return self.conv(normal).mean((2, 3))

    batch = torch.export.Dim("batch")
    program = torch.export.export(Net().eval(), (torch.zeros(2, 3, 8, 8),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "net.pt2")
    draft = draft_of(tmp_path / "net.pt2", "exported")
    assert (draft.range, draft.notes["range"]) == ((0, 1), "the net itself normalizes pixels of 0 to 1")


def test_the_answers_tell_the_activation(drafted):
    assert [head.activation for head in drafted().heads] == ["softmax"]
    assert [head.activation for head in drafted(heads=[("scores", 7, None)]).heads] == ["logits"]


def test_widths_suggest_labels(drafted):
    (seven,) = drafted().heads
    assert (seven.kind, seven.names[0], len(seven.names)) == ("expression", "anger", 7)
    (eight,) = drafted(heads=[("scores", 8, "softmax")]).heads
    assert (eight.names[0], eight.names[-1]) == ("neutral", "contempt")
    (ten,) = drafted(heads=[("scores", 10, "softmax")]).heads
    assert (ten.kind, ten.names[:2]) == ("classes", ("class_0", "class_1"))


def test_two_numbers_beside_classes_are_valence_and_arousal(drafted):
    draft = drafted(heads=[("one", 8, "softmax"), ("two", 2, "tanh")])
    assert [(head.kind, head.output) for head in draft.heads] == [("expression", 0), ("valence_arousal", 1)]
    (alone,) = drafted(heads=[("valence_arousal", 2, "tanh")]).heads
    assert (alone.kind, alone.note) == ("valence_arousal", "")
    (classes,) = drafted(heads=[("out", 2, "softmax")]).heads
    assert (classes.kind, classes.note) == ("classes", "")
    (doubtful,) = drafted(heads=[("out", 2, None)]).heads
    assert (doubtful.kind, doubtful.activation) == ("classes", "logits")
    assert "valence_arousal" in doubtful.note


def test_of_several_heads_of_one_kind_one_is_drafted_and_the_others_are_named(drafted):
    draft = drafted(
        heads=[("gender", 2, "softmax"), ("age", 1, None), ("expr", 7, "softmax"), ("affect", 2, "tanh")],
    )
    assert [(head.kind, head.output, head.called) for head in draft.heads] == [
        ("expression", 2, "expr"),
        ("valence_arousal", 3, "affect"),
    ]
    assert [(head.output, head.called) for head in draft.left_out] == [(0, "gender"), (1, "age")]
    assert drafted().left_out == ()


def test_scores_between_0_and_1_that_do_not_add_up_to_1_are_sigmoids(drafted):
    assert [head.activation for head in drafted(heads=[("scores", 7, "sigmoid")]).heads] == ["sigmoid"]


def test_pixels_as_input_are_no_sign_of_a_quantized_net(tmp_path):
    import keras

    image = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    keras.Model(image, keras.layers.Dense(7)(x)).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match=r"takes uint8, not float32 \(fix: save it with float32 input\)"):
        draft_of(tmp_path / "net.keras", "keras")


def test_two_inputs_of_a_keras_model_are_refused(tmp_path):
    import keras

    images = [keras.Input((16, 16, 3)), keras.Input((16, 16, 3))]
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()(images))
    keras.Model(images, keras.layers.Dense(7)(x)).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match="has 2 inputs, not one"):
        draft_of(tmp_path / "net.keras", "keras")


def test_what_no_spec_can_state_is_refused(drafted, tmp_path):
    import keras

    with pytest.raises(ModelFileError, match="neither one nor three channels"):
        drafted((16, 16, 4))
    sound = keras.Input((100,))
    keras.Model(sound, keras.layers.Dense(7)(sound)).save(tmp_path / "sound.keras")
    with pytest.raises(ModelFileError, match=r"takes \?x100, which is no batch of images"):
        draft_of(tmp_path / "sound.keras", "keras")
    image = keras.Input((16, 16, 3))
    keras.Model(image, keras.layers.Conv2D(2, 3)(image)).save(tmp_path / "map.keras")
    with pytest.raises(ModelFileError, match="of 14x14x2, where a head is a row"):
        draft_of(tmp_path / "map.keras", "keras")


def test_onnx_tells_its_layout_its_scale_and_what_is_quantized(tmp_path, onnx_net):
    import onnx
    from onnx import helper, numpy_helper

    model = onnx_net(outputs=(("expression", 3),), shape=(1, 3, 12, 10))
    onnx.save(model, tmp_path / "net.onnx")
    plain = draft_of(tmp_path / "net.onnx", "onnx")
    assert (plain.layout, plain.size, plain.range) == ("nchw", (12, 10), (0, 1))
    assert "source" not in plain.notes

    model.graph.initializer.append(numpy_helper.from_array(np.float32(255), "largest"))
    model.graph.node.insert(0, helper.make_node("Div", ["image", "largest"], ["scaled"]))
    model.graph.node[1].input[0] = "scaled"
    onnx.save(model, tmp_path / "scaled.onnx")
    assert draft_of(tmp_path / "scaled.onnx", "onnx").range == (0, 255)

    model.graph.initializer.append(numpy_helper.from_array(np.float32(0.1), "step"))
    model.graph.initializer.append(numpy_helper.from_array(np.int8(0), "zero"))
    model.graph.node.insert(1, helper.make_node("QuantizeLinear", ["scaled", "step", "zero"], ["whole"]))
    model.graph.node.insert(2, helper.make_node("DequantizeLinear", ["whole", "step", "zero"], ["back"]))
    model.graph.node[3].input[0] = "back"
    onnx.save(model, tmp_path / "quantized.onnx")
    assert "quantized already" in draft_of(tmp_path / "quantized.onnx", "onnx").notes["source"]


def test_two_inputs_are_refused(tmp_path, onnx_net):
    import onnx
    from onnx import helper

    model = onnx_net()
    model.graph.input.append(helper.make_tensor_value_info("other", 1, [1]))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(ModelFileError, match="has 2 inputs, not one"):
        draft_of(tmp_path / "net.onnx", "onnx")


def test_a_quantized_input_is_refused(tmp_path, onnx_net):
    import onnx

    onnx.save(onnx_net(dtype=3), tmp_path / "net.onnx")
    with pytest.raises(ModelFileError, match=r"cannot be read|takes int8, so it is quantized already"):
        draft_of(tmp_path / "net.onnx", "onnx")
