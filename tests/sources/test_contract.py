from pathlib import Path

import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources.contract import (
    check_inputs,
    contract_shape,
    finite_or_refused,
    outputs_left_out,
    outputs_of_heads,
)
from edgebench.specs.model import InputContract, ModelSpec

NET = Path("net")
CONTRACT = InputContract(size=(12, 10), range=(0, 1), color="gray")


def heads(*places, names=("expression", "affect")):
    stated = [
        {"kind": "expression", "name": names[0], "labels": ["a", "b", "c"]},
        {"kind": "valence_arousal", "name": names[1]},
    ]
    for head, place in zip(stated, places, strict=False):
        head["output"] = place
    spec = {"name": "net", "source": {"onnx": "n"}, "input": CONTRACT.model_dump(), "heads": stated}
    return ModelSpec.model_validate(spec).heads


def test_the_layout_orders_the_shape():
    assert contract_shape(CONTRACT) == (12, 10, 1)
    assert contract_shape(CONTRACT.model_copy(update={"layout": "nchw"})) == (1, 12, 10)


@pytest.mark.parametrize("shape", [(None, 12, 10, 1), (1, 12, 10, 1), (None, None, 10, 1)])
def test_what_fits_the_contract_is_taken(shape):
    check_inputs([(shape, "float32")], CONTRACT, NET, fix="")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], "has 0 inputs, not one"),
        ([((1, 12, 10, 1), "float32")] * 2, "has 2 inputs, not one"),
        (
            [((1, 10, 12, 1), "float32")],
            r"takes input \(1, 10, 12, 1\), the spec says \(None, 12, 10, 1\) \(nhwc, gray\)",
        ),
        ([((), "float32")], r"takes input \(\)"),
        ([((None, 12, 10, 1), "string")], "takes string, not float32"),
        ([((None, None, None, 1), "float32")], r"leaves sizes of its input open.*for inputs of 12x10x1"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(inputs, said):
    with pytest.raises(ModelFileError, match=said):
        check_inputs(inputs, CONTRACT, NET, fix="", free_size=False)


@pytest.mark.parametrize(
    ("outputs", "given", "places"),
    [
        ([("affect", (1, 2)), ("expression", (1, 3))], (), [1, 0]),
        ([("x", (1, 2)), ("y", (1, 3))], (), [1, 0]),
        ([("x", (1, 2)), ("y", (1, 3))], (1, 0), [1, 0]),
        ([("affect", (1, 2)), ("y", (1, 3))], (1,), [1, 0]),
        ([("x", (None, 3)), ("y", (None, 2))], (0,), [0, 1]),
    ],
    ids=["name", "width", "stated", "stated and name", "stated, else width"],
)
def test_outputs_are_found_by_statement_name_or_width(outputs, given, places):
    assert outputs_of_heads(outputs, heads(*given), NET) == places


@pytest.mark.parametrize(
    ("outputs", "given"),
    [
        ([("x", (1, 3))], ()),
        ([("x", (1, 3)), ("y", (1, 3))], ()),
        ([("x", (1, 3)), ("y", (1, 2)), ("z", (1, 5))], ()),
        ([("x", (1, 3)), ("y", (1, 2))], (1, 0)),
        ([("x", (1, 3)), ("y", (1, 2))], (0, 7)),
        ([("x", (1, 3)), ("y", (1, 2))], (0, 0)),
        ([("expression", (1, 4)), ("affect", (1, 2))], ()),
        ([("x", (1, 1, 3)), ("y", (1, 2))], ()),
        ([("x", (1, 3)), ("y", (1, 2))], ("x", "z")),
        ([("expression", (1, 3)), ("y", (1, 2)), ("age", (1, 1))], ()),
    ],
)
def test_what_does_not_go_together_one_to_one_is_refused(outputs, given):
    with pytest.raises(ModelFileError, match=r"answers .*, the spec has heads expression 3( of output \S+)?, affect 2"):
        outputs_of_heads(outputs, heads(*given), NET)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("nothere",), "expression 3 of output 'nothere', affect 2"),
        ((7, 0), "expression 3 of output 7, affect 2 of output 0"),
    ],
)
def test_an_output_that_the_model_has_not_is_named(given, said):
    with pytest.raises(ModelFileError, match=said):
        outputs_of_heads([("x", (1, 3)), ("y", (1, 2))], heads(*given), NET)


@pytest.mark.parametrize(
    ("outputs", "given", "places", "left_out"),
    [
        ([("age", (1, 1)), ("affect", (1, 2)), ("expression", (1, 3))], (), [2, 1], ("age 1",)),
        ([("x", (1, 3)), ("map", (1, 7, 5)), ("x2", (1, 3)), ("y", (1, 2))], ("x2", 3), [2, 3], ("x 3", "map 7x5")),
        ([("0", (1, 2)), ("1", (1, 3))], ("1", 0), [1, 0], ()),
    ],
    ids=["called as the heads", "stated by name and number", "numbers that are names"],
)
def test_outputs_that_are_no_heads_are_left_out_where_every_head_is_told_its_own(outputs, given, places, left_out):
    assert outputs_of_heads(outputs, heads(*given), NET) == places
    assert outputs_left_out(outputs, places) == left_out


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(value):
    finite_or_refused({"a": np.ones(2), "counts": np.ones(2, int)}, NET)
    with pytest.raises(ModelFileError, match="b holds NaN or infinity"):
        finite_or_refused({"a": np.ones(2), "b": np.array([value])}, NET)
