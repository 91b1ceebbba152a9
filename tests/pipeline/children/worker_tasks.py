"""Tasks for test_workers.py, importable in a child process."""

import os
import signal
import time
from collections.abc import Callable

from edgebench.errors import ConversionError


def double(report: Callable[[int, int, str], None], number: int) -> int:
    report(1, 1, f"doubling {number}")
    print("noise on stdout")
    os.write(1, b"noise on fd 1\n")
    return 2 * number


def refuse(report: object, why: str) -> None:
    raise ConversionError(why, subject="net", fix="use another")


def surprise(report: object) -> None:
    raise ZeroDivisionError("first line\nlast line")


def crash(report: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def vanish(report: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def be_refused(report: object, number: int, file: str) -> None:
    raise OSError(number, os.strerror(number), file)


def overeat(report: object) -> None:
    bytearray(1 << 62)


KEPT = []


def keep(report: object, n_bytes: int) -> int:
    """The process, which holds so much more from now on."""
    KEPT.append(b"x" * n_bytes)
    return os.getpid()


def sleep(report: Callable[[int, int, str], None], seconds: float) -> None:
    report(0, 1, str(os.getpid()))
    time.sleep(seconds)


def run_onnx(report: object) -> float:
    import onnxruntime
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return float(onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": [2.0]})[0][0])


def oom_score(report: object) -> int:
    with open("/proc/self/oom_score_adj") as file:
        return int(file.read())


def tell_slowly(report: Callable[[int, int, str], None], times: int) -> int:
    for time_ in range(times):
        time.sleep(0.3)
        report(time_ + 1, times, "still here")
    return times


def import_triton(report: object) -> None:
    import triton  # noqa: F401
