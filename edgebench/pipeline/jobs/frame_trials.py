"""Frames and detectors tried here, so that what cannot serve is named by its own name before anything is made for it.

The readers are those of the agent: OpenCV's, and onnxruntime.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edgebench.errors import DataError

SIDE = 64
"""Pixels of the empty frame that a detector is tried on."""
LONGEST_REASON = 200


def check_pictures(paths: Sequence[Path]) -> None:
    """Raises DataError, with the first of them, where OpenCV cannot read all."""
    import cv2

    bad = [path for path in paths if cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) is None]
    if bad:
        more = f", nor are {len(bad) - 1} more" if len(bad) > 1 else ""
        raise DataError(f"is no picture{more}", subject=str(bad[0]), fix="remove it, or save it again")


def check_video(path: Path) -> None:
    """Raises DataError where OpenCV reads no frame of it."""
    import cv2

    stream = cv2.VideoCapture(str(path))
    read, _ = stream.read()
    stream.release()
    if not read:
        fix = "name a folder of pictures, or a video that OpenCV reads, such as .mp4 or .avi"
        raise DataError("is no video", subject=str(path), fix=fix)


def check_detector(name: str, file: Path) -> None:
    """Loads a detector and lets it look at an empty frame.

    Raises:
        DataError: the file is another's.
    """
    TRIALS[name](file)


def _try_haar(file: Path) -> None:
    import cv2

    with _loading("cascade of OpenCV", file):
        loaded = not cv2.CascadeClassifier(str(file)).empty()
    if not loaded:
        raise _refusal("cascade of OpenCV", file, "")


def _try_yunet(file: Path) -> None:
    import cv2

    # Its reason is in what it raises; its log would say the same five times more, on our standard error.
    with _quiet(cv2), _loading("YuNet", file):
        cv2.FaceDetectorYN.create(str(file), "", (SIDE, SIDE)).detect(_empty((SIDE, SIDE, 3), "uint8"))


def _try_centerface(file: Path) -> None:
    """Heat of one map, and scale and offset of two each, at a quarter of the frame's size."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    with _loading("CenterFace", file):
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        frame = _empty((1, 3, SIDE, SIDE), "float32")
        answers = session.run(None, {session.get_inputs()[0].name: frame})
    shapes = [tuple(answer.shape) for answer in answers]
    if len(shapes) not in (3, 4):
        raise _refusal("CenterFace", file, f"it has {len(shapes)} outputs, not 4")
    if [shape[1:] for shape in shapes[:3]] != [(maps, SIDE // 4, SIDE // 4) for maps in (1, 2, 2)]:
        raise _refusal("CenterFace", file, "its outputs are no maps of heat, scale and offset")


TRIALS: dict[str, Callable[[Path], None]] = {"haar": _try_haar, "yunet": _try_yunet, "centerface": _try_centerface}


def _empty(shape: tuple[int, ...], dtype: str) -> Any:
    import numpy as np

    return np.zeros(shape, dtype)


@contextlib.contextmanager
def _quiet(cv2: Any) -> Iterator[None]:
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


@contextlib.contextmanager
def _loading(kind: str, file: Path) -> Iterator[None]:
    try:
        yield
    except Exception as exc:  # OpenCV and onnxruntime say in many ways that a file is not theirs
        raise _refusal(kind, file, " ".join(str(exc).split())[:LONGEST_REASON]) from exc


def _refusal(kind: str, file: Path, reason: str) -> DataError:
    return DataError(
        f"is no {kind}" + (f": {reason}" if reason else ""), subject=str(file), fix=f"name a {kind}'s file"
    )
