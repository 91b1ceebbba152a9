from __future__ import annotations

import errno
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edgebench.errors import ConversionError, EdgebenchError, StoreError, SystemRefused, WorkerDied
from edgebench.pipeline.children import workers
from edgebench.pipeline.children.workers import Outcome, Task, _Worker, run_tasks


@pytest.fixture(autouse=True)
def _tasks_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def task(name: str, **arguments: object) -> Task:
    return Task(name, f"worker_tasks:{name}", arguments)


def outcomes(tmp_path: Path, *tasks: Task, jobs: int = 2) -> list[Outcome]:
    return list(run_tasks(tasks, jobs=jobs, log=tmp_path / "log"))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_every_task_is_answered_although_they_print(tmp_path: Path) -> None:
    done = outcomes(tmp_path, *(task("double", number=i) for i in range(5)))
    assert sorted(outcome.value for outcome in done) == [0, 2, 4, 6, 8]
    assert (tmp_path / "log").read_text().count("noise on fd 1") == 5


def test_reports_reach_the_caller(tmp_path: Path) -> None:
    seen = []
    list(run_tasks([task("double", number=4)], jobs=1, log=tmp_path / "log", on_report=lambda *r: seen.append(r[1:])))
    assert seen == [(1, 1, "doubling 4")]


def test_an_error_keeps_its_type_and_its_fix(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, task("refuse", why="no such operator"))
    assert isinstance(outcome.error, ConversionError)
    assert (outcome.error.problem, outcome.error.fix) == ("no such operator", "use another")


def test_a_surprise_names_itself_and_the_log(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, task("surprise"))
    assert isinstance(outcome.error, WorkerDied)
    assert "ZeroDivisionError: last line" in str(outcome.error)
    assert "Traceback" in (tmp_path / "log").read_text()


def test_a_native_crash_costs_one_task(tmp_path: Path) -> None:
    first, second = outcomes(tmp_path, task("crash"), task("double", number=1), jobs=1)
    assert "killed by SIGSEGV" in str(first.error)
    assert "memory" not in str(first.error)
    assert second.value == 2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what a process holds")
def test_a_child_that_keeps_too_much_is_replaced_for_the_next_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "KEPT_BYTES", 300_000_000)
    tasks = [task("keep", n_bytes=n_bytes) for n_bytes in (1, 400_000_000, 1, 1)]
    kept = [outcome.value for outcome in outcomes(tmp_path, *tasks, jobs=1)]
    assert kept[0] == kept[1] != kept[2] == kept[3]
    assert not alive(kept[0])


def test_a_child_killed_from_outside_suggests_what_helps_against_want_of_memory(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, task("vanish"))
    assert isinstance(outcome.error, WorkerDied)
    assert "killed by SIGKILL" in outcome.error.problem
    assert "--jobs 1" in outcome.error.fix
    assert str(tmp_path / "log") in outcome.error.fix


@pytest.mark.parametrize(
    ("name", "number", "kind", "subject"),
    [("ENOSPC", errno.ENOSPC, StoreError, "big.onnx"), ("EACCES", errno.EACCES, SystemRefused, "big.onnx")],
)
def test_what_the_system_refuses_a_child_keeps_its_name(
    tmp_path: Path, name: str, number: int, kind: type[EdgebenchError], subject: str
) -> None:
    (outcome,) = outcomes(tmp_path, task("be_refused", number=number, file=subject))
    assert type(outcome.error) is kind
    assert outcome.error.problem.capitalize() == os.strerror(number)
    assert outcome.error.subject == subject


def test_a_child_out_of_memory_is_no_bug(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, task("overeat"))
    assert isinstance(outcome.error, SystemRefused)
    assert (outcome.error.problem, outcome.error.subject) == ("out of memory", "overeat")


def test_a_log_on_a_full_disk_stops_no_child() -> None:
    (outcome,) = run_tasks([task("surprise")], jobs=1, log=Path("/dev/full"))
    assert "ZeroDivisionError: last line" in str(outcome.error)


def test_leaving_early_kills_the_children(tmp_path: Path) -> None:
    pids: list[int] = []

    def stop(_: Task, __: int, ___: int, detail: str) -> None:
        pids.append(int(detail))
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(run_tasks([task("sleep", seconds=60)], jobs=1, log=tmp_path / "log", on_report=stop))
    assert time.monotonic() - start < 10
    assert not alive(pids[0])


def test_a_worker_killed_before_its_child_is_there_starts_none(tmp_path: Path) -> None:
    worker = _Worker(tmp_path / "log")

    class LastTask(queue.SimpleQueue[Task]):
        def get_nowait(self) -> Task:
            worker.kill()
            return task("double", number=1)

    told: list[object] = []
    worker.serve(LastTask(), told.append)
    assert told == []
    assert worker.child is None


def test_killing_while_a_child_starts_ends_that_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = _Worker(tmp_path / "log")
    start, begun = worker._start, threading.Event()

    def slowly() -> subprocess.Popen[bytes]:
        begun.set()
        time.sleep(0.2)
        return start()

    monkeypatch.setattr(worker, "_start", slowly)
    todo: queue.SimpleQueue[Task] = queue.SimpleQueue()
    todo.put(task("sleep", seconds=60))
    thread = threading.Thread(target=worker.serve, args=(todo, lambda _: None))
    thread.start()
    begun.wait()
    worker.kill()
    thread.join(10)
    assert not thread.is_alive()


def test_a_killed_parent_leaves_no_child_at_work(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edgebench.pipeline.children.workers import *\n"
        "tasks = [Task('sleep', 'worker_tasks:sleep', {'seconds': 60})]\n"
        "say = lambda *report: print(report[-1], flush=True)\n"
        "list(run_tasks(tasks, jobs=1, log=Path(sys.argv[1]), on_report=say))"  # no __main__ guard
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(pid)


def test_no_runtime_leaves_or_sends_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(home))
    (outcome,) = outcomes(tmp_path, task("run_onnx"))
    assert outcome.value == -2
    assert list(home.rglob("*")) == []


def test_a_task_that_tells_nothing_for_too_long_is_ended_and_the_next_goes_on(tmp_path: Path) -> None:
    patient = Task("slow", "worker_tasks:tell_slowly", {"times": 5}, silence_s=10)
    silent = Task("loop", "worker_tasks:sleep", {"seconds": 600}, silence_s=1.5)
    last = task("double", number=2)
    by_name = {outcome.task.subject: outcome for outcome in outcomes(tmp_path, silent, patient, last, jobs=1)}
    assert isinstance(by_name["loop"].error, WorkerDied)
    assert "it told nothing for 1.5 s" in str(by_name["loop"].error)
    assert (by_name["slow"].value, by_name["double"].value) == (5, 4)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process say so")
def test_the_kernel_ends_a_child_first_when_memory_runs_out(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, task("oom_score"))
    assert outcome.value == 900


def test_a_child_never_loads_triton(tmp_path: Path) -> None:
    """It comes with PyTorch's builds for CUDA, and ends a process that holds coremltools or TensorFlow."""
    (outcome,) = outcomes(tmp_path, task("import_triton"))
    assert "ModuleNotFoundError: import of triton halted" in str(outcome.error)
