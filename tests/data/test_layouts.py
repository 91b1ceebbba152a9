from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgebench.data import LOADERS, find_loader, find_splits, open_index
from edgebench.errors import DataError
from edgebench.registry import resolve

ROWS = [(0, 0.1, 0.2), (7, -0.5, 0.5)]


def test_every_loader_of_the_registry_resolves_under_its_own_layout() -> None:
    assert {name: resolve(LOADERS, name, kind="layout").layout for name in LOADERS} == {name: name for name in LOADERS}


def test_both_layouts_are_told_apart(synthetic: Path) -> None:
    assert find_loader(synthetic).layout == synthetic.name
    assert find_splits(synthetic) == ("training", "validation")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder") as caught:
        find_loader(tmp_path / "affectnt")
    assert caught.value.subject.endswith("affectnt")


def test_a_folder_without_a_data_set_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set that a loader knows") as caught:
        find_loader(tmp_path)
    assert "validation.csv" in caught.value.fix
    assert "val_set" in caught.value.fix


def test_a_folder_with_two_layouts_is_refused(
    affectnet_2017: Callable[..., Path], affectnet_2021: Callable[..., Path]
) -> None:
    affectnet_2017(ROWS)
    with pytest.raises(DataError, match="more than one"):
        find_loader(affectnet_2021(ROWS))


@pytest.mark.parametrize("layout", ["2017", "2021"])
def test_a_part_that_is_missing_is_refused_with_the_parts_that_are_there(
    request: pytest.FixtureRequest, cache: Path, layout: str
) -> None:
    folder = request.getfixturevalue(f"affectnet_{layout}")(ROWS)
    with pytest.raises(DataError, match=r"has no training part \(found: validation\)") as caught:
        open_index(folder, "training", cache=cache)
    assert caught.value.fix.startswith(f"looked for AffectNet {layout}: ")


def test_a_changed_annotation_is_read_anew(affectnet_2017: Callable[..., Path], cache: Path) -> None:
    folder = affectnet_2017(ROWS)
    before = open_index(folder, "validation", cache=cache)
    table = folder / "validation.csv"
    table.write_text(table.read_text().replace(",7,", ",3,"))
    after = open_index(folder, "validation", cache=cache)
    assert (before.classes[1], after.classes[1]) == (7, 3)
    assert before.key != after.key


def test_a_second_opening_does_not_read_the_annotations(affectnet_2017: Callable[..., Path], cache: Path) -> None:
    folder = affectnet_2017(ROWS)
    before = open_index(folder, "validation", cache=cache)
    table = folder / "validation.csv"
    seen = table.stat()
    table.write_bytes(b"?" * seen.st_size)
    os.utime(table, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert open_index(folder, "validation", cache=cache).files == before.files


def test_a_copy_at_another_place_gives_the_same_labels(affectnet_2021: Callable[..., Path], cache: Path) -> None:
    folder = affectnet_2021(ROWS)
    copy = shutil.copytree(folder, folder.with_name("copy"))
    one, other = (open_index(place, "validation", cache=cache) for place in (folder, copy))
    assert np.array_equal(one.classes, other.classes)
    assert one.root != other.root


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = "import sys, edgebench.data; print(*{'numpy', 'PIL', 'pandas', 'filelock'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_opening_an_index_needs_no_pandas(affectnet_2017: Callable[..., Path], cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edgebench.data import open_index;"
        "open_index(Path(sys.argv[1]), 'validation', cache=Path(sys.argv[2]));"
        "print(*{'pandas', 'scipy', 'PIL'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(affectnet_2017(ROWS)), str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
