from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

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


def test_the_example_of_the_readme_reads_a_strangers_table(write: Callable[..., Path], tmp_path: Path) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    (example,) = (block for block in readme.split("```yaml\n")[1:] if "dataset.schema.json" in block)
    folder = write(
        "row_id,file_name,emotion_en,fold,person,left,top,w,h,certainty,age",
        "r1,1.png,happy,dev,p1,1,2,3,4,sure,31",
        "r2,2.png,sad,heldout,p2,1,2,3,4,unsure,29",
        options=example.partition("```")[0],
        table="faces_v2.csv",
    )
    index = read(folder, tmp_path)
    assert (index.labels, index.classes.tolist()) == (("neutral", "happy", "sad"), [2])
    assert (index.value_names, index.root) == (("age",), folder / "pictures")
    assert read(folder, tmp_path, "training").files == ("1.png",)


@pytest.mark.parametrize(("column", "options"), [("group", ""), ("clip", ""), ("who", "columns: {group: who}")])
def test_rows_of_a_clip_or_subject_are_a_group_of_the_same_number_in_every_part(
    write: Callable[..., Path], tmp_path: Path, column: str, options: str
) -> None:
    lines = ("a.png,x,train,s1", "b.png,x,val,s2", "c.png,y,val,", "d.png,y,val,s1", "e.png,x,train,s2")
    folder = write(f"path,label,split,{column}", *lines, options=options)
    groups = [read(folder, tmp_path, split).groups for split in ("training", "validation")]
    assert [found.tolist() for found in groups if found is not None] == [[0, 1], [1, -1, 0]]
    assert read(folder, tmp_path).value_names == ()


def test_a_manifest_without_such_a_column_has_no_groups(write: Callable[..., Path], tmp_path: Path) -> None:
    assert read(write("path,label", "a.png,x"), tmp_path).groups is None


def test_several_annotators_vote_and_their_agreement_is_told(write: Callable[..., Path], tmp_path: Path) -> None:
    rows = ("a.png,x,10,A", "b.png,x,30,A", "a.png,x,20,B", "a.png,y,,C", "b.png,y,50,B", "c.png,y,1,A", "c.png,y,3,B")
    folder = write("path,label,age,annotator", *rows)
    index = read(folder, tmp_path)
    assert index.files == ("a.png", "b.png", "c.png")
    assert index.classes.tolist() == [0, -1, 1]  # b has as many votes for either
    assert index.values.tolist() == [[15], [40], [2]]
    assert index.dropped == {"label without a majority": 1}
    assert index.agreement["accuracy"] == pytest.approx((2 / 3 + 0 + 0) / 3)  # pairs 1-2, 1-3, 2-3
    assert index.agreement["krippendorff_alpha_age"] > 0.5
    assert read(folder, tmp_path).agreement == index.agreement


ANNOTATED = [
    f"{picture}.png,{who},{label},{valence}"
    for picture, (valence, other) in enumerate([(0.1, "x"), (-0.5, "y"), (0.7, "y"), (0.3, "x"), (-0.2, "x")])
    for who, label, valence in (("A", "x", valence), ("B", other, valence / 2), ("C", "y", -valence))
]


@given(st.permutations(ANNOTATED), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_agreement_does_not_depend_on_the_order_of_rows(
    write: Callable[..., Path], tmp_path: Path, rows: list[str], named: bool
) -> None:
    options = "" if named else "ignore: [annotator]"
    one, other = (
        read(write("path,annotator,label,valence", *lines, options=options or "ignore: []"), tmp_path).agreement
        for lines in (ANNOTATED, rows)
    )
    assert one == pytest.approx(other)
    alphas = {"krippendorff_alpha", "krippendorff_alpha_valence"}
    assert set(one) == (alphas | {"accuracy", "cohens_kappa"} if named else alphas)


def test_who_annotated_may_stand_in_a_column_of_another_name(write: Callable[..., Path], tmp_path: Path) -> None:
    rows = [line.replace(",A,", ",Ann,") for line in ANNOTATED]
    folder = write("path,coder,label,valence", *rows, options="columns: {annotator: coder}")
    assert read(folder, tmp_path).agreement["accuracy"] == pytest.approx((2 / 5 + 3 / 5 + 0) / 3)  # BC, AB, AC


def test_one_annotator_twice_is_no_second_one(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'A' annotated a.png twice .*tell faces of one picture apart"):
        read(write("path,label,annotator", "a.png,x,A", "a.png,y,A"), tmp_path)


FACES = ("0,0,4,4,happy", "4,0,4,4,sad", "2,2,4,4,happy")


def test_another_box_is_another_face_of_the_picture(
    write: Callable[..., Path], tmp_path: Path, contract: Contract
) -> None:
    rows = [f"{name}.png,{face}" for name in "ab" for face in FACES]
    index = read(write("path,x,y,width,height,label", *rows), tmp_path)
    assert (len(index), index.per_class(), index.agreement) == (6, {"happy": 4, "sad": 2}, {})
    assert index.face_box is not None
    assert index.face_box[:3].tolist() == [[0, 0, 4, 4], [4, 0, 4, 4], [2, 2, 4, 4]]
    samples = load_samples(index, contract(crop="face_box"), cache=tmp_path / "cache")
    assert samples.info.per_class == {"happy": 4, "sad": 2}
    with pytest.raises(DataError, match=r"holds 6 faces in 2 pictures, .* shown the whole .*crop: face_box"):
        load_samples(index, contract(), cache=tmp_path / "cache")


def test_several_annotate_the_face_that_they_give_the_same_box(write: Callable[..., Path], tmp_path: Path) -> None:
    rows = [f"a.png,{face},{who}" for who in "AB" for face in FACES]
    index = read(write("path,x,y,width,height,label,annotator", *rows), tmp_path)
    assert (len(index), index.agreement["accuracy"]) == (3, 1)


def test_boxes_that_are_ignored_tell_no_faces_apart(write: Callable[..., Path], tmp_path: Path) -> None:
    rows = [f"a.png,{face}" for face in FACES]
    folder = write("path,x,y,width,height,label", *rows, options="ignore: [x, y, width, height]")
    index = read(folder, tmp_path)
    assert (len(index), index.per_class(), index.face_box) == (1, {"happy": 1, "sad": 0}, None)


def test_landmarks_tell_faces_apart_too(write: Callable[..., Path], tmp_path: Path) -> None:
    index = read(write("path,landmarks,label", "a.png,1;1;3;3,x", "a.png,4;4;6;6,y"), tmp_path)
    assert index.classes.tolist() == [0, 1]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_cells_are_divided_by_comma_semicolon_or_tab(write: Callable[..., Path], tmp_path: Path, mark: str) -> None:
    folder = write("path,label,valence,x,y,width,height")
    rows = [("path", "Label", "Valence", "x", "y", "width", "height"), ("a.png", "so-so", "0.5", *"1234")]
    (folder / "manifest.csv").write_text("\ufeff" + "\n".join(mark.join(row) for row in rows), encoding="utf-8")
    index = read(folder, tmp_path)
    assert (index.files, index.labels, index.value_names) == (("a.png",), ("so-so",), ("valence",))
    assert index.values.tolist() == [[0.5]]


def test_a_table_of_semicolons_has_decimal_commas_in_its_numbers_alone(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write("Path;Label;Valence;Age;Landmarks", 'a, b.png;x, y;-0,25;31;"1,5;2;3;4,5"')
    index = read(folder, tmp_path)
    assert (index.files, index.labels, index.value_names) == (("a, b.png",), ("x, y",), ("valence", "Age"))
    assert index.values.tolist() == [[-0.25, 31]]
    assert index.landmarks is not None
    assert index.landmarks.tolist() == [[[1.5, 2], [3, 4.5]]]
    with pytest.raises(DataError, match="column 'age': '1,234' is not a number"):
        read(write("path,age", 'a.png,"1,234"'), tmp_path)


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
        (("path,valence,Valence", "a.jpg,0,1"), "", r"two columns have one name"),
        (("path,label", "a.jpg,x"), "splits: {validation: dev}", r"has no part 'dev', for nothing names parts"),
        (("path,label", "a.jpg,x"), "columns: {annotator: who}", r"has no column 'who'"),
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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("labels: [a, b, a]", r"`labels` names 'a' twice"),
        ("labels: []", r"dataset.yaml:1: labels: "),
        ("splits: {training: A, validation: A}", r"must be two parts"),
    ],
)
def test_options_that_contradict_themselves_are_refused(
    write: Callable[..., Path], tmp_path: Path, options: str, said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        read(write("path,label", "a.png,x", options=options), tmp_path)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize(("name", "options"), [("bbox", ""), ("where", "columns: {box: where}")])
def test_a_box_and_landmarks_may_be_lists_of_parquet(
    write: Callable[..., Path], tmp_path: Path, pairs: bool, name: str, options: str
) -> None:
    folder = write("path", "a.png", "b.png", options=options)
    points = [[1.0, 2.0], [5.0, 4.0], [3.0, 9.0]]
    columns = {
        "path": ["a.png", "b.png"],
        "label": ["x", "y"],
        name: [[1.0, 2.0, 3.0, 4.0], None],
        "landmarks": [points if pairs else [number for point in points for number in point], None],
    }
    (folder / "manifest.csv").unlink()
    parquet.write_table(pyarrow.table(columns), folder / "manifest.parquet")
    index = read(folder, tmp_path)
    assert index.face_box is not None
    assert index.landmarks is not None
    np.testing.assert_equal(index.face_box, [[1, 2, 3, 4], [np.nan] * 4])
    np.testing.assert_equal(index.landmarks[0], [[1, 2], [5, 9]])
    assert np.isnan(index.landmarks[1]).all()


def test_a_box_in_one_cell_has_four_numbers(write: Callable[..., Path], tmp_path: Path) -> None:
    assert read(write("path,label,box", "a.png,x,1;2;3;4"), tmp_path).face_box.tolist() == [[1, 2, 3, 4]]
    with pytest.raises(DataError, match=r"manifest\.csv:2: column 'box': '1;2;3' does not read x;y;width;height"):
        read(write("path,label,box", "a.png,x,1;2;3"), tmp_path)


def test_a_parquet_table_is_the_same_set(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write("path,label,age", "a.png,x,10", "b.png,,3.5")
    columns = {"path": ["a.png", "b.png"], "label": ["x", None], "age": [10, 3.5]}
    one = read(folder, tmp_path)
    (folder / "manifest.csv").unlink()
    parquet.write_table(pyarrow.table(columns), folder / "manifest.parquet")
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
