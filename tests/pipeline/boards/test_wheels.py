from __future__ import annotations

import subprocess
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from boards.wheels import make_runtimes, make_wheel
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import DeviceError, UsageError
from edgebench.pipeline.boards.board import Basics
from edgebench.pipeline.boards.wheels import Wheel, pins, platform_tags, resolve, runtimes_of
from edgebench.pipeline.workspace import Workspace

BOTH = ("litert", "onnxruntime")
HERE = Basics("x86_64", "Linux", "6", 64, (2, 36), "", 0, (3, 11, 2), "CPython")
PI = replace(HERE, machine="aarch64")
TAG = "cp311-cp311-manylinux_2_27_x86_64"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "store")


def test_the_platforms_of_a_pi_are_those_that_its_wheels_are_made_for() -> None:
    tags = platform_tags(PI)
    assert tags[0] == "manylinux_2_36_aarch64"
    assert {"manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"} <= set(tags)
    assert tags[-2:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64")
    assert platform_tags(HERE)[-1] == "manylinux1_x86_64"
    assert platform_tags(replace(HERE, system="Darwin", machine="arm64", macos="14.4")) == ("macosx_14_0_arm64",)


@given(st.integers(0, 99), st.sampled_from(["x86_64", "aarch64"]))
def test_no_platform_asks_for_a_later_glibc_than_there_is(minor: int, machine: str) -> None:
    tags = platform_tags(replace(HERE, machine=machine, glibc=(2, minor)))
    assert len(set(tags)) == len(tags)
    assert all(int(tag.split("_")[2]) <= minor for tag in tags if tag.startswith("manylinux_"))


def test_the_platforms_are_those_that_pip_itself_finds_here() -> None:
    import packaging.tags

    own = [tag for tag in packaging.tags.platform_tags() if tag.startswith("manylinux")]
    minor = max(int(tag.split("_")[2]) for tag in own if tag.startswith("manylinux_"))
    machine = own[0].partition("_2_")[2].partition("_")[2]
    assert list(platform_tags(replace(HERE, machine=machine, glibc=(2, minor)))) == own


def test_only_what_is_imported_is_wanted() -> None:
    assert set(pins(["litert"])) == {"ai-edge-litert", "numpy"}
    assert pins(BOTH)["onnxruntime"] == metadata.version("onnxruntime")
    assert runtimes_of(("coreml", "litert")) == ("litert",)


def test_the_versions_of_this_machine_are_chosen(workspace: Workspace, tmp_path: Path) -> None:
    for name, version in pins(BOTH).items():
        make_wheel(tmp_path / "wheels", name, version, tag=TAG)
        make_wheel(tmp_path / "wheels", name, "0.1", tag=TAG)
        make_wheel(tmp_path / "wheels", name, "999", tag=TAG)
    found = resolve(workspace, HERE, BOTH, folder=tmp_path / "wheels")
    assert {wheel.name: wheel.version for wheel in found.wheels} == pins(BOTH)
    assert found.notes == ()


def test_where_there_is_no_such_version_the_last_before_it_is_taken_and_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "wheels"
    make_wheel(folder, "numpy", "2.0.1", tag=TAG)
    make_wheel(folder, "numpy", "2.0.2", tag=TAG)
    make_wheel(folder, "numpy", "999", tag=TAG)
    make_wheel(folder, "numpy", pins(["litert"])["numpy"], tag="cp312-cp312-manylinux_2_27_x86_64")
    make_wheel(folder, "ai-edge-litert", pins(["litert"])["ai-edge-litert"], tag=TAG)
    found = resolve(workspace, HERE, ["litert"], folder=folder)
    assert {wheel.name: wheel.version for wheel in found.wheels}["numpy"] == "2.0.2"
    wanted = pins(["litert"])["numpy"]
    assert found.notes == (f"numpy 2.0.2 instead of {wanted}: the newest for Python 3.11 there",)


def test_a_wheel_of_another_processor_is_no_wheel(workspace: Workspace, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "numpy", "1.0", tag=TAG)
    with pytest.raises(
        DeviceError, match=r"ai-edge-litert: no wheel up to \S+ in .*wheels for Python 3.11.2 on aarch64"
    ):
        resolve(workspace, PI, ["litert"], folder=tmp_path / "wheels")
    assert list((workspace.store.home / "cache" / "wheels").iterdir()) == []


def test_a_wheel_for_a_later_glibc_is_no_wheel(workspace: Workspace, tmp_path: Path) -> None:
    folder = make_runtimes(tmp_path / "wheels")
    for wheel in folder.glob("onnxruntime*"):
        wheel.unlink()
    make_wheel(folder, "onnxruntime", "1.0", tag="py3-none-manylinux_2_38_x86_64")
    with pytest.raises(DeviceError, match=r"onnxruntime: no wheel .* glibc 2\.36"):
        resolve(workspace, HERE, ["onnxruntime"], folder=folder)


def test_what_was_fetched_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    folder = make_runtimes(tmp_path / "wheels")
    first = resolve(workspace, HERE, BOTH, folder=folder)
    assert [wheel.file for wheel in resolve(workspace, HERE, BOTH, folder=folder).wheels] == [
        wheel.file for wheel in first.wheels
    ]
    make_wheel(folder, "numpy", pins(BOTH)["numpy"], files={"new": ""})
    changed = resolve(workspace, HERE, BOTH, folder=folder)
    assert {wheel.sha256 for wheel in changed.wheels} != {wheel.sha256 for wheel in first.wheels}


def test_a_folder_that_is_not_there_is_named(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        resolve(workspace, HERE, BOTH, folder=tmp_path / "none")


def test_an_index_that_does_not_answer_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(DeviceError, match=r"package index does not answer.*--wheels DIR"):
        resolve(workspace, HERE, ["litert"])


def test_what_is_no_wheel_is_named(tmp_path: Path) -> None:
    (tmp_path / "numpy-1-py3-none-any.whl").write_text("<html>404</html>")
    with pytest.raises(UsageError, match="is no wheel"):
        assert Wheel("numpy", "1", tmp_path / "numpy-1-py3-none-any.whl").unpacked_bytes


@pytest.mark.slow
def test_a_pi_gets_the_real_wheels_of_this_machines_versions(workspace: Workspace) -> None:
    found = resolve(workspace, PI, BOTH)
    assert {wheel.name: wheel.version for wheel in found.wheels} == pins(BOTH)
    assert all("aarch64" in wheel.file.name for wheel in found.wheels)
    assert sum(wheel.size_bytes for wheel in found.wheels) < 80_000_000
    subprocess.run(["unzip", "-tq", str(found.wheels[0].file)], check=True)
