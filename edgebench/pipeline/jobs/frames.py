"""What a timed pipeline is fed with: the frames, and the detector that looks for faces in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from edgebench.digests import sha256_file, sha256_json
from edgebench.errors import DataError, UnknownName, UsageError
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.jobs.frame_trials import check_detector, check_pictures, check_video
from edgebench.pipeline.workspace import Workspace
from edgebench.records.pipeline_timing import FaceDetector, Frames

SYNTHETIC = "synthetic"
PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
WEIGHTS = {"yunet": "YuNet's .onnx", "centerface": "CenterFace's .onnx"}
"""Detectors that need a file of the user's -> which."""
LEAST_WIDTH = 32
"""Pixels of a frame in which something could still be found."""


@dataclass(frozen=True)
class FrameFiles:
    """Frames as they lie here, and where they go in a device's work folder."""

    info: Frames
    files: dict[str, Path]
    remote: str

    @property
    def asked(self) -> dict[str, Any]:
        """What the agent takes."""
        return {"kind": self.info.kind, "path": self.remote, "count": self.info.count}


@dataclass(frozen=True)
class DetectorFile:
    info: FaceDetector
    file: Path | None = None

    @property
    def remote(self) -> str:
        return f"detectors/{self.info.sha256[:16]}{self.file.suffix.lower()}" if self.file else ""

    @property
    def files(self) -> dict[str, Path]:
        return {self.remote: self.file} if self.file else {}

    @property
    def asked(self) -> dict[str, Any]:
        return {"name": self.info.name, "model": self.remote, "width": self.info.width}


def usable(workspace: Workspace, looking: DetectorFile) -> DetectorFile:
    """A detector for frames of any size, tried here on an empty one.

    Raises:
        DataError: its file is another's.
    """
    freed = free_size(workspace, looking)
    if looking.file is not None and freed.file is not None:
        try:
            check_detector(looking.info.name, freed.file)
        except DataError as exc:
            raise DataError(exc.problem, subject=str(looking.file), fix=exc.fix) from exc
    return freed


def free_size(workspace: Workspace, looking: DetectorFile) -> DetectorFile:
    """A CenterFace whose file states one size of frames, which its network does not need, made to take any.

    Raises:
        DataError: the file is no ONNX model with one input.
    """
    if looking.info.name != "centerface" or looking.file is None:
        return looking
    import onnx

    try:
        model = onnx.load(str(looking.file), load_external_data=False)
        (entry,) = (each for each in model.graph.input if each.name not in {w.name for w in model.graph.initializer})
    except Exception as exc:  # protobuf's own kinds, and a number of inputs that is not one
        fix = "name CenterFace's .onnx file"
        raise DataError("is no ONNX model with one input", subject=str(looking.file), fix=fix) from exc
    sides = entry.type.tensor_type.shape.dim
    for side, name in zip(sides, ("batch", "channels", "height", "width"), strict=False):
        if name != "channels":
            side.dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    file = workspace.store.folder("cache", "detectors") / f"{looking.info.sha256}.onnx"
    with as_store_errors(file), replacing(file) as part:
        part.write_bytes(model.SerializeToString())
    return replace(looking, file=file)


def frames_of(workspace: Workspace, source: str, *, count: int) -> FrameFiles:
    """At most `count` frames: drawn ones, pictures of a folder at equal distances, or a video's.

    Raises:
        DataError: there is nothing by that name, no picture in it, or one that cannot be read.
    """
    path = Path(source)
    if source == SYNTHETIC:
        return _synthetic(workspace, count)
    if path.is_dir():
        return _folder(path, count)
    if not path.is_file():
        fix = "name a folder of pictures, a video file, or `synthetic`"
        raise DataError("no such folder or file", subject=source, fix=fix)
    check_video(path)
    sha256 = sha256_file(path)
    remote = f"frames/{sha256[:16]}{path.suffix.lower()}"
    info = Frames(name=path.name, kind="video", id=sha256, count=count, synthetic=False)
    return FrameFiles(info, {remote: path}, remote)


def _synthetic(workspace: Workspace, count: int) -> FrameFiles:
    from edgebench.data.frames import FRAMES

    file = workspace.store.folder("cache", "frames") / f"synthetic-{FRAMES}-{count}.npy"
    if not file.is_file():
        _draw(workspace, file, count)
    sha256 = sha256_file(file)
    info = Frames(name=SYNTHETIC, kind="raw", id=sha256, count=count, synthetic=True)
    remote = f"frames/{sha256[:16]}.npy"
    return FrameFiles(info, {remote: file}, remote)


def _draw(workspace: Workspace, file: Path, count: int) -> None:
    import numpy as np

    from edgebench.data.frames import draw_frame

    drawn = []
    with workspace.progress.step("drawing frames") as step:
        for number in range(count):
            drawn.append(draw_frame(number))
            step.update(number + 1, count, "")
    with as_store_errors(file), replacing(file) as part, part.open("wb") as stream:
        np.save(stream, np.stack(drawn))


def _folder(folder: Path, count: int) -> FrameFiles:
    from edgebench.data.index import is_synthetic_file

    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file())
    if not found:
        raise DataError("holds no picture", subject=str(folder), fix=f"its files should end in {', '.join(PICTURES)}")
    chosen = _spread(found, count)
    check_pictures(chosen)
    hashes = [sha256_file(path) for path in chosen]
    identity = sha256_json(hashes)
    remote = f"frames/{identity[:16]}"
    info = Frames(
        name=folder.absolute().name,
        kind="folder",
        id=identity,
        count=len(chosen),
        synthetic=all(is_synthetic_file(path) for path in chosen),
    )
    files = {f"{remote}/{place:04d}{path.suffix.lower()}": path for place, path in enumerate(chosen)}
    return FrameFiles(info, files, remote)


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """At most `count`, at equal distances."""
    step = max(1.0, len(paths) / count)
    return [paths[int(place * step)] for place in range(min(count, len(paths)))]


def detector_of(text: str, *, width: int | None = None) -> DetectorFile:
    """Reads `haar`, `none`, `yunet=FILE`, `centerface=FILE`, or `haar=FILE` for another cascade.

    Args:
        width: pixels to which wider frames are made for the search.

    Raises:
        UnknownName, UsageError: there is no such detector, its file is missing, or it does not search so.
    """
    name, _, file = text.partition("=")
    known = get_args(FaceDetector.model_fields["name"].annotation)
    if name not in known:
        raise UnknownName.among(name, known, kind="detector")
    if name == "none" and file:
        raise UsageError("takes no file", subject=text, fix="write `none`")
    if width is not None and name == "none":
        raise UsageError("searches no frame, so none is made smaller", subject=name, fix="leave out --detect-width")
    if width is not None and width < LEAST_WIDTH:
        fix = f"give --detect-width {LEAST_WIDTH} or more"
        raise UsageError("is too small to find a face in", subject=f"{width} px", fix=fix)
    if name in WEIGHTS and not file:
        raise UsageError("needs its weights", subject=name, fix=f"write {name}=FILE, {WEIGHTS[name]}")
    if not file:
        return DetectorFile(FaceDetector.model_validate({"name": name, "width": width}))
    if not Path(file).is_file():
        raise UsageError("no such file", subject=file, fix=f"write {name}=FILE")
    info = FaceDetector.model_validate({"name": name, "sha256": sha256_file(Path(file)), "width": width})
    return DetectorFile(info, Path(file))
