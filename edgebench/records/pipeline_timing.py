"""The whole way from a camera's frame to a model's answer, stage by stage, with every raw sample."""

from __future__ import annotations

from typing import Any, Literal

from edgebench.frozen import Frozen
from edgebench.records.measurement import Block, MeasurementJob

STAGES = ("decode", "detect", "crop", "prepare", "infer")
"""In their order. Decode is there where frames are encoded, detect where faces are looked for; crop resizes too,
prepare makes the model's tensor."""


class Frames(Frozen):
    """What the blocks cycled through."""

    name: str
    """Of the folder or file without its path, or `synthetic`."""
    kind: Literal["raw", "folder", "video"]
    id: str
    """Of the content."""
    count: int
    """At most so many, at equal distances."""
    synthetic: bool
    """Drawn by us."""


class FaceDetector(Frozen):
    name: Literal["haar", "yunet", "centerface", "none"]
    sha256: str = ""
    """Of the user's weights; none for the cascade that OpenCV brings."""
    width: int | None = None
    """Pixels to which wider frames are made for the search; None where they are searched as they are."""

    @property
    def text(self) -> str:
        return self.name if self.width is None else f"{self.name} at {self.width} px"


class PipelineJob(MeasurementJob):
    """One interleaved run over whole frames."""

    frames: Frames
    detector: FaceDetector
    crops: dict[str, str]
    """Model -> what its contract crops by: none, face_box or landmarks."""


class PipelineBlock(Block):
    """A block whose invocations are frames: `latencies_ns` is the whole of each, `stages_ns` its parts.

    Rounds of all frames, each as often as any other. A frame without a face ends after the search for one: the
    stages behind took 0 ns. Of several faces the largest is analysed. `outputs_sha256` is of the answers to every
    frame once, and `first_ns` the first frame's time.
    """

    stages_ns: dict[str, tuple[int, ...]]
    faces: tuple[int, ...]
    """Found in each of the frames, empty without a detector: sample `i` is of frame `i % len(faces)`."""
    detector_load_ns: int
    detector_version: str
    detector_settings: dict[str, Any]
    resize: str
    """What resized, in words: on a device without Pillow it is not what made the evaluation's images."""
    frame_size: tuple[int, int]
    """Width and height in pixels, of the narrowest frame."""
    widest_frame_size: tuple[int, int] | None = None
    """None in blocks that did not look."""
