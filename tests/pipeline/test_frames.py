from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebench.data.frames import draw_frame
from edgebench.errors import DataError, UnknownName, UsageError
from edgebench.pipeline.frames import detector_of, frames_of, free_size
from edgebench.pipeline.workspace import Workspace


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "home")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    for shade in range(10):
        Image.new("RGB", (8, 8), (shade,) * 3).save(folder / f"{shade}.PNG")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_frames_are_drawn_once(here: Workspace) -> None:
    fed = frames_of(here, "synthetic", count=1)
    ((remote, file),) = fed.files.items()
    assert fed.asked == {"kind": "raw", "path": remote, "count": 1}
    np.testing.assert_array_equal(np.load(file), [draw_frame(0)])
    before = file.stat().st_mtime_ns
    assert frames_of(here, "synthetic", count=1) == fed
    assert file.stat().st_mtime_ns == before
    assert fed.info.synthetic


def test_pictures_of_a_folder_are_taken_at_equal_distances(here: Workspace, pictures: Path) -> None:
    fed = frames_of(here, str(pictures), count=5)
    assert [path.name for path in fed.files.values()] == ["0.PNG", "2.PNG", "4.PNG", "6.PNG", "8.PNG"]
    assert list(fed.files)[1] == f"{fed.remote}/0001.png"
    assert (fed.info.kind, fed.info.name, fed.info.count) == ("folder", "pictures", 5)
    assert not fed.info.synthetic
    assert frames_of(here, str(pictures), count=99).info.count == 10


def test_other_pictures_are_other_frames(here: Workspace, pictures: Path) -> None:
    before = frames_of(here, str(pictures), count=10).info.id
    (pictures / "0.PNG").write_bytes((pictures / "1.PNG").read_bytes())
    assert frames_of(here, str(pictures), count=10).info.id != before


def test_drawn_pictures_are_known_as_such(here: Workspace, faces: Path) -> None:
    assert frames_of(here, str(faces / "val_set" / "images"), count=3).info.synthetic


def test_a_file_is_a_video_for_the_device_to_read(here: Workspace, tmp_path: Path) -> None:
    (tmp_path / "film.MP4").write_bytes(b"film")
    fed = frames_of(here, str(tmp_path / "film.MP4"), count=5)
    assert fed.info.kind == "video"
    assert fed.remote.endswith(".mp4")


def test_what_holds_no_frames_is_named(here: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or file"):
        frames_of(here, "nowhere", count=5)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        frames_of(here, str(tmp_path / "empty"), count=5)


def test_detectors_are_read_with_their_files(tmp_path: Path) -> None:
    weights = tmp_path / "net.onnx"
    weights.write_bytes(b"weights")
    assert detector_of("haar").asked == {"name": "haar", "model": ""}
    yunet = detector_of(f"yunet={weights}")
    assert yunet.files == {yunet.remote: weights}
    assert yunet.info.sha256
    assert detector_of("none").files == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("yunet", "needs its weights"),
        ("centerface", "needs its weights"),
        ("none=x", "takes no file"),
        ("haar=gone.xml", "no such file"),
    ],
)
def test_a_detector_that_cannot_be_is_refused_with_what_to_write(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        detector_of(text)


def test_a_misspelt_detector_is_guessed() -> None:
    with pytest.raises(UnknownName, match="did you mean 'haar'"):
        detector_of("har")


def test_a_centerface_that_states_one_size_takes_frames_of_any(here: Workspace, tmp_path: Path) -> None:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    path = tmp_path / "centerface.onnx"
    entry = helper.make_tensor_value_info("image", TensorProto.FLOAT, [10, 3, 32, 32])
    exit_ = helper.make_tensor_value_info("heat", TensorProto.FLOAT, [10, 3, 8, 8])
    pool = helper.make_node("AveragePool", ["image"], ["heat"], kernel_shape=[4, 4], strides=[4, 4])
    graph = helper.make_graph([pool], "tiny", [entry], [exit_])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    freed = free_size(here, detector_of(f"centerface={path}"))
    assert freed.info == detector_of(f"centerface={path}").info
    session = onnxruntime.InferenceSession(str(freed.file), providers=["CPUExecutionProvider"])
    (heat,) = session.run(None, {"image": np.zeros((1, 3, 64, 96), np.float32)})
    assert heat.shape == (1, 3, 16, 24)


def test_what_is_no_centerface_is_refused_here(here: Workspace, tmp_path: Path) -> None:
    (tmp_path / "notes.onnx").write_text("no weights")
    with pytest.raises(DataError, match="no ONNX model with one input"):
        free_size(here, detector_of(f"centerface={tmp_path / 'notes.onnx'}"))
