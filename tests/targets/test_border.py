import errno
import logging
import shutil
import sys
import warnings
from pathlib import Path

import pytest

from edgebench.errors import ConversionError, MissingPackage, ModelFileError, StoreError, UnknownOperator
from edgebench.targets.border import LONGEST_PROBLEM, converting, last_line, quiet, reading, unsupported, versions


@pytest.mark.parametrize(
    "kind", [ValueError, RuntimeError, AssertionError, KeyError, NotImplementedError, MemoryError, OSError, Exception]
)
def test_whatever_a_converter_raises_becomes_ours(kind):
    with (
        pytest.raises(ConversionError, match=r"net\.onnx: .*the cause in the end") as caught,
        converting(Path("a/net.onnx")),
    ):
        raise kind("pages of context\n\nthe cause in the end")
    assert isinstance(caught.value.__cause__, kind)


def test_whatever_a_parser_raises_is_about_the_file():
    with (
        pytest.raises(ModelFileError, match=r"a/net\.onnx: cannot be read \(bad bytes here\)"),
        reading(Path("a/net.onnx")),
    ):
        raise IndexError("bad bytes here")


@pytest.mark.parametrize(
    "exc",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        shutil.Error([("weight.bin", "net.mlpackage", "[Errno 28] No space left on device: 'weight.bin'")]),
        RuntimeError("write failed: No space left on device"),
    ],
)
def test_a_full_disk_is_no_fault_of_the_model(exc):
    with pytest.raises(StoreError, match=r"net\.onnx: no space left on device"), converting(Path("net.onnx")):
        raise exc


def test_our_own_errors_pass_unchanged():
    with pytest.raises(UnknownOperator, match="y: no such operator"), reading(Path("net")):
        raise UnknownOperator("no such operator", subject="y")


def test_an_interrupt_is_not_a_conversion_error():
    with pytest.raises(KeyboardInterrupt), converting(Path("net")):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("one\ntwo is the cause\n\n  ---\n", "two is the cause"),
        ("", "ValueError"),
        ("dtype", "ValueError dtype"),
        ("{braces} are kept {0}", "{braces} are kept {0}"),
        ("long " * 100, ("long " * 100)[: LONGEST_PROBLEM - 3] + "..."),
    ],
)
def test_the_last_line_that_says_something_is_the_problem(message, problem):
    assert last_line(ValueError(message)) == problem


DUMP = """Could not translate MLIR to FlatBuffer./a/net.py:8:1: error: 'tf.{0}' op is neither a custom op nor a flex op
f = frozen()
^
/a/net.py:8:1: note: see current operation: %9 = "tf.{0}"(%8) : (tensor<1x48xf{1}>) -> tensor<1x24xf{1}>
/a/net.py:9:1: error: 'tf.{0}' op is neither a custom op nor a flex op
}}) {{outputs = "Identity"}} : () -> ()
"""


def test_operators_that_tflite_lacks_are_named_with_the_way_round():
    assert unsupported(ValueError("something else")) == ""
    assert unsupported(RuntimeError(DUMP.format("Erfinv", 32))) == "TensorFlow Lite has no Erfinv"
    with (
        pytest.raises(
            ConversionError, match=r"net: TensorFlow Lite has no Conv2D in float16 .*float32.*leave out tflite"
        ),
        converting(Path("net")),
    ):
        raise RuntimeError(DUMP.format("Conv2D", 16))


def test_what_a_compiler_located_is_the_problem_and_not_the_dump_after_it():
    text = "loc:1:2: error: 'tfl.add' op quantization parameters violate the same scale constraint\n}) {} : () -> ()"
    assert last_line(RuntimeError(text)).startswith("'tfl.add' op quantization parameters violate")


def test_quiet_drops_prints_logs_and_warnings(capsys, caplog):
    with quiet():
        print("noise")
        print("noise", file=sys.stderr)
        warnings.warn("noise", UserWarning, stacklevel=1)
        logging.getLogger("converter").warning("noise")
    assert capsys.readouterr() == ("", "")
    assert caplog.records == []


def test_quiet_ends_where_it_ends(caplog):
    with pytest.raises(ZeroDivisionError), quiet():
        1 / 0  # noqa: B018
    logging.getLogger("converter").warning("heard")
    assert [record.message for record in caplog.records] == ["heard"]
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)


def test_versions_are_those_installed():
    assert versions("numpy") == {"numpy": __import__("numpy").__version__}


def test_a_package_that_is_absent_is_named_with_what_to_do():
    with pytest.raises(
        MissingPackage, match=r"package no-such-converter: is not installed \(fix: pip install no-such-"
    ) as e:
        versions("numpy", "no-such-converter")
    assert e.value.exit_code == 2
