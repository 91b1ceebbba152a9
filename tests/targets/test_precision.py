import pytest

from edgebench.errors import ConversionError, UnknownName
from edgebench.targets.precision import by_recipe, check_precision, count, precision_caveats

COMPUTE = frozenset({"Conv"})
INT8 = count([("QuantizeLinear", "fp32"), ("Conv", "int8"), ("Softmax", "fp32"), ("DequantizeLinear", "fp32")], COMPUTE)
FLOAT = count([("Cast", "fp32"), ("Conv", "fp16"), ("Relu", "fp16")], COMPUTE)


def test_conversions_between_precisions_are_listed_but_neither_int8_nor_float():
    assert (INT8.total, INT8.int8, INT8.float, INT8.compute, INT8.compute_int8) == (4, 1, 1, 1, 1)
    assert (FLOAT.total, FLOAT.int8, FLOAT.float, FLOAT.compute, FLOAT.compute_int8) == (3, 0, 2, 1, 0)
    assert FLOAT.by_precision == {"Cast": {"fp32": 1}, "Conv": {"fp16": 1}, "Relu": {"fp16": 1}}
    assert INT8.by_type == {"Conv": 1, "DequantizeLinear": 1, "QuantizeLinear": 1, "Softmax": 1}


def test_int8_that_multiplies_nothing_in_int8_is_an_error():
    with pytest.raises(ConversionError, match=r"net\.int8: called int8, but none of its 1 convolutions"):
        check_precision("int8", FLOAT, subject="net.int8")
    check_precision("int8", INT8, subject="net.int8")
    check_precision("fp16", FLOAT, subject="net.fp16")


def test_a_recipe_gives_its_own_row_and_an_unknown_one_the_nearest_name():
    table = {"fp16": 16, "int8": 8}
    assert [by_recipe(recipe, table, format_name="onnx") for recipe in table] == [16, 8]
    with pytest.raises(UnknownName, match=r"recipe for onnx.*did you mean 'int8'"):
        by_recipe("int9", table, format_name="onnx")


def test_float_operators_left_in_int8_are_a_caveat():
    (caveat,) = precision_caveats("onnx", "int8", INT8)
    assert (caveat.kind, caveat.text) == ("float-operators", "1 of 2 operators compute in float")


def test_an_int8_artifact_without_float_operators_has_no_caveat():
    assert precision_caveats("tflite", "int8", count([("Conv", "int8")], COMPUTE)) == ()


@pytest.mark.parametrize(
    ("format_name", "kinds"), [("tflite", ["fp16-weights"]), ("onnx", ["fp16-casts"]), ("coreml", [])]
)
def test_fp16_says_what_it_does_not_speed_up(format_name, kinds):
    assert [caveat.kind for caveat in precision_caveats(format_name, "fp16", FLOAT)] == kinds
