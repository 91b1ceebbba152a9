from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgebench.agent import edgebench_pipeline
from edgebench.agent.edgebench_pipeline import (
    STAGES,
    Centerface,
    Folder,
    Haar,
    Pipeline,
    Raw,
    Refused,
    Smaller,
    Video,
    detector,
    faces_of_maps,
    fitting,
    largest,
    timed,
)
from edgebench.data.decode import Decoded, decode
from edgebench.data.frames import draw_frame
from edgebench.specs.model import InputContract

AFFINE = {"layout": "nhwc", "scale": [1 / 255] * 3, "offset": [0.0] * 3}
CONTRACT = {"size": [8, 8], "color": "rgb", "margin": 0.0, "resize": "bilinear"}
SETTINGS = {
    "warmup_s": 0.02,
    "steady_change": 0.5,
    "max_warmup_s": 0.1,
    "measure_s": 0.1,
    "min_invocations": 7,
    "inputs": 3,
}


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    path = tmp_path / "frames.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (3, 72, 128, 3), dtype=np.uint8))
    return path


@pytest.fixture
def time_frames(ask, frames, sleep_model):
    """One block of the task as a device runs it."""

    def time_frames(kind: str = "raw", path: Path = frames, looking: dict[str, str] | None = None, **facts):
        task = {
            "runtime": "sleep",
            "model": sleep_model(8),
            "affine": AFFINE,
            "settings": SETTINGS,
            "contract": CONTRACT,
            "frames": {"kind": kind, "path": str(path), "count": 3},
            "detector": looking or {"name": "sleep", "model": sleep_model(20)},
        }
        return ask("frames", **{**task, **facts})

    return time_frames


def test_sleeps_planted_in_stages_are_recovered(time_frames):
    block = time_frames()
    # The calmest frame: a sleeper on a busy test machine wakes late, but never early.
    assert min(block["stages_ns"]["detect"]) / 1e6 == pytest.approx(20, rel=0.05)
    assert min(block["stages_ns"]["infer"]) / 1e6 == pytest.approx(8, rel=0.05)
    assert min(block["latencies_ns"]) / 1e6 >= 28
    assert block["faces"] == [1, 1, 1]


def test_the_stages_add_up_to_the_frame(time_frames):
    block = time_frames()
    sums = np.sum(list(block["stages_ns"].values()), axis=0)
    assert (sums <= block["latencies_ns"]).all()
    assert np.median(sums / block["latencies_ns"]) > 0.99


def test_a_block_times_whole_rounds_of_all_frames(time_frames):
    block = time_frames()
    assert len(block["latencies_ns"]) >= 7
    assert len(block["latencies_ns"]) % 3 == 0


def test_without_a_detector_whole_frames_are_seen_and_raw_ones_are_not_decoded(time_frames):
    block = time_frames(looking={"name": "none"})
    assert list(block["stages_ns"]) == ["crop", "prepare", "infer"]
    assert block["faces"] == []
    assert block["frame_size"] == [128, 72]
    assert block["resize"].startswith("Pillow")


def test_a_frame_without_a_face_ends_after_the_search(time_frames):
    block = time_frames(looking={"name": "haar"})
    assert block["faces"] == [0, 0, 0]
    assert list(block["stages_ns"]) == ["detect"]
    assert block["detector_version"].startswith("OpenCV")


def test_pictures_are_decoded_in_time(time_frames, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place in range(3):
        cv2.imwrite(str(folder / f"{place}.png"), np.full((72, 128, 3), 40 * place, np.uint8))
    block = time_frames("folder", folder, {"name": "none"})
    assert list(block["stages_ns"]) == ["decode", "crop", "prepare", "infer"]
    assert min(block["stages_ns"]["decode"]) > 0


def test_frames_of_several_sizes_are_told_from_the_narrowest_to_the_widest(time_frames, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place, size in enumerate([(96, 100), (72, 128), (128, 72)]):
        cv2.imwrite(str(folder / f"{place}.png"), np.zeros((*size, 3), np.uint8))
    block = time_frames("folder", folder, {"name": "none"})
    assert (block["frame_size"], block["widest_frame_size"]) == ([72, 128], [128, 72])


def test_the_answers_are_those_of_predict(ask, predict, models, tmp_path):
    """A frame of the model's own size, without a detector, is the image itself."""
    images = np.random.default_rng(1).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "frames.npy", images[..., ::-1])
    np.save(tmp_path / "images.npy", images)
    block = ask(
        "frames",
        runtime="litert",
        model=str(models / "float.tflite"),
        affine=AFFINE,
        settings=SETTINGS,
        contract=CONTRACT,
        frames={"kind": "raw", "path": str(tmp_path / "frames.npy"), "count": 1},
        detector={"name": "none"},
    )
    facts = {"images": str(tmp_path / "images.npy"), "stop": 1, "affine": AFFINE}
    _, arrays = predict("litert", models / "float.tflite", **facts)
    assert block["outputs_sha256"] == hashlib.sha256(arrays[0].astype("<f4").tobytes()).hexdigest()


def test_an_unknown_detector_is_answered_with_the_known_ones():
    with pytest.raises(Refused, match=r"no detector 'mtcnn' \(known: haar, yunet, centerface"):
        detector("mtcnn", "", 1)


def test_a_box_found_in_a_smaller_frame_is_in_pixels_of_the_whole_one(sleep_model):
    looking = detector("sleep", sleep_model(0), 1, 50)
    (box,) = looking.find(np.zeros((73, 128, 3), np.uint8))
    assert box == pytest.approx((32, 18.25, 64, 36.5))  # its middle
    assert looking.settings == {"width": 50, "resize": "bilinear"}


def test_frames_no_wider_than_asked_are_searched_as_they_are(sleep_model):
    class Sizes(edgebench_pipeline.Detector):
        def find(self, frame):
            return [(0.0, 0.0, *map(float, frame.shape[1::-1]))]

    frame = np.zeros((72, 128, 3), np.uint8)
    assert Smaller(Sizes("", 1), 128, 1).find(frame) == [(0, 0, 128, 72)]
    assert Smaller(Sizes("", 1), 64, 1).find(frame) == [(0, 0, 128, 72)]


def test_haar_finds_the_same_face_at_a_third_of_the_width():
    frame = draw_frame(0)
    whole, small = (largest(detector("haar", "", 1, width).find(frame)) for width in (None, 640))
    left, top = (max(whole[k], small[k]) for k in (0, 1))
    right, bottom = (min(whole[k] + whole[k + 2], small[k] + small[k + 2]) for k in (0, 1))
    shared = (right - left) * (bottom - top)
    assert shared / (whole[2] * whole[3] + small[2] * small[3] - shared) > 0.8


def test_a_block_says_in_how_wide_frames_it_looked(time_frames, sleep_model):
    block = time_frames(looking={"name": "sleep", "model": sleep_model(1), "width": 64})
    assert block["detector_settings"]["width"] == 64
    assert block["frame_size"] == [128, 72]
    assert block["faces"] == [1, 1, 1]


@pytest.mark.parametrize("name", ["haar", "yunet", "centerface"])
def test_a_file_that_is_no_detector_is_refused_by_name(name, tmp_path):
    (tmp_path / "notes.onnx").write_text("no weights")
    with pytest.raises(Refused, match=f"notes.onnx cannot be loaded as {name}"):
        detector(name, str(tmp_path / "notes.onnx"), 1)


def test_the_largest_face_is_analysed_and_one_without_area_is_none():
    assert largest([(0, 0, 5, 5), (9, 9, 7, 7), (3, 3, 0, 90)]) == (9, 9, 7, 7)
    assert largest([(3, 3, 0, 90), (0, 0, math.nan, 4)]) is None


BOXES = [(20.0, 10.0, 40.0, 44.0), (-15.0, 50.0, 40.0, 40.0), (100.4, -3.5, 61.2, 50.9), None]


@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("kernel", ["box", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("box", BOXES)
def test_a_crop_is_resized_exactly_as_the_host_prepares_its_images(tmp_path, color, kernel, box):
    rgb = np.random.default_rng(2).integers(0, 256, (72, 128, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "frame.png")
    contract = InputContract(size=(20, 16), color=color, margin=0.25, resize=kernel, range=(0, 1))
    edges = None
    if box:
        left, top, width, height = box
        edges = (left - width / 4, top - height / 4, left + 1.25 * width, top + 1.25 * height)
    wanted = np.empty((20, 16, contract.channels), np.uint8)
    assert isinstance(decode(tmp_path / "frame.png", None, edges, contract, wanted), Decoded)
    _, fit = fitting(json.loads(json.dumps(contract.geometry())), 1)
    np.testing.assert_array_equal(fit(np.ascontiguousarray(rgb[..., ::-1]), box)[0], wanted)


@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("box", BOXES)
def test_without_pillow_opencv_resizes_nearly_alike_and_says_so(monkeypatch, color, box):
    ramp = np.linspace(0, 255, 128, dtype=np.uint8)
    frame = np.stack([np.tile(ramp, (72, 1)), np.full((72, 128), 90, np.uint8), np.tile(ramp[::-1], (72, 1))], axis=-1)
    contract = {"size": [16, 16], "color": color, "margin": 0.1, "resize": "bilinear"}
    _, by_pillow = fitting(contract, 1)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "PIL", None)
        name, by_opencv = fitting(contract, 1)
    assert name.startswith("OpenCV")
    wanted, found = by_pillow(frame, box).astype(int), by_opencv(frame, box).astype(int)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 6


def test_a_video_is_decoded_at_equal_distances_and_from_its_beginning_again(tmp_path):
    path = str(tmp_path / "film.avi")
    film = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for shade in range(0, 240, 20):
        film.write(np.full((48, 64, 3), shade, np.uint8))
    film.release()
    video = Video(path, 4, 1)
    assert len(video) == 4
    for place in (0, 1, 2, 3, 0, 2):
        video.seek(place)
        assert video.read().mean() == pytest.approx(60 * place, abs=4)


def test_what_is_no_video_and_no_picture_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(Refused, match="no video"):
        Video(str(tmp_path / "notes.txt"), 4, 1)
    folder = Folder(str(tmp_path), 4, 1)
    with pytest.raises(Refused, match="no picture"):
        folder.read()


def test_a_face_in_the_maps_of_a_centerface_is_found_where_it_is():
    heat = np.zeros((24, 32), np.float32)
    scale, offset = np.zeros((2, 24, 32), np.float32), np.zeros((2, 24, 32), np.float32)
    heat[10, 20], scale[:, 10, 20], offset[:, 10, 20] = 0.9, (math.log(6), math.log(4)), (0.25, -0.25)
    boxes, scores = faces_of_maps(heat, scale, offset, 2.0, 1.0)
    assert scores == pytest.approx([0.9])
    assert boxes[0] == pytest.approx(((4 * 20.25 - 8) * 2, 4 * 10.75 - 12, 32, 24), rel=1e-5)


def test_centerface_runs_on_frames_of_any_size(tmp_path):
    """A network with its interface: the heat is the mean of what is bright, every face 4 e by 4 e pixels."""
    path = tmp_path / "bright.onnx"
    make_centerface(path, ["batch", 3, "height", "width"])
    frame = np.zeros((70, 130, 3), np.uint8)
    frame[32:36, 64:68] = 255
    (box,) = Centerface(str(path), 1).find(frame)
    assert box[0] + box[2] / 2 == pytest.approx(66, abs=4)
    assert box[1] + box[3] / 2 == pytest.approx(34, abs=4)
    make_centerface(path, [10, 3, 32, 32])
    with pytest.raises(Refused, match="free size"):
        detector("centerface", str(path), 1)


def make_centerface(path: Path, shape: list[int | str]) -> None:
    import onnx
    from onnx import TensorProto, helper

    weight = helper.make_tensor("weight", TensorProto.FLOAT, [1, 3, 1, 1], [1 / 765] * 3)
    ones = helper.make_tensor("ones", TensorProto.FLOAT, [2, 1, 1, 1], [0.0] * 2)
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["small", "weight"], ["heat"]),
        helper.make_node("Conv", ["heat", "ones"], ["offset"]),
        helper.make_node("Add", ["offset", "one"], ["scale"]),
    ]
    exits = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("heat", "scale", "offset")]
    entry = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "bright", [entry], exits, [weight, ones, one])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_a_stage_that_a_frame_did_not_reach_took_no_time(frames):
    class Second(edgebench_pipeline.Detector):
        """Finds a face in every second frame."""

        looked = 0

        def find(self, frame):
            self.looked += 1
            return [(8.0, 8.0, 20.0, 20.0)] if self.looked % 2 else []

    class Nothing:
        def prepare(self, pixels, affine):
            return [pixels]

        def invoke(self, item):
            assert item.shape == (1, 8, 8, 3)

    task = {"detector": {"name": "none"}, "contract": CONTRACT, "threads": 1}
    pipeline = Pipeline(task, Nothing(), AFFINE)
    pipeline.detector = Second("", 1)
    stages_ns, totals_ns = timed(pipeline, Raw(str(frames), 2, 1), 0, 4)
    assert list(stages_ns) == list(STAGES)
    assert [n > 0 for n in stages_ns["infer"]] == [True, False, True, False]
    assert all(n > 0 for n in stages_ns["detect"])
    assert len(totals_ns) == 4


def test_haar_says_how_it_looks():
    assert Haar("", 1).settings == {"scale": 1.1, "neighbours": 3, "smallest_face": 0.1}


def test_a_model_that_answers_nan_is_not_timed_as_if_it_worked(ask, models, tmp_path):
    np.save(tmp_path / "dark.npy", np.zeros((1, 8, 8, 3), np.uint8))
    answer = ask(
        "frames",
        returncode=1,
        runtime="onnxruntime",
        model=str(models / "log.onnx"),
        affine={"layout": "nchw", "scale": [1.0] * 3, "offset": [-1.0] * 3},
        settings=SETTINGS,
        contract=CONTRACT,
        frames={"kind": "raw", "path": str(tmp_path / "dark.npy"), "count": 1},
        detector={"name": "none"},
    )
    assert answer["error"]["message"] == "the answer to frame 0 is not finite"
