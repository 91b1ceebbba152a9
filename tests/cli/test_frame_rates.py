from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(("option", "value"), [("--detector", "haar"), ("--detect-width", "640")])
def test_a_detector_without_frames_is_refused_with_what_to_write(edgebench, option: str, value: str) -> None:
    done = edgebench("run", "--model", "mobilenet_v1_a0.25", option, value, "--json")
    error = json.loads(done.stdout)["error"]
    assert error["exit_code"] == done.returncode == 2
    assert error["subject"] == option
    assert "--frames" in error["fix"]


def test_an_unknown_detector_is_refused_before_anything_is_made(edgebench, tmp_path) -> None:
    options = ("--frames", "synthetic", "--detector", "mtcnn")
    done = edgebench("run", "--model", "mobilenet_v1_a0.25", *options)
    assert done.returncode == 2
    assert "'mtcnn': unknown detector (fix: known: centerface, haar, none, yunet)" in done.stderr
    assert not (tmp_path / "home" / "cache" / "frames").exists()
