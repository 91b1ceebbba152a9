import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import ModelFileError, SpecError
from edgebench.sources.border import LONGEST_DETAIL, one_line, translated

NET = Path("net")


@pytest.mark.parametrize("raised", [KeyError("a"), RuntimeError("b\nc"), Exception(), RecursionError("deep")])
def test_whatever_a_library_raises_is_about_the_file(raised):
    with (
        pytest.raises(ModelFileError, match=r"net: cannot be read \(.+\) \(fix: again\)"),
        translated(NET, "cannot be read", fix="again"),
    ):
        raise raised


def test_our_own_errors_and_interrupts_pass():
    for raised in (SpecError("ours"), KeyboardInterrupt()):
        with pytest.raises(type(raised)), translated(NET, "cannot be read", fix="again"):
            raise raised


def test_layers_that_keras_leaves_at_their_initial_weights_are_an_error():
    with (
        pytest.raises(ModelFileError, match=r"does not fit \(Affected layers"),
        translated(NET, "does not fit", fix=""),
    ):
        warnings.warn("Affected layers will retain their freshly-initialized weights.", stacklevel=1)


def test_a_long_message_keeps_its_beginning_and_the_cause_at_its_end():
    line = one_line("could not be deserialized " + "context " * 100 + "Unknown layer: Odd")
    assert line.startswith("could not be deserialized")
    assert line.endswith("Unknown layer: Odd")


@given(st.text())
def test_a_detail_is_one_short_line(text):
    line = one_line(text)
    assert "\n" not in line
    assert len(line) <= LONGEST_DETAIL + 3
