from __future__ import annotations

from typing import Any

import pytest

from edgebench.frame_rate import summarize_frames
from edgebench.records.measurement import DeviceInfo
from edgebench.records.pipeline_timing import FaceDetector, Frames, PipelineBlock, PipelineJob
from edgebench.specs.data import DataSettings

READING = {"governor": "performance", "frequency_khz": {}, "millicelsius": {}}
MS = 1_000_000


def job_of(**changes: Any) -> PipelineJob:
    device = DeviceInfo(
        name="here",
        machine="x86_64",
        system="Linux",
        processor="a processor",
        cores=2,
        memory_bytes=1,
        word_bits=64,
        python="3.11",
        runtimes={},
    )
    facts: dict[str, Any] = {
        "job": "j1",
        "device": device,
        "settings": {},
        "variants": ("net.tflite-fp32",),
        "datasets": {},
        "data": DataSettings(),
        "blocks": 5,
        "started_at": "2001-01-01T00:00:00+00:00",
        "frames": Frames(name="film.mp4", kind="video", id="f" * 64, count=2, synthetic=False),
        "detector": FaceDetector(name="haar"),
        "crops": {"net": "face_box"},
    }
    return PipelineJob(**facts | changes)


def block_of(round_: int = 0, *, detect_ms: int = 4, infer_ms: int = 6, **changes: Any) -> PipelineBlock:
    """Two frames, the second without a face."""
    facts: dict[str, Any] = {
        "job": "j1",
        "variant": "net.tflite-fp32",
        "artifact": "a" * 64,
        "device": "here",
        "runtime": "litert",
        "runtime_version": "1",
        "threads": 1,
        "round": round_,
        "position": 0,
        "attempt": 1,
        "load_ns": MS,
        "first_ns": MS,
        "warmup_invocations": 3,
        "latencies_ns": ((detect_ms + infer_ms) * MS, detect_ms * MS),
        "stages_ns": {"detect": (detect_ms * MS,) * 2, "infer": (infer_ms * MS, 0)},
        "faces": (1, 0),
        "peak_rss_bytes": 10,
        "outputs_sha256": "",
        "started_at": "2001-01-01T00:00:00+00:00",
        "before": READING,
        "after": READING,
        "detector_load_ns": MS,
        "detector_version": "OpenCV 4",
        "detector_settings": {},
        "resize": "Pillow 12, bilinear",
        "frame_size": (1920, 1080),
    }
    return PipelineBlock(**facts | changes)


def rate_of(job: PipelineJob, *blocks: PipelineBlock) -> Any:
    ((_, rate),) = summarize_frames(job, blocks).items()
    return rate


@pytest.mark.parametrize(
    ("widest", "text"),
    [(None, "320 x 240"), ((320, 240), "320 x 240"), ((320, 270), "320 x 240 to 320 x 270")],
)
def test_frames_of_several_sizes_are_not_called_by_one(widest: tuple[int, int] | None, text: str) -> None:
    rate = rate_of(job_of(), block_of(0, frame_size=(320, 240), widest_frame_size=widest))
    assert rate.size_text == text


def test_the_stages_add_up_to_the_mean_frame_and_its_rate() -> None:
    rate = rate_of(job_of(), *(block_of(round_) for round_ in range(5)))
    assert rate.stages_ms == {"detect": 4.0, "infer": 3.0}
    assert rate.frame_ms.value == pytest.approx(7.0)
    assert rate.fps == pytest.approx(1000 / 7)
    assert rate.with_face_ms == pytest.approx(10.0)
    assert rate.timed_frames == 10


def test_the_interval_comes_from_blocks() -> None:
    rate = rate_of(job_of(), *(block_of(round_, detect_ms=4 + round_ % 2) for round_ in range(6)))
    assert rate.frame_ms.low < 7.5 < rate.frame_ms.high
    assert rate_of(job_of(), block_of()).frame_ms.low is None


def test_variants_and_thread_counts_are_apart() -> None:
    blocks = [block_of(), block_of(threads=2), block_of(variant="net.tflite-int8")]
    assert set(summarize_frames(job_of(), blocks)) == {
        ("net.tflite-fp32", 1),
        ("net.tflite-fp32", 2),
        ("net.tflite-int8", 1),
    }


def kinds(job: PipelineJob, **changes: Any) -> set[str]:
    return {caveat.kind for caveat in rate_of(job, *(block_of(r, **changes) for r in range(5))).caveats}


def test_every_doubt_travels_with_the_rate() -> None:
    assert kinds(job_of(), faces=(1, 1), detect_ms=1) == set()
    assert kinds(job_of(), detect_ms=1) == {"frames-without-face"}
    assert kinds(job_of(), faces=(1, 1), detect_ms=90) == {"detector-bound"}
    drawn = Frames(name="synthetic", kind="raw", id="f" * 64, count=2, synthetic=True)
    assert kinds(job_of(frames=drawn), faces=(1, 1), detect_ms=1) == {"synthetic-frames"}
    assert kinds(job_of(crops={"net": "none"}), faces=(1, 1), detect_ms=1) == {"other-crop"}
    assert kinds(job_of(), faces=(1, 1), detect_ms=1, resize="OpenCV 4, area") == {"other-resize"}


def test_whole_frames_have_no_faces_and_no_other_crop() -> None:
    whole = {"stages_ns": {"crop": (MS, MS), "infer": (MS, MS)}, "latencies_ns": (2 * MS, 2 * MS), "faces": ()}
    job = job_of(detector=FaceDetector(name="none"), crops={"net": "none"})
    assert kinds(job, **whole) == set()
    assert rate_of(job, block_of(**whole)).with_face_ms == pytest.approx(2.0)


def test_where_no_frame_has_a_face_no_time_with_one_is_invented() -> None:
    rate = rate_of(job_of(), block_of(stages_ns={"detect": (4 * MS, 4 * MS)}, latencies_ns=(4 * MS,) * 2, faces=(0, 0)))
    assert rate.with_face_ms is None
    assert rate.fps == pytest.approx(250)
