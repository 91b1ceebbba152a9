from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgebench.data import calibration_samples, find_splits, load_samples, open_index, split_disjoint
from edgebench.errors import DataError
from edgebench.specs.model import InputContract

POINTS = [[4.0, 6.0], [12.0, 10.0]] * 34


@pytest.fixture
def afew_va(tmp_path: Path) -> Callable[..., Path]:
    def write(*, actors: dict[str, str] | None = None, **clips: Any) -> Path:
        for name, frames in clips.items():
            clip = tmp_path / "afew" / name.removeprefix("clip")
            clip.mkdir(parents=True)
            actor = {"actor": actors[name]} if actors and name in actors else {}
            (clip / f"{clip.name}.json").write_text(json.dumps({"video_id": clip.name, "frames": frames, **actor}))
            for frame in frames if isinstance(frames, dict) else ():
                Image.new("RGB", (16, 16), (int(clip.name), int(frame), 0)).save(clip / f"{frame}.png")
        return tmp_path / "afew"

    return write


def frame(valence: Any, arousal: Any, points: Any = POINTS) -> dict[str, Any]:
    return {"valence": valence, "arousal": arousal, "landmarks": points}


def test_frames_of_every_clip_are_rated_on_a_scale_of_ten(
    afew_va: Callable[..., Path], cache: Path, contract: Callable[..., InputContract]
) -> None:
    folder = afew_va(clip001={"00001": frame(-10, 5), "00000": frame(10, 0)}, clip012={"00000": frame(1, 2)})
    index = open_index(folder, "validation", cache=cache)
    assert index.files == ("001/00000.png", "001/00001.png", "012/00000.png")
    assert index.values.ravel().tolist() == pytest.approx([1, 0, -1, 0.5, 0.1, 0.2])
    assert (index.labels, index.value_names, find_splits(folder)) == ((), ("valence", "arousal"), ("validation",))
    samples = load_samples(index, contract(crop="landmarks"), cache=cache, limit=2)
    assert samples.info.per_value == {"valence": 2, "arousal": 2}


def test_frames_of_a_clip_and_clips_of_an_actor_are_a_group(afew_va: Callable[..., Path], cache: Path) -> None:
    two = {"00000": frame(1, 1), "00001": frame(2, 2)}
    folder = afew_va(
        clip001=two, clip002=two, clip003=two, clip004=two, actors={"clip001": "A B", "clip003": " A B ", "clip004": ""}
    )
    index = open_index(folder, "validation", cache=cache)
    assert index.groups is not None
    assert index.groups.tolist() == [0, 0, 1, 1, 0, 0, 2, 2]


@pytest.mark.parametrize("seed", range(3))
def test_no_clip_calibrates_and_is_evaluated(
    afew_va: Callable[..., Path], cache: Path, contract: Callable[..., InputContract], seed: int
) -> None:
    clips = {f"clip{number:03}": {f"{at:05}": frame(number % 7, at) for at in range(4)} for number in range(1, 21)}
    folder = afew_va(**clips)
    index = open_index(folder, "validation", cache=cache)
    calibration, evaluation = split_disjoint(index, 8, seed)
    of_calibration, of_evaluation = ({index.files[place][:3] for place in part} for part in (calibration, evaluation))
    assert len(calibration) == 8
    assert 1 < len(of_calibration) <= 4  # of the fifth that is set aside
    assert of_calibration | of_evaluation == {clip.removeprefix("clip") for clip in clips}
    assert not of_calibration & of_evaluation
    assert len(evaluation) == 80 - 4 * len(of_calibration)
    samples = calibration_samples(folder, contract(), cache=cache, count=8, seed=seed, disjoint=True)
    assert samples.values.tolist() == index.values[calibration].tolist()


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ({"00000": frame(11, 0)}, r"001.json, frame 00000: valence 11 is out of range"),
        ({"00000": frame(0, "high")}, "arousal 'high' is out of range"),
        ({"00000": frame(0, float("nan"))}, "arousal nan is out of range"),
        ({"00000": {"valence": 0}}, "arousal None is out of range"),
        ({"00000": frame(0, 0, POINTS[:5])}, "does not hold 68 landmarks"),
        ({"00000": 3}, "valence None is out of range"),
        ({"../x": frame(0, 0)}, "holds no numbered frames"),
        ([], "holds no numbered frames"),
    ],
)
def test_a_damaged_annotation_is_named(tmp_path: Path, cache: Path, frames: Any, said: str) -> None:
    clip = tmp_path / "afew" / "001"
    clip.mkdir(parents=True)
    (clip / "001.json").write_text(json.dumps({"frames": frames}))
    with pytest.raises(DataError, match=said):
        open_index(tmp_path / "afew", "validation", cache=cache)


@pytest.mark.parametrize("text", ["", "[", "{}", "[1]", '"frames"'])
def test_a_file_that_holds_no_frames_is_named(tmp_path: Path, cache: Path, text: str) -> None:
    clip = tmp_path / "afew" / "001"
    clip.mkdir(parents=True)
    (clip / "001.json").write_text(text)
    with pytest.raises(DataError, match=r"001.json: holds no"):
        open_index(tmp_path / "afew", "validation", cache=cache)
