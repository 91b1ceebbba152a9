from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebench.data.frames import draw_frame
from edgebench.errors import DataError, UnknownName, UsageError
from edgebench.pipeline.jobs.frame_trials import check_detector
from edgebench.pipeline.jobs.frames import detector_of, frames_of, free_size, usable
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
    import cv2

    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    film.write(np.zeros((48, 64, 3), np.uint8))
    film.release()
    (tmp_path / "film.avi").rename(tmp_path / "film.AVI")
    fed = frames_of(here, str(tmp_path / "film.AVI"), count=5)
    assert fed.info.kind == "video"
    assert fed.remote.endswith(".avi")


def test_what_cannot_be_read_is_named_before_it_is_sent(here: Workspace, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no film")
    with pytest.raises(DataError, match=r"notes\.mp4: is no video"):
        frames_of(here, str(tmp_path / "notes.mp4"), count=5)
    (pictures / "3.PNG").write_text("no picture")
    with pytest.raises(DataError, match=r"pictures/3\.PNG: is no picture"):
        frames_of(here, str(pictures), count=10)
    assert frames_of(here, str(pictures), count=5).info.count == 5  # 3.PNG is none of them


def test_what_holds_no_frames_is_named(here: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or file"):
        frames_of(here, "nowhere", count=5)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        frames_of(here, str(tmp_path / "empty"), count=5)


def test_detectors_are_read_with_their_files(tmp_path: Path) -> None:
    weights = tmp_path / "net.onnx"
    weights.write_bytes(b"weights")
    assert detector_of("haar").asked == {"name": "haar", "model": "", "width": None}
    assert detector_of("haar", width=640).asked == {"name": "haar", "model": "", "width": 640}
    assert detector_of(f"yunet={weights}", width=320).info.width == 320
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


def test_frames_are_made_smaller_for_a_search_alone() -> None:
    with pytest.raises(UsageError, match="searches no frame"):
        detector_of("none", width=640)
    with pytest.raises(UsageError, match="too small to find a face in"):
        detector_of("haar", width=8)


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


def test_a_refused_yunet_is_one_line_without_the_log_of_opencv(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import onnx
    from onnx import helper

    ends = [helper.make_tensor_value_info(name, 1, [1, 3, 32, 32]) for name in ("image", "out")]
    graph = helper.make_graph([helper.make_node("NoSuchLayer", ["image"], ["out"])], "net", ends[:1], ends[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "net.onnx"
    )
    with pytest.raises(DataError, match="is no YuNet"):
        check_detector("yunet", tmp_path / "net.onnx")
    assert capfd.readouterr().err == ""


def test_detectors_are_tried_here(here: Workspace, tmp_path: Path) -> None:
    assert usable(here, detector_of("haar")) == detector_of("haar")
    assert usable(here, detector_of(f"centerface={centerface(tmp_path, maps=(1, 2, 2, 10))}")).file is not None
    for maps, said in [((1,), "it has 1 outputs"), ((1, 2, 2, 9, 9), "it has 5 outputs"), ((1, 1, 2), "are no maps")]:
        with pytest.raises(
            DataError, match=rf"net\.onnx: is no CenterFace: .*{said}.* \(fix: name a CenterFace's file"
        ):
            usable(here, detector_of(f"centerface={centerface(tmp_path, maps=maps)}"))
    for name in ("yunet", "haar"):
        with pytest.raises(DataError, match=r"net\.onnx: is no (YuNet|cascade of OpenCV)"):
            usable(here, detector_of(f"{name}={tmp_path / 'net.onnx'}"))


def test_a_yunet_is_a_yunet_and_no_centerface(here: Workspace, real: Path) -> None:
    file = real / "models" / "face_detection_yunet_2023mar.onnx"
    assert usable(here, detector_of(f"yunet={file}")).file == file
    with pytest.raises(DataError, match="is no CenterFace: it has 12 outputs, not 4"):
        usable(here, detector_of(f"centerface={file}"))


def centerface(folder: Path, *, maps: tuple[int, ...]) -> Path:
    """A net with so many maps in each of its outputs, a quarter of the frame wide."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    entry = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])
    pool = helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[4, 4], strides=[4, 4])
    weights = [
        numpy_helper.from_array(np.ones((count, 3, 1, 1), np.float32), f"weights{k}") for k, count in enumerate(maps)
    ]
    nodes = [pool, *(helper.make_node("Conv", ["small", f"weights{k}"], [f"out{k}"]) for k in range(len(maps)))]
    exits = [helper.make_tensor_value_info(f"out{k}", TensorProto.FLOAT, None) for k in range(len(maps))]
    graph = helper.make_graph(nodes, "tiny", [entry], exits, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "net.onnx")
    return folder / "net.onnx"
