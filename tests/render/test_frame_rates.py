from __future__ import annotations

import csv
import io

import pytest

from edgebench.records.pipeline_timing import FaceDetector, Frames
from edgebench.records.results import Estimate, FrameRate, Results
from edgebench.render import csv as csv_file
from edgebench.render import encodings, frame_rates, html, markdown, palette

FILM = Frames(name="film.mp4", kind="video", id="f" * 64, count=16, synthetic=False)


def rate_of(detector: str, detect_ms: float, *, threads: int = 1) -> FrameRate:
    stages_ms = {"decode": 2.0, "detect": detect_ms, "crop": 1.0, "prepare": 0.5, "infer": 1.5}
    frame_ms = sum(stages_ms.values())
    return FrameRate(
        job="j1",
        threads=threads,
        runtime="litert",
        runtime_version="1",
        detector=FaceDetector.model_validate({"name": detector}),
        detector_version="OpenCV 4",
        detector_settings={},
        frames=FILM,
        frame_size=(1920, 1080),
        frame_ms=Estimate(value=frame_ms, low=frame_ms - 1, high=frame_ms + 1),
        fps=1000 / frame_ms,
        stages_ms=stages_ms,
        faces=(1, 0, 2),
        with_face_ms=frame_ms + 1,
        resize="Pillow 12, bilinear",
        timed_frames=48,
        peak_rss_bytes=1,
        conditions={},
    )


@pytest.fixture
def framed(results: Results) -> Results:
    """Two detectors, timed on every variant that was timed at all."""
    rates = (rate_of("haar", 5.0), rate_of("yunet", 15.0))
    variants = tuple(
        v.model_copy(update={"frame_rates": rates if v.latency else (), "caveats": ()}) for v in results.variants
    )
    return results.model_copy(update={"variants": variants})


def test_the_bars_of_a_variant_lie_end_to_end(framed: Results) -> None:
    (chart,) = frame_rates.stage_charts(framed, palette.LIGHT, width=600).values()
    (rows,) = encodings.specification(chart, palette.LIGHT)["datasets"].values()
    first = [row for row in rows if row["name"] == rows[0]["name"]]
    assert [row["stage"] for row in first] == ["decode", "detect", "crop", "prepare", "infer"]
    assert [row["end_ms"] for row in first] == [2.0, 7.0, 8.0, 8.5, 10.0]
    assert [row["start_ms"] for row in first[1:]] == [row["end_ms"] for row in first[:-1]]
    assert [row["fps"] for row in first if row["last"]] == ["100 fps"]
    assert len({row["name"] for row in rows}) == 2 * sum(bool(v.frame_rates) for v in framed.variants)


def test_the_chart_can_be_drawn(framed: Results) -> None:
    import vl_convert

    (chart,) = frame_rates.stage_charts(framed, palette.LIGHT, width=600).values()
    assert vl_convert.vegalite_to_svg(encodings.specification(chart, palette.LIGHT)).count("100 fps") >= 1


def test_the_table_answers_how_many_frames_a_second(framed: Results) -> None:
    first = dict(zip(frame_rates.HEAD, next(frame_rates.table(framed)), strict=True))
    assert first["detector"] == "haar"
    assert first["fps"] == "100"
    assert first["frame"] == "10.0 ms [9.00, 11.0]"
    assert first["faces found in"] == "2 of 3"
    assert first["detect"] == "5.00 ms"


def test_frames_of_several_sizes_are_named_by_the_narrowest_and_the_widest(results: Results) -> None:
    rate = rate_of("haar", 5.0).model_copy(update={"widest_frame_size": (1920, 1200)})
    (first, *others) = results.variants
    mixed = results.model_copy(update={"variants": (first.model_copy(update={"frame_rates": (rate,)}), *others)})
    (row,) = frame_rates.table(mixed)
    assert row[frame_rates.HEAD.index("frames")] == "film.mp4, 1920 x 1080 to 1920 x 1200"


def test_page_summary_and_csv_hold_them(framed: Results) -> None:
    page = html.render(framed).decode()
    assert 'id="frames"' in page
    assert 'data-chart="frames-1"' in page
    assert "| haar | film.mp4, 1920 x 1080 | 1 | 100 |" in markdown.render(framed).decode().replace("\\", "")
    rows = list(csv.DictReader(io.StringIO(csv_file.render(framed).decode())))
    timed = next(row for row in rows if row["frames_haar_fps"])
    assert float(timed["frames_haar_fps"]) == pytest.approx(100)
    assert float(timed["frames_yunet_detect_ms"]) == 15


def test_nothing_is_said_where_no_frame_was_timed(results: Results) -> None:
    assert frame_rates.stage_charts(results, palette.LIGHT) == {}
    assert "Frames per second" not in html.render(results).decode()
    assert "Frames per second" not in markdown.render(results).decode()
    assert "frames_" not in csv_file.render(results).decode()
