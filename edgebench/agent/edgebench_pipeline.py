"""Times the whole way from a camera's frame to a model's answer: the task `frames` of edgebench_agent.py.

Shipped beside the agent, which imports it for that task alone. Needs Python 3.9, numpy, and OpenCV where frames
are encoded or faces are looked for. Frames are uint8 [height, width, 3] in OpenCV's order, blue first.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import json
import os
import time
from datetime import datetime, timezone
from typing import Any, Callable, Optional

import numpy as np

Json = dict[str, Any]
Array = Any
Box = tuple[float, float, float, float]  # left, top, width, height in pixels of the frame

STAGES = ("decode", "detect", "crop", "prepare", "infer")
LONGEST_STRIDE = 15  # frames of a video from one that is used to the next: half a second at 30 a second
SMALLEST_FACE = 0.1  # of a frame's height; Viola-Jones looks for no smaller one
SURE = {"yunet": 0.6, "centerface": 0.5}  # least score that counts as a face
OVERLAP = 0.3  # of two boxes of one face, as a share of their union


class Refused(Exception):
    """The task cannot be done as asked."""


def opencv(threads: int) -> Any:
    try:
        import cv2
    except ImportError as error:
        raise Refused(f"OpenCV is not installed for this Python: {error}") from None
    cv2.setNumThreads(threads)
    return cv2


# ---- frames ---------------------------------------------------------------------------------------------------------


class Raw:
    """Frames in one array, as a camera's driver hands them over: there is nothing to decode."""

    encoded = False

    def __init__(self, path: str, count: int, threads: int) -> None:
        self.frames = np.load(path)[:count]
        self.place = 0

    def __len__(self) -> int:
        return len(self.frames)

    def seek(self, place: int) -> None:
        """Makes this frame the next one; no part of what is timed."""
        self.place = place

    def read(self) -> Array:
        return self.frames[self.place]


class Folder(Raw):
    """One picture file a frame."""

    encoded = True

    def __init__(self, path: str, count: int, threads: int) -> None:
        self.cv2 = opencv(threads)
        self.frames = [os.path.join(path, name) for name in sorted(os.listdir(path))][:count]
        self.place = 0

    def read(self) -> Array:
        path = self.frames[self.place]
        # Boxes and labels refer to stored pixels, so an orientation tag is not applied.
        frame = self.cv2.imread(path, self.cv2.IMREAD_COLOR | self.cv2.IMREAD_IGNORE_ORIENTATION)
        if frame is None:
            raise Refused(f"{os.path.basename(path)} is no picture that OpenCV reads")
        return frame


class Video(Raw):
    """Frames of a video at equal distances from its beginning; those between are decoded and not timed."""

    encoded = True

    def __init__(self, path: str, count: int, threads: int) -> None:
        self.cv2, self.path = opencv(threads), path
        self.stream = self.cv2.VideoCapture(path)
        held = int(self.stream.get(self.cv2.CAP_PROP_FRAME_COUNT))
        if not self.stream.isOpened() or held < 1:
            raise Refused(f"{os.path.basename(path)} is no video that OpenCV reads")
        self.count = min(count, held)
        self.stride = min(held // self.count, LONGEST_STRIDE)
        self.at = 0  # the frame that the stream gives next

    def __len__(self) -> int:
        return self.count

    def seek(self, place: int) -> None:
        if place * self.stride < self.at:
            self.stream.release()
            self.stream, self.at = self.cv2.VideoCapture(self.path), 0
        while self.at < place * self.stride:
            self.stream.grab()
            self.at += 1

    def read(self) -> Array:
        read, frame = self.stream.read()
        self.at += 1
        if not read:
            raise Refused(f"{os.path.basename(self.path)} ends before frame {self.at}")
        return frame


SOURCES: dict[str, type[Raw]] = {"raw": Raw, "folder": Folder, "video": Video}


# ---- detectors ------------------------------------------------------------------------------------------------------


class Detector:
    """Looks for faces. `version` says what brings it, `settings` how it looks."""

    version = ""

    def __init__(self, model: str, threads: int) -> None:
        self.settings: Json = {}

    def find(self, frame: Array) -> list[Box]:
        return []


class Haar(Detector):
    """Viola-Jones with the cascade that OpenCV brings (its frontal face, default) or another one."""

    def __init__(self, model: str, threads: int) -> None:
        self.cv2 = opencv(threads)
        self.cascade = self.cv2.CascadeClassifier(model or frontal_face(self.cv2))
        if self.cascade.empty():
            raise Refused(f"{os.path.basename(model)} is no cascade that OpenCV reads")
        self.version = f"OpenCV {self.cv2.__version__}"
        self.settings = {"scale": 1.1, "neighbours": 3, "smallest_face": SMALLEST_FACE}

    def find(self, frame: Array) -> list[Box]:
        gray = self.cv2.cvtColor(frame, self.cv2.COLOR_BGR2GRAY)
        least = max(24, round(SMALLEST_FACE * len(gray)))
        found = self.cascade.detectMultiScale(gray, scaleFactor=1.1, minNeighbors=3, minSize=(least, least))
        return [box_of(row) for row in found]


def frontal_face(cv2: Any) -> str:
    """Wheels bring the cascades along; distributions keep them apart."""
    name = "haarcascade_frontalface_default.xml"
    folders = [getattr(getattr(cv2, "data", None), "haarcascades", "")]
    folders += ["/usr/share/opencv4/haarcascades", "/usr/share/opencv/haarcascades"]
    for folder in folders:
        if folder and os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise Refused(f"this OpenCV ({cv2.__version__}) comes without {name}; 5.0 has no cascades")


class Yunet(Detector):
    def __init__(self, model: str, threads: int) -> None:
        self.cv2 = opencv(threads)
        if not hasattr(self.cv2, "FaceDetectorYN"):
            raise Refused(f"this OpenCV ({self.cv2.__version__}) has no FaceDetectorYN: 4.5.4 is the first")
        self.net = self.cv2.FaceDetectorYN.create(model, "", (320, 320), SURE["yunet"], OVERLAP)
        self.version, self.size = f"OpenCV {self.cv2.__version__}", None
        self.settings = {"score": SURE["yunet"], "overlap": OVERLAP}

    def find(self, frame: Array) -> list[Box]:
        size = frame.shape[1::-1]
        if size != self.size:
            self.net.setInputSize(size)
            self.size = size
        found = self.net.detect(frame)[1]
        return [] if found is None else [box_of(row) for row in found]


class Centerface(Detector):
    """Maps at a quarter of the frame's size: face or not, logarithm of height and width, offset of the centre."""

    def __init__(self, model: str, threads: int) -> None:
        import onnxruntime

        self.cv2 = opencv(threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (entry,) = self.session.get_inputs()
        if any(isinstance(side, int) for side in entry.shape[2:]):
            raise Refused(f"this CenterFace takes frames of {entry.shape[2:]} alone: export it with a free size")
        self.name = entry.name
        self.version = f"onnxruntime {onnxruntime.__version__}"
        self.settings = {"score": SURE["centerface"], "overlap": OVERLAP}

    def find(self, frame: Array) -> list[Box]:
        height, width = frame.shape[:2]
        size = tuple(-(-side // 32) * 32 for side in (width, height))
        tensor = self.cv2.dnn.blobFromImage(frame, 1.0, size, (0, 0, 0), swapRB=True)
        heat, scale, offset = self.session.run(None, {self.name: tensor})[:3]
        boxes, scores = faces_of_maps(heat[0, 0], scale[0], offset[0], width / size[0], height / size[1])
        kept = self.cv2.dnn.NMSBoxes(boxes, scores, SURE["centerface"], OVERLAP)
        return [boxes[int(k)] for k in kept]


def faces_of_maps(heat: Array, scale: Array, offset: Array, x: float, y: float) -> tuple[list[Box], list[float]]:
    """Boxes and scores where a CenterFace sees a face; x and y bring its pixels back to the frame's (Xu et al. 2020).

    Args:
        heat: float32 [height / 4, width / 4]; scale and offset: [2, height / 4, width / 4], vertical first.
    """
    rows, columns = np.nonzero(heat > SURE["centerface"])
    boxes = []
    for row, column in np.stack([rows, columns], axis=1).tolist():
        tall, wide = (4 * float(np.exp(scale[k, row, column])) for k in (0, 1))
        down, right = (4 * (at + 0.5 + float(offset[k, row, column])) for k, at in ((0, row), (1, column)))
        boxes.append(((right - wide / 2) * x, (down - tall / 2) * y, wide * x, tall * y))
    return boxes, heat[rows, columns].tolist()


class Sleep(Detector):
    """Finds the middle of every frame after as long as its file says: what is measured is our own truthfulness."""

    def __init__(self, model: str, threads: int) -> None:
        super().__init__(model, threads)
        with open(model, encoding="utf-8") as file:
            self.sleep_s = json.load(file)["sleep_ms"] / 1000

    def find(self, frame: Array) -> list[Box]:
        deadline = time.perf_counter() + self.sleep_s
        time.sleep(max(0.0, self.sleep_s - 0.002))  # the system wakes a sleeper late
        while time.perf_counter() < deadline:
            pass
        height, width = frame.shape[:2]
        return [(width / 4, height / 4, width / 2, height / 2)]


class Smaller(Detector):
    """Looks in frames made `width` pixels wide, where they are wider; finds boxes in the pixels of the whole frame."""

    def __init__(self, looking: Detector, width: int, threads: int) -> None:
        self.looking, self.width, self.cv2 = looking, width, opencv(threads)
        self.version = looking.version
        self.settings = {**looking.settings, "width": width, "resize": "bilinear"}

    def find(self, frame: Array) -> list[Box]:
        rows, columns = frame.shape[:2]
        if columns <= self.width:
            return self.looking.find(frame)
        height = max(1, round(rows * self.width / columns))
        small = self.cv2.resize(frame, (self.width, height), interpolation=self.cv2.INTER_LINEAR)
        x, y = columns / self.width, rows / height
        return [(left * x, top * y, wide * x, tall * y) for left, top, wide, tall in self.looking.find(small)]


DETECTORS: dict[str, type[Detector]] = {"haar": Haar, "yunet": Yunet, "centerface": Centerface, "sleep": Sleep}


def detector(name: str, model: str, threads: int, width: Optional[int] = None) -> Optional[Detector]:
    """The loaded detector, looking in frames of that width; None for `none`, which takes whole frames."""
    if name == "none":
        return None
    if name not in DETECTORS:
        raise Refused(f"no detector {name!r} (known: {', '.join(DETECTORS)}, none)")
    try:
        found = DETECTORS[name](model, threads)
        return found if width is None else Smaller(found, width, threads)
    except (Refused, ImportError):
        raise
    except Exception as error:  # OpenCV and onnxruntime say in many ways that a file is not theirs
        reason = " ".join(str(error).split())[:200]
        raise Refused(f"{os.path.basename(model)} cannot be loaded as {name}: {reason}") from error


def box_of(row: Array) -> Box:
    left, top, width, height = (float(number) for number in row[:4])
    return left, top, width, height


def largest(boxes: list[Box]) -> Optional[Box]:
    whole = [box for box in boxes if min(box[2:]) >= 1]
    return max(whole, key=lambda box: box[2] * box[3], default=None)


# ---- crop and resize ------------------------------------------------------------------------------------------------


def fitting(contract: Json, threads: int) -> tuple[str, Callable[[Array, Optional[Box]], Array]]:
    """What resizes here, and it: frame and face (None: the whole frame) to uint8 [1, height, width, channels].

    The host prepares its images with Pillow. OpenCV, where that is absent, filters differently.
    """
    try:
        from PIL import Image, __version__
    except ImportError:
        return fitting_by_opencv(contract, opencv(threads))
    (height, width), kernel = contract["size"], Image.Resampling[contract["resize"].upper()]

    def fit(frame: Array, face: Optional[Box]) -> Array:
        part, edges = around(frame, face, contract["margin"])
        gray = contract["color"] == "gray"
        image = Image.fromarray(contiguous(part[..., ::-1] if gray else part))
        image = image.crop(edges) if edges else image  # black outside of the frame
        scaled = (image.convert("L") if gray else image).resize((width, height), kernel)
        return in_order(scaled, contract)

    return f"Pillow {__version__}, {contract['resize']}", fit


def fitting_by_opencv(contract: Json, cv2: Any) -> tuple[str, Callable[[Array, Optional[Box]], Array]]:
    height, width = contract["size"]
    kernels = {"box": "AREA", "bilinear": "LINEAR", "bicubic": "CUBIC", "lanczos": "LANCZOS4"}
    enlarging = kernels[contract["resize"]]

    def fit(frame: Array, face: Optional[Box]) -> Array:
        part, edges = around(frame, face, contract["margin"])
        if edges:
            left, top, right, bottom = edges
            rows, columns = part.shape[:2]
            before, after = (max(0, -top), max(0, -left)), (max(0, bottom - rows), max(0, right - columns))
            part = part[max(0, top) : bottom, max(0, left) : right]
            part = cv2.copyMakeBorder(part, before[0], after[0], before[1], after[1], cv2.BORDER_CONSTANT)
        if contract["color"] == "gray":
            part = cv2.cvtColor(contiguous(part), cv2.COLOR_BGR2GRAY)
        shrinks = part.shape[0] >= height and part.shape[1] >= width
        kernel = getattr(cv2, "INTER_AREA" if shrinks else f"INTER_{enlarging}")
        return in_order(cv2.resize(part, (width, height), interpolation=kernel), contract)

    return f"OpenCV {cv2.__version__}, area to shrink and {enlarging.lower()} to enlarge", fit


def around(frame: Array, face: Optional[Box], margin: float) -> tuple[Array, Optional[tuple[int, int, int, int]]]:
    """The part of the frame that holds the face with its margin, and where its edges are in that part."""
    if face is None:
        return frame, None
    left, top, width, height = face
    x, y = margin * width, margin * height
    edges = [round(edge) for edge in (left - x, top - y, left + width + x, top + height + y)]
    first_row, first_column = max(0, edges[1]), max(0, edges[0])
    part = frame[first_row : max(0, edges[3]), first_column : max(0, edges[2])]
    return part, (edges[0] - first_column, edges[1] - first_row, edges[2] - first_column, edges[3] - first_row)


def contiguous(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels)


def in_order(scaled: Any, contract: Json) -> Array:
    """Pixels of a picture that is blue first, or gray, in the contract's order."""
    height, width = contract["size"]
    pixels = np.asarray(scaled).reshape(1, height, width, -1)
    return pixels[..., ::-1] if contract["color"] == "rgb" else pixels


# ---- the block ------------------------------------------------------------------------------------------------------


class Pipeline:
    """Everything that a frame goes through. A frame without a face ends after the search for one."""

    def __init__(self, task: Json, runtime: Any, affine: Json) -> None:
        asked, started = task["detector"], time.perf_counter_ns()
        self.detector = detector(asked["name"], asked.get("model") or "", task["threads"], asked.get("width"))
        self.load_ns = time.perf_counter_ns() - started
        self.resize, self.fit = fitting(task["contract"], task["threads"])
        self.runtime, self.affine, self.faces, self.size = runtime, affine, 0, (0, 0)

    def run(self, read: Callable[[], Array]) -> tuple[list[int], bool]:
        """Nanoseconds of each stage as far as the frame got, and whether the model saw it."""
        clock = time.perf_counter_ns
        marks = [clock()]
        frame = read()
        marks.append(clock())
        face, self.size = None, frame.shape[1::-1]
        if self.detector:
            boxes = self.detector.find(frame)
            face = largest(boxes)
            marks.append(clock())
            self.faces = len(boxes)
            if face is None:
                return marks, False
        else:
            marks.append(marks[-1])
        pixels = self.fit(frame, face)
        marks.append(clock())
        (item,) = self.runtime.prepare(pixels, self.affine)
        marks.append(clock())
        self.runtime.invoke(item)
        marks.append(clock())
        return marks, True


def block(task: Json, agent: Any) -> Json:
    """One block in this fresh process: load, every frame once, warm-up, then timed rounds of all frames."""
    started_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    settings = task["settings"]
    runtime, version, load_ns = agent.load(task)
    pipeline = Pipeline(task, runtime, task["affine"])
    asked = task["frames"]
    source = SOURCES[asked["kind"]](asked["path"], asked["count"], task["threads"])
    if not len(source):
        raise Refused("there is no frame")
    shown, digest = look(pipeline, source)
    times_ns, faces, seen, sizes = zip(*shown)  # noqa: B905 (strict is of Python 3.10)
    gc.collect()
    gc.disable()
    source.seek(seen.index(True) if any(seen) else 0)
    frame = source.read()
    warmup, steady = agent.warm_up(lambda _: pipeline.run(lambda: frame), [None], settings)
    before = agent.telemetry()
    stages_ns, totals_ns = timed(pipeline, source, settings["measure_s"], settings["min_invocations"])
    after = agent.telemetry()
    gc.enable()
    used = [stage for stage in STAGES if any(stages_ns[stage]) and (stage != "decode" or source.encoded)]
    return {
        "runtime_version": version,
        "path": runtime.path,
        "started_at": started_at,
        "load_ns": load_ns,
        "detector_load_ns": pipeline.load_ns,
        "detector_version": pipeline.detector.version if pipeline.detector else "",
        "detector_settings": pipeline.detector.settings if pipeline.detector else {},
        "resize": pipeline.resize,
        "frame_size": min(sizes),
        "widest_frame_size": max(sizes),
        "faces": faces if pipeline.detector else [],
        "first_ns": times_ns[0],
        "warmup_invocations": warmup,
        "steady": steady,
        "before": before,
        "latencies_ns": totals_ns,
        "stages_ns": {stage: stages_ns[stage] for stage in used},
        "after": after,
        "peak_rss_bytes": agent.peak_rss_bytes(),
        "outputs": [],
        "outputs_sha256": digest,
    }


def look(pipeline: Pipeline, source: Raw) -> tuple[list[tuple[int, int, bool, tuple[int, int]]], str]:
    """Of each frame its nanoseconds, its faces, whether one was analysed, its width and height; the answers' hash."""
    digest, shown = hashlib.sha256(), []
    for place in range(len(source)):
        source.seek(place)
        marks, analysed = pipeline.run(source.read)
        shown.append((marks[-1] - marks[0], pipeline.faces, analysed, pipeline.size))
        for output in pipeline.runtime.outputs() if analysed else []:
            if not np.isfinite(output).all():
                raise Refused(f"the answer to frame {place} is not finite")
            digest.update(output.astype("<f4").tobytes())
    return shown, digest.hexdigest()


def timed(pipeline: Pipeline, source: Raw, least_s: float, least: int) -> tuple[dict[str, list[int]], list[int]]:
    """Nanoseconds of each stage and of the whole, frame by frame: whole rounds of all frames until both minima are met,
    so that every block weighs every frame alike. A stage that a frame did not reach took none."""
    clock = time.perf_counter_ns
    stages_ns: dict[str, list[int]] = {stage: [] for stage in STAGES}
    totals_ns: list[int] = []
    deadline = clock() + int(least_s * 1e9)
    for place in itertools.cycle(range(len(source))):
        source.seek(place)
        start = clock()
        marks, _ = pipeline.run(source.read)
        stop = clock()
        totals_ns.append(stop - start)
        marks += [marks[-1]] * (len(STAGES) + 1 - len(marks))
        for k, stage in enumerate(STAGES):
            stages_ns[stage].append(marks[k + 1] - marks[k])
        if place == len(source) - 1 and len(totals_ns) >= least and stop >= deadline:
            return stages_ns, totals_ns
    raise AssertionError("a cycle has no end")
