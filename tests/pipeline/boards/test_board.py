from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import DeviceError, UsageError
from edgebench.pipeline.boards.board import (
    Basics,
    another_machine,
    basics_of,
    busy_text,
    require_board,
    unsupported,
)
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import DeviceSpec

PI = """\
machine=aarch64
system=Linux
release=6.6.31+rpt-rpi-v8
bits=64
libc=glibc 2.36
macos=
now=1700000000
python=3.11.2 64 CPython
other=python3.11
"""


def test_a_pi_tells_what_decides() -> None:
    assert basics_of(PI) == Basics(
        machine="aarch64",
        system="Linux",
        release="6.6.31+rpt-rpi-v8",
        bits=64,
        glibc=(2, 36),
        now_s=1_700_000_000,
        python=(3, 11, 2),
        implementation="CPython",
        others=("python3.11",),
    )
    assert unsupported(basics_of(PI), "python3") is None


@given(st.text())
def test_no_answer_of_a_shell_is_an_exception(text: str) -> None:
    assert isinstance(unsupported(basics_of(text), "python3"), tuple | None)


@given(st.sampled_from(["machine", "bits", "libc", "now", "python"]), st.text())
def test_one_odd_value_spoils_no_other(key: str, value: str) -> None:
    found = basics_of(PI.replace(f"{key}=", f"{key}={value}".replace("\n", " ")))
    assert found.system == "Linux"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("machine=aarch64", "machine=armv7l", r"a 32-bit system \(armv7l\)"),
        ("machine=aarch64", "machine=armv6l", "32-bit system"),
        ("machine=aarch64", "machine=i686", "32-bit system"),
        ("python=3.11.2 64", "python=3.11.2 32", r"a 64-bit kernel \(aarch64\) with 32-bit programs"),
        ("machine=aarch64", "machine=riscv64", r"processor \(riscv64\)"),
        ("machine=aarch64", "machine=", r"processor \(unknown\)"),
        ("system=Linux", "system=FreeBSD", "runs FreeBSD"),
        ("libc=glibc 2.36", "libc=", "C library is not glibc"),
        ("python=3.11.2 64 CPython", "python=", "no Python: python3 does not run there"),
        ("python=3.11.2 64 CPython", "python=3.7.3 64 CPython", "3.7.3 is too old, 3.9 is needed"),
        ("python=3.11.2 64 CPython", "python=2.7.18 64 CPython", "2.7.18 is too old"),
        ("CPython", "PyPy", "its Python is PyPy"),
    ],
)
def test_what_cannot_be_measured_on_is_named(old: str, new: str, problem: str) -> None:
    why = unsupported(basics_of(PI.replace(old, new)), "python3")
    assert why is not None
    with pytest.raises(DeviceError, match=problem):
        raise DeviceError(why[0], fix=why[1])
    assert why[1]


def test_32_bit_programs_are_seen_where_there_is_no_python() -> None:
    found = basics_of(PI.replace("bits=64", "bits=32").replace("python=3.11.2 64 CPython", "python="))
    assert "32-bit programs" in str(unsupported(found, "python3"))


def test_a_later_python_that_is_there_is_recommended() -> None:
    why = unsupported(basics_of(PI.replace("python=3.11.2", "python=3.7.3")), "python3")
    assert why is not None
    assert why[1] == "name python3.11 with `ssh.python`, which it has"


def test_another_board_than_the_spec_says_is_refused() -> None:
    spec = DeviceSpec(name="pi", board="Raspberry Pi 4")
    require_board(spec, "Raspberry Pi 4 Model B Rev 1.4")
    require_board(DeviceSpec(name="pi"), "")
    with pytest.raises(DeviceError, match="calls itself 'Raspberry Pi 5 Model B', its spec says it is a 'Raspberry"):
        require_board(spec, "Raspberry Pi 5 Model B")
    with pytest.raises(DeviceError, match="calls itself 'nothing'"):
        require_board(spec, "")


def test_this_machine_needs_no_set_up(tmp_path) -> None:
    with pytest.raises(UsageError, match="is this machine"):
        another_machine(Workspace.open(home=tmp_path), "local")


def test_who_uses_a_board_is_told_as_far_as_known() -> None:
    told = {"job": "0123", "holder": "ann@desk", "started_at": "2025-01-01T00:00:00+00:00", "pid": 1}
    assert busy_text(told) == "job 0123 of ann@desk since 2025-01-01T00:00:00+00:00"
    assert busy_text({}) == "a job"


def test_a_pool_is_told_as_one_and_its_boards_are_named(tmp_path) -> None:
    (tmp_path / "shelf.yaml").write_text("pool: [one, two]\n")
    workspace = Workspace.open(home=tmp_path / "store", device_dirs=[tmp_path])
    with pytest.raises(UsageError, match=r"shelf: is a pool .*one of its boards: one, two"):
        another_machine(workspace, "shelf")
