"""The only code that loads and invokes a variant: one file, shipped to the device as it is.

`python edgebench_agent.py TASK.json` (or `-`: the task is one line on stdin) answers with one JSON line on
stdout and exit code 0, or with {"error": {type, message, where}} and 1. Tasks: describe, predict,
predict_all, bench, frames, schedule, and those of the files beside it (SIBLINGS).
Needs Python 3.9, numpy and the runtime asked for; the host imports `to_input` from it and nothing else.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import itertools
import json
import os
import platform
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from datetime import datetime, timezone
from glob import glob
from typing import Any, Callable, Iterator

SCHEMA = 1
Json = dict[str, Any]
Array = Any  # a numpy array; numpy is imported where it is used, so that importing this file costs nothing

CHUNK = 16  # images prepared at a time: memory stays flat however many there are
WARMUP_WINDOWS = 5  # in the shortest warm-up
CLOCK_NOISE_NS = 1_000  # medians closer than this are the same whatever their ratio
MANY_INVOCATIONS = 200_000  # only the null runtime gets there; its record should stay small
RAMP_S = 0.2  # a governor that samples every 100 ms has reached its speed by then
PAUSE_S = 0.5  # before a block is measured again
BLOCK_LIMIT_S = 900.0
INTERRUPTED = 130


class Refused(Exception):
    """The task cannot be done as asked."""


# ---- input ----------------------------------------------------------------------------------------------------------


def to_input(images: Array, affine: Json) -> Array:
    """uint8 images as the float tensor a model takes: `x * scale + offset`, then the layout.

    Args:
        images: uint8 [samples, height, width, channels].
        affine: {"layout": "nhwc" or "nchw", "scale": [one per channel], "offset": [one per channel]}.

    Returns:
        float32 [samples, height, width, channels], or [samples, channels, height, width] for nchw.
    """
    import numpy as np

    scale, offset = (np.asarray(affine[key], np.float32) for key in ("scale", "offset"))
    if affine["layout"] == "nchw":
        tensor = images.transpose(0, 3, 1, 2).astype(np.float32, order="C")
        rows, scale, offset = tensor, scale.reshape(-1, 1, 1), offset.reshape(-1, 1, 1)
    else:
        # Whole rows at once: numpy is ten times slower when it broadcasts over three channels.
        tensor = images.astype(np.float32, order="C")
        samples, height, width, channels = images.shape
        rows = tensor.reshape(samples, height, width * channels)
        scale, offset = np.tile(scale, width), np.tile(offset, width)
    rows *= scale
    rows += offset
    return tensor


def quantized(tensor: Array, dtype: Any, scale: float, zero_point: int) -> Array:
    """round(x / scale) + zero point, saturated to the integer type's range."""
    import numpy as np

    limits = np.iinfo(dtype)
    return np.clip(np.rint(tensor / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)


def to_quantized_input(images: Array, affine: Json, dtype: Any, scale: float, zero_point: int) -> Array:
    """`quantized(to_input(images))` by table: a pixel has 256 values, so each is worked out once per channel."""
    import numpy as np

    channels = images.shape[-1]
    values = np.arange(256, dtype=np.uint8).reshape(1, 256, 1, 1).repeat(channels, axis=-1)
    tables = quantized(to_input(values, dict(affine, layout="nhwc")), dtype, scale, zero_point).reshape(256, channels)
    if affine["layout"] == "nchw":
        return np.stack([looked_up(images[..., c], tables[:, c]) for c in range(channels)], axis=1)
    if (tables == tables[:, :1]).all():
        return looked_up(images, tables[:, 0])
    return np.stack([looked_up(images[..., c], tables[:, c]) for c in range(channels)], axis=-1)


def looked_up(pixels: Array, table: Array) -> Array:
    import numpy as np

    if table.itemsize > 1:
        return table.take(pixels)
    # Bytes translate themselves twice as fast as numpy takes them.
    return np.frombuffer(pixels.tobytes().translate(table.tobytes()), table.dtype).reshape(pixels.shape)


# ---- runtimes -------------------------------------------------------------------------------------------------------


class Runtime:
    """A loaded model. `invoke` takes one item of `prepare` and is all that is ever timed.

    `path` says what really executes; `dtype`, `shape`, `scale` and `zero_point` are the model input's.
    """

    path = ""
    dtype: Any = "float32"
    shape: tuple[Any, ...] = ()
    scale, zero_point = 0.0, 0

    def __init__(self, module: Any, model: str, threads: int) -> None:
        pass

    def prepare(self, images: Array, affine: Json) -> list[Any]:
        """uint8 [samples, height, width, channels] as one model input, a batch of one, per sample."""
        import numpy as np

        dtype = np.dtype(self.dtype)
        if dtype.kind == "f":
            tensor = to_input(images, affine).astype(dtype, copy=False)
        elif self.scale > 0:
            tensor = to_quantized_input(images, affine, dtype, self.scale, self.zero_point)
        else:
            raise Refused(f"the model takes {dtype.name} without saying its scale")
        if not fits(tensor.shape, self.shape):
            raise Refused(f"the model takes {list(self.shape)}, the images give {[1, *tensor.shape[1:]]}")
        return [tensor[i : i + 1] for i in range(len(tensor))]

    def invoke(self, item: Any) -> None:
        pass

    def outputs(self) -> list[Array]:
        """Of the last invocation: one float32 [1, width] per output, dequantized."""
        return []


def fits(shape: tuple[int, ...], wanted: tuple[Any, ...]) -> bool:
    """True when each dimension is the wanted one; the batch and dimensions without a number are free."""
    pairs = itertools.zip_longest(shape[1:], wanted[1:])
    return all(have == want or (have and not (isinstance(want, int) and want > 0)) for have, want in pairs)


def as_row(array: Array) -> Array:
    import numpy as np

    return np.asarray(array, np.float32).reshape(1, -1)


class Litert(Runtime):
    def __init__(self, module: Any, model: str, threads: int) -> None:
        self.interpreter = module.Interpreter(model_path=model, num_threads=threads)
        self.interpreter.allocate_tensors()
        (entry,) = self.interpreter.get_input_details()
        self.index, self.dtype = entry["index"], entry["dtype"]
        self.shape = tuple(int(n) for n in entry["shape"])
        self.scale, self.zero_point = entry["quantization"]
        self.exits = self.interpreter.get_output_details()
        # Losing XNNPACK changes int8 answers more than another processor family does, so say which path runs.
        parts = [op["op_name"] for op in self.interpreter._get_ops_details()].count("DELEGATE")
        self.path = f"XNNPACK in {parts} part(s)" if parts else "built-in kernels"

    def invoke(self, item: Any) -> None:
        self.interpreter.set_tensor(self.index, item)
        self.interpreter.invoke()

    def outputs(self) -> list[Array]:
        rows = []
        for entry in self.exits:
            row = as_row(self.interpreter.get_tensor(entry["index"]))
            scale, zero_point = entry["quantization"]
            rows.append((row - zero_point) * row.dtype.type(scale) if scale else row)
        return rows


class Onnxruntime(Runtime):
    def __init__(self, module: Any, model: str, threads: int) -> None:
        options = module.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self.session = module.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (entry,) = self.session.get_inputs()
        self.name, self.shape = entry.name, tuple(entry.shape)
        kind = entry.type[len("tensor(") : -1]
        self.dtype = {"float": "float32", "double": "float64"}.get(kind, kind)
        self.path = ", ".join(self.session.get_providers())

    def invoke(self, item: Any) -> None:
        self.answers = self.session.run(None, {self.name: item})

    def outputs(self) -> list[Array]:
        return [as_row(answer) for answer in self.answers]


class Coreml(Runtime):
    """macOS decides on threads itself; which compute units it may use is all it says."""

    def __init__(self, module: Any, model: str, threads: int) -> None:
        self.model = module.models.MLModel(model)
        description = self.model.get_spec().description
        (entry,) = description.input
        self.name, self.shape = entry.name, tuple(entry.type.multiArrayType.shape)
        self.names = [output.name for output in description.output]
        self.path = f"CoreML {self.model.compute_unit.name}"

    def invoke(self, item: Any) -> None:
        self.answer = self.model.predict({self.name: item})

    def outputs(self) -> list[Array]:
        return [as_row(self.answer[name]) for name in self.names]


class Null(Runtime):
    """Does nothing: what is measured is our own overhead."""

    path = "nothing"

    def prepare(self, images: Array, affine: Json) -> list[Any]:
        return list(images)


class Sleep(Null):
    """Takes as long as its model file says: what is measured is our own truthfulness."""

    path = "planted sleep"

    def __init__(self, module: Any, model: str, threads: int) -> None:
        with open(model, encoding="utf-8") as file:
            self.sleep_s = json.load(file)["sleep_ms"] / 1000

    def invoke(self, item: Any) -> None:
        deadline = time.perf_counter() + self.sleep_s
        # The system wakes a sleeper late, so the last two milliseconds are spent awake.
        time.sleep(max(0.0, self.sleep_s - 0.002))
        while time.perf_counter() < deadline:
            pass


RUNTIMES: dict[str, type[Runtime]] = {
    "litert": Litert,
    "onnxruntime": Onnxruntime,
    "coreml": Coreml,
    "null": Null,
    "sleep": Sleep,
}
PROVIDERS: dict[str, tuple[tuple[str, str], ...]] = {  # runtime -> (distribution, module) of what brings it, best first
    "litert": (("ai-edge-litert", "ai_edge_litert.interpreter"), ("tflite-runtime", "tflite_runtime.interpreter")),
    "onnxruntime": (("onnxruntime", "onnxruntime"), ("onnxruntime-gpu", "onnxruntime")),
    "coreml": (("coremltools", "coremltools"),) if sys.platform == "darwin" else (),
}


def provider(runtime: str) -> tuple[str, str] | None:
    """Module and version of what brings a runtime here, None where nothing does; imports nothing of it."""
    import importlib.metadata  # a third of the time that this file takes to start, which most of its tasks can save

    for package, module in PROVIDERS[runtime]:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(package)
            return module, version if package == PROVIDERS[runtime][0][0] else f"{package} {version}"
    return None


def load(task: Json) -> tuple[Runtime, str, int]:
    """The loaded model, its runtime's version, and nanoseconds of loading (importing the runtime is no part of it)."""
    name = task["runtime"]
    if name not in RUNTIMES:
        raise Refused(f"no runtime {name!r} (known: {', '.join(RUNTIMES)})")
    if task.get("affinity") and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["affinity"])
    module, version = None, ""
    if name in PROVIDERS:
        brought = provider(name)
        if brought is None:
            raise Refused(f"the runtime {name} is not installed for {sys.executable}")
        module, version = importlib.import_module(brought[0]), brought[1]
    start = time.perf_counter_ns()
    runtime = RUNTIMES[name](module, task.get("model") or "", task["threads"])
    return runtime, version, time.perf_counter_ns() - start


# ---- predict --------------------------------------------------------------------------------------------------------


def images_of(task: Json, start: int, stop: int) -> Array:
    import numpy as np

    # Mapped anew each time: pages of a mapping that stays open add up to the whole file.
    images = np.load(task["images"], mmap_mode="r")[start:stop]
    if len(images) == 0:
        raise Refused(f"no images {start} to {stop} in {task['images']}")
    return images


def predict(task: Json, emit: Callable[[Json], None]) -> Json:
    """Every output for the images start to stop, as output_0, output_1... float32 [samples, width] in one .npz."""
    return predicted(load(task)[:2], task)


def predict_all(task: Json, emit: Callable[[Json], None]) -> Json:
    """`predict` for each of the shards that no other process of the team has claimed.

    The team shares the folder `claims`, so that a fast core takes more. A model stays loaded from one shard to the
    next. Emits {"shard": its place} where one begins, and that with its answer or error where it ends.
    """
    loaded, model = None, None
    for place, shard in enumerate(task["shards"]):
        if not claimed(os.path.join(task["claims"], str(place))):
            continue
        emit({"shard": place})
        try:
            if loaded is None or model != (shard["runtime"], shard["model"]):
                loaded, model = None, (shard["runtime"], shard["model"])  # the old one goes before the new one comes
                loaded = load(shard)[:2]
            emit({"shard": place, "answer": predicted(loaded, shard)})
        except Exception as error:
            emit({"shard": place, "error": failure(error)})
    return {"shards": len(task["shards"])}


def claimed(path: str) -> bool:
    """True for the one process that comes first."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def predicted(loaded: tuple[Runtime, str], task: Json) -> Json:
    import numpy as np

    (runtime, version), started = loaded, time.monotonic()
    start, samples = task["start"], task["stop"] - task["start"]
    if len(images_of(task, start, task["stop"])) < samples:
        raise Refused(f"{task['images']} ends before image {task['stop']}")
    outputs: list[Array] = []
    invoke_ns = 0
    for first in range(0, samples, CHUNK):
        images = images_of(task, start + first, start + min(first + CHUNK, samples))
        for i, item in enumerate(runtime.prepare(images, task["affine"]), first):
            began = time.perf_counter_ns()
            runtime.invoke(item)
            invoke_ns += time.perf_counter_ns() - began
            rows = runtime.outputs()
            outputs = outputs or [np.empty((samples, row.size), np.float32) for row in rows]
            for k, row in enumerate(rows):
                outputs[k][i] = row
    save(task["output"], outputs)
    nonfinite = [np.flatnonzero(~np.isfinite(output).all(axis=1)) for output in outputs]
    return {
        "runtime_version": version,
        "path": runtime.path,
        "shapes": [list(output.shape) for output in outputs],
        "nonfinite": [start + int(rows[0]) if len(rows) else None for rows in nonfinite],
        "invoke_ns": invoke_ns,
        "elapsed_s": time.monotonic() - started,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def save(path: str, outputs: list[Array]) -> None:
    import numpy as np

    with open(path + ".part", "wb") as file:
        np.savez(file, **{f"output_{k}": output for k, output in enumerate(outputs)})
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


# ---- bench ----------------------------------------------------------------------------------------------------------


def bench(task: Json, emit: Callable[[Json], None]) -> Json:
    """One block in this fresh process: load, first inference, warm-up, timed invocations, the answers themselves."""
    least_s, least = task["settings"]["measure_s"], task["settings"]["min_invocations"]
    return block(task, lambda invoke, items: {"latencies_ns": timed(invoke, items, least_s, least)})


def block(task: Json, measure: Callable[[Callable[[Any], None], list[Any]], Json]) -> Json:
    """A block whose timed part is `measure`, which takes how to invoke and what to cycle through."""
    started_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    settings = task["settings"]
    runtime, version, load_ns = load(task)
    items: list[Any] = [None]
    if task.get("images"):
        items = runtime.prepare(images_of(task, 0, settings["inputs"]), task["affine"])
    (first_ns,) = timed(runtime.invoke, items[:1], 0, 1)
    gc.collect()
    gc.disable()
    warmup_invocations, steady = warm_up(runtime.invoke, items, settings)
    # Around the timed invocations only: loading and warming up would dilute what others did meanwhile.
    before = telemetry()
    measured = measure(runtime.invoke, items)
    after = telemetry()
    power = conditions().power(runtime.invoke, items, sys.modules[__name__])
    gc.enable()
    peak = peak_rss_bytes()
    outputs, outputs_sha256 = answers(runtime, items)
    return {
        "runtime_version": version,
        "path": runtime.path,
        "started_at": started_at,
        "load_ns": load_ns,
        "first_ns": first_ns,
        "warmup_invocations": warmup_invocations,
        "steady": steady,
        "before": before,
        **measured,
        "after": after,
        "power": power,
        "peak_rss_bytes": peak,
        "outputs": outputs,
        "outputs_sha256": outputs_sha256,
    }


def frames(task: Json, emit: Callable[[Json], None]) -> Json:
    """One block of whole frames, from the camera's to the answer, by the file beside this one."""
    answer: Json = beside("edgebench_pipeline").block(task, sys.modules[__name__])
    return answer


def timed(invoke: Callable[[Any], None], items: list[Any], least_s: float, least_invocations: int) -> list[int]:
    """Nanoseconds of each invocation, until both minima are met."""
    clock = time.perf_counter_ns
    latencies_ns: list[int] = []
    deadline = clock() + int(least_s * 1e9)
    for item in itertools.cycle(items):
        start = clock()
        invoke(item)
        stop = clock()
        latencies_ns.append(stop - start)
        if len(latencies_ns) >= least_invocations and (stop >= deadline or len(latencies_ns) >= MANY_INVOCATIONS):
            break
    return latencies_ns


def warm_up(invoke: Callable[[Any], None], items: list[Any], settings: Json) -> tuple[int, bool]:
    """Invokes for the least time and until the medians of two windows in a row agree, or the longest time is over.

    Returns:
        The number of invocations, and whether they became steady.
    """
    least_s, most_s, change = (settings[key] for key in ("warmup_s", "max_warmup_s", "steady_change"))
    began = time.monotonic()
    count, previous = 0, 0
    while True:
        window = timed(invoke, items, least_s / WARMUP_WINDOWS, 3)
        count += len(window)
        median = sorted(window)[len(window) // 2]
        steady = abs(median - previous) <= max(change * previous, CLOCK_NOISE_NS)
        elapsed = time.monotonic() - began
        if previous and steady and elapsed >= least_s:
            return count, True
        if previous and elapsed >= most_s:  # one window of a slow model may outlast it
            return count, False
        previous = median


def answers(runtime: Runtime, items: list[Any]) -> tuple[list[list[list[float]]], str]:
    """outputs[output][item][value], and the sha256 of all their float32 bytes, output after output."""
    import numpy as np

    per_item = []
    for item in items:
        runtime.invoke(item)
        per_item.append(runtime.outputs())
    outputs = [np.concatenate([rows[k] for rows in per_item]) for k in range(len(per_item[0]))]
    digest = hashlib.sha256()
    for k, output in enumerate(outputs):
        if not np.isfinite(output).all():
            raise Refused(f"output {k} is not finite")
        digest.update(output.astype("<f4").tobytes())
    return [output.tolist() for output in outputs], digest.hexdigest()


def peak_rss_bytes() -> int:
    # Linux counts the parent's memory at the time of the fork into ru_maxrss; VmHWM is this program's alone.
    kibibytes = number(r"VmHWM:\s*(\d+)", text_of("/proc/self/status"))
    if kibibytes is not None:
        return kibibytes * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# ---- the machine ----------------------------------------------------------------------------------------------------

FEATURES = (
    "sse4_2 fma f16c avx avx2 avx_vnni avx512f avx512bw avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 "
    "neon asimd asimddp asimdhp fphp i8mm bf16 sve sve2"
)
ARM_PARTS = {"0xd03": "Cortex-A53", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72", "0xd0b": "Cortex-A76"}
BOARD = "/sys/firmware/devicetree/base/model"  # what a board calls itself
CPUFREQ = "/sys/devices/system/cpu/cpu{}/cpufreq/scaling_{}"
GOVERNORS = "governor.json"  # in edgebench's folder on a board: what was before, while another one is set
THERMAL = "/sys/class/thermal/thermal_zone*/temp"
HWMON = "/sys/class/hwmon/hwmon*"


def text_of(path: str) -> str:
    """A small file of the system's, '' where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip("\0\n ")
    except OSError:
        return ""


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1).strip() if match else ""


def number(pattern: str, text: str, base: int = 10) -> int | None:
    digits = found(pattern, text)
    return int(digits, base) if digits else None


def describe(task: Json, emit: Callable[[Json], None]) -> Json:
    """What two runs must share to be compared."""
    if os.path.exists(GOVERNORS):
        conditions().restore_left(".", sys.modules[__name__])
    cpuinfo, board = text_of("/proc/cpuinfo"), text_of(BOARD)
    core = found(r"^model name\s*:(.*)", cpuinfo) or ARM_PARTS.get(found(r"^CPU part\s*:(.*)", cpuinfo), "")
    flags = set(found(r"^(?:flags|Features)\s*:(.*)", cpuinfo).split())
    device = {
        "machine": platform.machine(),
        "system": platform.platform(),
        "board": board,
        "processor": (core or platform.processor()) + (f" ({board})" if board else ""),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "word_bits": struct.calcsize("P") * 8,
        "kernel_bits": 64 if "64" in platform.machine() else 32,
        "features": sorted(flags & set(FEATURES.split())),
        "governor": text_of(CPUFREQ.format(0, "governor")),
        "virtualized": text_of("/sys/hypervisor/type") or ("hypervisor" if "hypervisor" in flags else ""),
        "python": platform.python_version(),
        "runtimes": {runtime: brought[1] for runtime in PROVIDERS if (brought := provider(runtime))},
    }
    return {"device": device, "now_s": time.time()}


def telemetry() -> Json:
    """The machine's state now. What a machine does not tell is None or an empty table."""
    governor = text_of(CPUFREQ.format(0, "governor"))
    if governor not in ("", "performance"):
        ramp_up()
    busy_s, steal_s = processor_s(text_of("/proc/stat"))
    kibibytes = number(r"MemAvailable:\s*(\d+)", text_of("/proc/meminfo"))
    return {
        "monotonic_s": time.monotonic(),
        "busy_s": busy_s,
        "steal_s": steal_s,
        "own_s": sum(os.times()[:4]),
        "governor": governor,
        "frequency_khz": numbers(CPUFREQ.format("[0-9]*", "cur_freq")),
        "millicelsius": numbers(THERMAL),
        "throttled": throttled(),
        "load_1min": os.getloadavg()[0],
        "processor_pressure_us": number(r"some.*total=(\d+)", text_of("/proc/pressure/cpu")),
        "memory_pressure_us": number(r"some.*total=(\d+)", text_of("/proc/pressure/memory")),
        "available_bytes": None if kibibytes is None else kibibytes * 1024,
    }


def ramp_up() -> None:
    """Works until a governor that follows the load has seen it: an idle processor's clock says nothing."""
    deadline = time.monotonic() + RAMP_S
    while time.monotonic() < deadline:
        pass


def processor_s(stat: str) -> tuple[float | None, float | None]:
    """Seconds all processors worked, and seconds a hypervisor kept from them, since boot (/proc/stat)."""
    ticks = [int(n) for n in found(r"^cpu +(.*)", stat).split()]
    if len(ticks) < 8:
        return None, None
    user, nice, system, _, _, irq, softirq, steal = ticks[:8]
    per_s = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / per_s, steal / per_s


def numbers(pattern: str) -> dict[str, int]:
    """Path -> number of every such file that holds one."""
    texts = {path: text_of(path) for path in sorted(glob(pattern))}
    return {path: int(text) for path, text in texts.items() if text.lstrip("-").isdigit()}


def throttled() -> int | None:
    """The Raspberry Pi's throttle bits; None on other boards, or when the firmware does not answer."""
    if not shutil.which("vcgencmd"):
        return voltage_alarm()
    try:
        text = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=2).stdout
    except (subprocess.TimeoutExpired, OSError):
        return None
    return throttle_bits(text)


def voltage_alarm() -> int | None:
    """Of the throttle bits the first, which a Raspberry Pi's kernel tells too; None on other boards."""
    for path in glob(HWMON + "/name"):
        if text_of(path) == "rpi_volt":
            return number(r"(\d)", text_of(os.path.join(os.path.dirname(path), "in0_lcrit_alarm")))
    return None


def throttle_bits(text: str) -> int | None:
    return number(r"throttled=0x([0-9a-fA-F]+)", text, base=16)


# ---- schedule -------------------------------------------------------------------------------------------------------


def schedule(task: Json, emit: Callable[[Json], None]) -> Json:
    """Measures the blocks that the journal does not hold yet, one at a time, and appends a line for each."""
    with locked(task["journal"] + ".lock"), prepared(task) as task:
        done = measured_blocks(task["journal"], task["job"])
        todo = [block for block in task["blocks"] if block["id"] not in done]
        progress = {"done": len(task["blocks"]) - len(todo), "total": len(task["blocks"])}
        emit(progress)
        errors = []
        for block in todo:
            line = measure(task, block, lambda text: emit({**progress, "block": text}))
            append(task["journal"], line)
            progress["done"] += 1
            emit({**progress, "block": block["id"], "failed": "error" in line})
            if "error" in line:
                errors.append({"block": block["id"], **line["error"]})
    return {"job": task["job"], "total": progress["total"], "errors": errors}


@contextlib.contextmanager
def prepared(task: Json) -> Iterator[Json]:
    """The task with the conditions made as far as they can be; as they were again afterwards, and when stopped."""
    me, home = sys.modules[__name__], os.path.join(os.path.dirname(task["journal"]), "..")
    one_at_a_time = threading.RLock()  # a stop may come from another thread while the governor is being set

    def restore() -> None:
        with one_at_a_time:
            conditions().restore(home, me)

    at_stop.append(restore)
    try:
        with one_at_a_time:
            refused = conditions().prepare(home, task.get("governor"), me)
        yield {**task, "governor_refused": refused, "start_below_c": conditions().start_below_c(task, me)}
    finally:
        at_stop.remove(restore)
        restore()


def measure(task: Json, block: Json, tell: Callable[[str], None]) -> Json:
    """The journal's line of one block, repeated while it is vetoed and repeats are left."""
    line = {"schema": SCHEMA, "job": task["job"], "block": block["id"]}
    images = task["inputs"][block["inputs"]] if block.get("inputs") else {}
    ask = {"runtime": block["runtime"], "model": block["model"], "threads": block["threads"], **images}
    what = {"task": task.get("measures", "bench"), "settings": task["settings"], "affinity": task.get("affinity")}
    # How the board slows down is what a soak is to find out.
    judge, most = (
        (conditions().intrusions, 1) if what["task"] == "soak" else (conditions().vetoes, task["veto"]["repeats"] + 1)
    )
    vetoed: list[str] = []
    below_c, cooled_s = task["start_below_c"], 0.0
    for attempt in range(1, most + 1):
        waited_s, warm = conditions().cool_down(sys.modules[__name__], below_c, tell)
        cooled_s += waited_s
        answer = in_child({**ask, **what})
        if "error" in answer:
            return {**line, "error": answer["error"]}
        reasons = judge(answer["before"], answer["after"], task["veto"])
        if not reasons or attempt == most:
            break
        vetoed += reasons
        if conditions().overheated(answer["before"], answer["after"], task["veto"]):
            below_c = conditions().relief_c(task["start_below_c"], answer["after"])
        time.sleep(PAUSE_S)
    reasons += [warm] if warm else []
    if not answer.pop("steady"):
        reasons.append(f"not steady after {task['settings']['max_warmup_s']:g} s of warm-up")
    outputs = answer.pop("outputs")
    del answer["schema"]
    measured = {key: block[key] for key in ("variant", "runtime", "threads", "round", "position")}
    governor = {"governor_wanted": task.get("governor") or "", "governor_refused": task["governor_refused"]}
    measured.update(answer, attempt=attempt, vetoes=vetoed, disturbed=reasons, cooled_s=cooled_s, **governor)
    return {**line, "measured": measured, "outputs": outputs}


def in_child(task: Json) -> Json:
    """The answer of a fresh process of this file. Its standard input stays open as long as we live."""
    argv = [sys.executable, os.path.abspath(__file__), "-"]
    began = time.monotonic()
    with tempfile.TemporaryFile() as noise:
        with subprocess.Popen(argv, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            children.append(child)
            limit = threading.Timer(BLOCK_LIMIT_S + task["settings"].get("soak_s", 0.0), child.kill)
            limit.start()
            with contextlib.suppress(BrokenPipeError):  # it died before it read; its end is told below
                child.stdin.write(json.dumps({**task, "lifeline": True}).encode() + b"\n")
            text = child.stdout.read()
        limit.cancel()
        children.remove(child)
        noise.seek(0)
        last_words = noise.read()[-500:].decode(errors="replace")
    try:
        answer: Json = json.loads(text)
    except ValueError:
        message = f"{ending(child.returncode)} after {time.monotonic() - began:.1f} s: {last_words}"
        answer = {"error": {"type": "BlockDied", "message": message, "where": "block"}}
    return answer


def ending(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with {returncode}"
    return f"killed by {signal.Signals(-returncode).name}"


def measured_blocks(journal: str, job: str) -> set[str]:
    """Blocks that need no second run. A torn last line is cut off, so that the next one starts on its own."""
    if not os.path.exists(journal):
        return set()
    with open(journal, "r+b") as file:
        text = file.read()
        file.truncate(text.rfind(b"\n") + 1)
    lines = [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]
    return {line["block"] for line in lines if line["job"] == job and "measured" in line}


def append(journal: str, line: Json) -> None:
    with open(journal, "ab") as file:
        file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """The system lets go of the lock when this process ends, however it ends."""
    import fcntl

    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another schedule holds {path}") from None
        yield


# ---- front door -----------------------------------------------------------------------------------------------------

SIBLINGS = {
    "soak": "edgebench_conditions",
    **dict.fromkeys(("start", "supervise", "follow", "jobs", "cancel"), "edgebench_job"),
    "place": "edgebench_files",
    **dict.fromkeys(("examine", "unpack", "clean"), "edgebench_board"),
}


def beside(name: str) -> Any:
    """The module of a file in our folder."""
    folder = os.path.dirname(os.path.abspath(__file__))
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def conditions() -> Any:
    """The file beside this one that cools, clocks and weighs."""
    return beside("edgebench_conditions")


def by_sibling(task: Json, emit: Callable[[Json], None]) -> Json:
    """A task of a file beside this one, which is shipped only where it is needed."""
    answer: Json = getattr(beside(SIBLINGS[task["task"]]), task["task"])(task, emit, sys.modules[__name__])
    return answer


TASKS = {
    "describe": describe,
    "predict": predict,
    "predict_all": predict_all,
    "bench": bench,
    "frames": frames,
    "schedule": schedule,
    **dict.fromkeys(SIBLINGS, by_sibling),
}
children: list[Any] = []
at_stop: list[Callable[[], None]] = []


def stop(*_: Any) -> None:
    """Ends this process and its block at once; the journal holds what is finished."""
    for child in children:
        child.kill()
    for undo in at_stop:
        undo()
    os._exit(INTERRUPTED)


def hold_lifeline(silence_s: float | None) -> None:
    """Whoever asked holds our standard input open; its end is theirs, and ours, and so is a long silence on it."""
    while select.select([0], [], [], silence_s)[0] and os.read(0, 65536):
        pass
    stop()


def failure(error: Exception) -> Json:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(last.filename)}:{last.lineno} in {last.name}"
    told = {"type": type(error).__name__, "message": str(error), "where": where}
    return {**told, "errno": error.errno} if isinstance(error, OSError) else told


def task_from(source: str) -> Json:
    if source == "-":
        task: Json = json.loads(sys.stdin.readline())
    else:
        with open(source, encoding="utf-8") as file:
            task = json.load(file)
    if task.get("schema", SCHEMA) != SCHEMA:
        raise Refused(f"a task of schema {task['schema']}: this agent speaks {SCHEMA}")
    if task["task"] not in TASKS:
        raise Refused(f"no task {task['task']!r} (known: {', '.join(TASKS)})")
    return task


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        sys.exit(__doc__)
    if "edgebench" in sys.modules:
        sys.exit("run the agent as a plain script: an imported edgebench would distort what it measures")
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what runtimes print to stdout must not end up in the answer

    def emit(value: Json) -> None:
        answer.write(json.dumps(value, allow_nan=False) + "\n")
        answer.flush()

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime's wheels send it otherwise
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        task = task_from(argv[1])
        # To follow a job is to read the lifeline oneself.
        if task["task"] != "follow" and task.get("lifeline", task["task"] == "schedule"):
            threading.Thread(target=hold_lifeline, args=[task.get("silence_s")], daemon=True).start()
        emit({"schema": SCHEMA, **TASKS[task["task"]](task, emit)})
        return 0
    except Exception as error:
        emit({"schema": SCHEMA, "error": failure(error)})
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
