import json
from collections import Counter

import numpy as np
import pytest

from edgebench.targets.coreml import Coreml
from edgebench.targets.coreml_package import load_program, main_function


def operations(package):
    return main_function(load_program(package)).operations


def test_the_package_runs_on_macos_first_and_by_reference_elsewhere(artifacts, tmp_path):
    package = artifacts["coreml", "int8"]
    native, reference = Coreml().runnable(package, tmp_path)
    assert (native.runtime, native.path, native.reference) == ("coreml", package, False)
    assert (reference.runtime, reference.reference) == ("onnxruntime", True)
    assert reference.path.parent == tmp_path


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8"])
def test_inputs_and_outputs_stay_float32(artifacts, recipe):
    from coremltools.proto import FeatureTypes_pb2, Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString((artifacts["coreml", recipe] / "Data/com.apple.CoreML/model.mlmodel").read_bytes())
    features = [*spec.description.input, *spec.description.output]
    float32 = FeatureTypes_pb2.ArrayFeatureType.FLOAT32
    assert {feature.type.multiArrayType.dataType for feature in features} == {float32}
    assert len(features) == 3


def test_the_manifest_names_the_items_that_lie_in_the_package(artifacts):
    package = artifacts["coreml", "fp32"]
    manifest = json.loads((package / "Manifest.json").read_text())
    items = manifest["itemInfoEntries"]
    assert all((package / "Data" / item["path"]).exists() for item in items.values())
    assert items[manifest["rootModelIdentifier"]]["name"] == "model.mlmodel"


def test_coremltools_reads_the_package_as_its_own_and_changes_nothing(artifacts, lab):
    before = lab.digest(artifacts["coreml", "int8"])
    with lab.quietly():
        import coremltools

        model = coremltools.models.MLModel(str(artifacts["coreml", "int8"]), skip_model_load=True)
    assert model.get_spec().specificationVersion == 8  # iOS 17
    assert model.weights_dir
    assert lab.digest(artifacts["coreml", "int8"]) == before


def test_an_fp16_program_computes_in_float16(artifacts):
    from edgebench.targets.mil_graph import Graph

    kinds = {Graph.type_name(op.outputs[0]) for op in operations(artifacts["coreml", "fp16"]) if op.op_type == "conv"}
    assert kinds == {"fp16"}


def test_int8_weights_are_symmetric_with_a_scale_per_output_channel(artifacts):
    weights = [op for op in operations(artifacts["coreml", "int8"]) if op.op_type == "constexpr_affine_dequantize"]
    assert len(weights) == 6
    for op in weights:
        assert op.quantized_data.val.dtype == np.int8
        assert not np.any(op.zero_point.val)
        assert op.scale.val.size == op.quantized_data.shape[op.axis.val] == len(set(op.scale.val.tolist()))


def test_int8_inserts_quantize_and_dequantize_around_the_work(artifacts):
    kinds = Counter(op.op_type for op in operations(artifacts["coreml", "int8"]))
    assert kinds["quantize"] >= 6
    assert kinds["dequantize"] >= kinds["quantize"]
    assert kinds == Counter(Coreml().inspect(artifacts["coreml", "int8"]).by_type) + Counter(
        {kind: kinds[kind] for kind in ("const", "constexpr_affine_dequantize")}
    )
