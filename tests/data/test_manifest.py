from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.data import Index, find_loader, find_splits, load_samples, open_index
from edgebench.errors import DataError, SpecError
from edgebench.specs.model import InputContract

Contract = Callable[..., InputContract]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A manifest of these lines, with a picture of one gray for each file that they begin with."""

    def write(*lines: str, options: str = "", table: str = "manifest.csv") -> Path:
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        (folder / table).write_text("\n".join(lines) + "\n")
        if options:
            (folder / "dataset.yaml").write_text(options)
        for number, line in enumerate(lines[1:]):
            name = line.split(",")[0]
            if name.endswith(".png"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (8, 8), 10 * number).save(folder / name)
        return folder

    return write


def read(folder: Path, tmp_path: Path, split: str = "validation") -> Index:
    return open_index(folder, split, cache=tmp_path / "cache")  # type: ignore[arg-type]


def test_a_path_and_a_label_are_enough(write: Callable[..., Path], tmp_path: Path, contract: Contract) -> None:
    folder = write("path,label", "a.png,dog", "b/c.png,cat", "d.png,")
    index = read(folder, tmp_path)
    assert (index.labels, index.classes.tolist(), index.files) == (("cat", "dog"), [1, 0], ("a.png", "b/c.png"))
    assert index.dropped == {"no usable label": 1}
    samples = load_samples(index, contract(), cache=tmp_path / "cache")
    assert samples.images[:, 0, 0, 0].tolist() == [0, 10]
    assert samples.info.per_class == {"cat": 1, "dog": 1}
    assert find_loader(folder).name(folder) == "set (manifest)"


def test_every_other_column_is_a_target(write: Callable[..., Path], tmp_path: Path) -> None:
    index = read(write("file,age,height", "a.png,31,1.8", "b.png,,1.7", "c.png,,"), tmp_path)
    assert (index.labels, index.value_names) == ((), ("age", "height"))
    np.testing.assert_allclose(index.values, [[31, 1.8], [np.nan, 1.7]], rtol=1e-6)
    assert index.per_value() == {"age": 1, "height": 2}


def test_rows_belong_to_the_part_that_their_column_names(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write("path,label,split", "a.png,x,train", "b.png,y,val", "c.png,x,test", "d.png,z,test")
    assert find_splits(folder) == ("training", "validation")
    assert read(folder, tmp_path, "training").files == ("a.png",)
    index = read(folder, tmp_path)
    assert (index.files, index.dropped) == (("b.png",), {"of no part in use": 2})
    assert index.labels == ("x", "y", "z")  # one numbering for all parts
    (folder / "dataset.yaml").write_text("splits: {validation: test}\n")
    assert read(folder, tmp_path).files == ("c.png", "d.png")


def test_a_strangers_columns_are_named_beside_the_data(write: Callable[..., Path], tmp_path: Path) -> None:
    options = """
manifest: faces.csv
images: crops
columns: {path: img, label: mood, split: use, box: [left, top, w, h], landmarks: points}
splits: {training: A, validation: B}
labels: [sad, happy]
ignore: [comment]
affect_range: [0, 10]
"""
    folder = write(
        "comment,img,mood,use,left,top,w,h,points,valence",
        "nice,1.png,happy,B,1,2,3,4,1;2;5;4;3;9,10",
        "so so,2.png,sad,A,1,2,3,4,1;2,0",
        options=options,
        table="faces.csv",
    )
    index = read(folder, tmp_path)
    assert (index.labels, index.classes.tolist()) == (("sad", "happy"), [1])
    assert (index.value_names, index.values.tolist()) == (("valence",), [[1.0]])
    assert index.face_box is not None
    assert index.landmarks is not None
    assert index.face_box.tolist() == [[1, 2, 3, 4]]
    assert index.landmarks.tolist() == [[[1, 2], [5, 9]]]
    assert index.root == folder / "crops"


def test_several_annotators_vote_and_their_agreement_is_told(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write(
        "path,label,age", "a.png,x,10", "b.png,x,30", "a.png,x,20", "a.png,y,", "b.png,y,50", "c.png,y,1", "c.png,y,3"
    )
    index = read(folder, tmp_path)
    assert index.files == ("a.png", "b.png", "c.png")
    assert index.classes.tolist() == [0, -1, 1]  # b has as many votes for either
    assert index.values.tolist() == [[15], [40], [2]]
    assert index.dropped == {"label without a majority": 1}
    assert index.agreement["accuracy"] == pytest.approx((2 / 3 + 0 + 0) / 3)  # pairs 1-2, 1-3, 2-3
    assert index.agreement["krippendorff_alpha_age"] > 0.5
    assert read(folder, tmp_path).agreement == index.agreement


def test_annotators_may_have_a_column_each(write: Callable[..., Path], tmp_path: Path) -> None:
    lines = ("path,label_1,label_2,label_3,age", "a.png,x,x,y,5", "b.png,y,,y,7", "c.png,x,y,,9")
    index = read(write(*lines), tmp_path)
    assert index.classes.tolist() == [0, 1, -1]
    assert index.values.tolist() == [[5], [7], [9]]
    assert 0 < index.agreement["accuracy"] < 1


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (("path,label", "../a.jpg,x"), "", r"manifest.csv:2: '../a.jpg' is no path below"),
        (("path,label", "/etc/hostname,x"), "", r"manifest.csv:2: '/etc/hostname' is no path below"),
        (("path,label", ",x"), "", r"manifest.csv:2: '' is no path below"),
        (("path,label", "a.jpg"), "", r"manifest.csv:2: has 1 cells instead of 2"),
        (("path,age", "a.jpg,old"), "", r"manifest.csv:2: column 'age': 'old' is not a number .*`ignore`"),
        (("path,age", "a.jpg,inf"), "", r"'inf' is not a number"),
        (("path,valence", "a.jpg,7"), "", r"valence 7 is out of range .*affect_range"),
        (("path", "a.jpg"), "", r"has no column of labels .*its columns: path"),
        (("photo,label", "a.jpg,x"), "", r"has no column of paths .*call a column 'path'"),
        (("path,path", "a.jpg,x"), "", r"two columns have one name"),
        (("path,label",), "", r"holds no pictures"),
        (("path,label", "a.jpg,"), "", r"no picture of the validation part has a usable label"),
        (("path,label,split", "a.jpg,x,fold1"), "", r"its parts have unknown names: fold1"),
        (("path,label", "a.jpg,z"), "labels: [x, y]", r"manifest.csv:2: label 'z' is unknown .*one of x, y"),
        (("path,label", "a.jpg,z"), "columns: {label: mood}", r"has no column 'mood' .*its columns: path, label"),
        (("path,label,split", "a.jpg,x,val"), "splits: {validation: dev}", r"has no part 'dev' .*its parts: val"),
        (("path,label", "a.jpg,x"), "manifest: other.csv", r"other.csv: no such file"),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    write: Callable[..., Path], tmp_path: Path, lines: tuple[str, ...], options: str, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(write(*lines, options=options), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_the_options_names_its_line(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"dataset.yaml:2: colums: unknown key; did you mean"):
        read(write("path,label", "a.png,x", options="ignore: []\ncolums: {path: x}\n"), tmp_path)


def test_a_parquet_table_is_the_same_set(write: Callable[..., Path], tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    folder = write("path,label,age", "a.png,x,10", "b.png,,3.5")
    columns = {"path": ["a.png", "b.png"], "label": ["x", None], "age": [10, 3.5]}
    one = read(folder, tmp_path)
    (folder / "manifest.csv").unlink()
    parquet.write_table(arrow.table(columns), folder / "manifest.parquet")
    other = read(folder, tmp_path)
    assert (other.files, other.classes.tolist(), other.values.tolist()) == (
        one.files,
        one.classes.tolist(),
        one.values.tolist(),
    )


def test_a_hundred_times_the_rows_need_hardly_more_memory(tmp_path: Path) -> None:
    assert peak_mb(tmp_path, 300_000) - peak_mb(tmp_path, 3_000) < 80


def peak_mb(tmp_path: Path, rows: int) -> float:
    """Of a process that reads a manifest and ten of its pictures."""
    folder = tmp_path / str(rows)
    folder.mkdir()
    Image.new("L", (8, 8)).save(folder / "p.png")
    with (folder / "manifest.csv").open("w") as file:
        file.write("path,label,split\n")
        file.writelines(f"train/{number:07}.png,{number % 7},train\n" for number in range(rows - 20))
        file.writelines(f"./{number}/p.png,{number % 7},val\n" for number in range(20))
    for number in range(20):
        (folder / str(number)).mkdir()
        (folder / str(number) / "p.png").write_bytes((folder / "p.png").read_bytes())
    code = """
import json, resource, sys
from pathlib import Path
from edgebench.data import load_samples, open_index
from edgebench.specs.model import InputContract
folder, cache = map(Path, sys.argv[1:])
index = open_index(folder, "training", cache=cache)
samples = load_samples(open_index(folder, "validation", cache=cache), InputContract(size=(8, 8), range=(0, 1)),
                       cache=cache, limit=10)
print(json.dumps([len(index), len(samples), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""
    command = [sys.executable, "-c", code, str(folder), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    length, loaded, peak_kb = json.loads(done.stdout)
    assert (length, loaded) == (rows - 20, 10)
    return float(peak_kb) / 1024
