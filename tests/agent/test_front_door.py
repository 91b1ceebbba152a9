from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys

import pytest

from edgebench.agent import AGENT
from edgebench.records.measurement import DeviceInfo

LOAD = f"""
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("agent", {str(AGENT)!r})
agent = sys.modules["agent"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(agent)
"""


def python(code: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LOAD + code], input=stdin, capture_output=True, text=True, timeout=30)


def test_it_is_written_in_the_syntax_of_python_3_9():
    ast.parse(AGENT.read_text(), feature_version=(3, 9))


def test_importing_it_needs_the_standard_library_only():
    done = python("print(*{name.partition('.')[0] for name in sys.modules})")
    loaded = set(done.stdout.split()) - {"agent", "__main__"}
    assert "numpy" not in loaded
    assert {"json", "subprocess"} <= loaded
    fresh = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True)
    at_start = {name.partition(".")[0] for name in fresh.stdout.split()}
    assert loaded - at_start <= sys.stdlib_module_names


def test_it_refuses_to_run_where_edgebench_is_imported():
    done = python("import edgebench; agent.main(['agent', '-'])")
    assert done.returncode == 1
    assert "plain script" in done.stderr


def test_noise_on_stdout_does_not_reach_the_answer():
    noisy = """
class Noisy(agent.Null):
    def invoke(self, item):
        print("from Python")
        os.write(1, b"from C ")
agent.RUNTIMES["noisy"] = Noisy
sys.exit(agent.main(["agent", "-"]))
"""
    settings = {"inputs": 1, "warmup_s": 0, "max_warmup_s": 0, "steady_change": 1, "measure_s": 0, "min_invocations": 3}
    done = python(noisy, json.dumps({"task": "bench", "runtime": "noisy", "threads": 1, "settings": settings}) + "\n")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["latencies_ns"]) == 3
    assert "from C" in done.stderr


def test_a_task_file_is_read_like_a_task_on_stdin(tmp_path):
    (tmp_path / "task.json").write_text('{"schema": 1, "task": "describe"}')
    argv = [sys.executable, str(AGENT), str(tmp_path / "task.json")]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert json.loads(done.stdout)["schema"] == 1


def test_the_description_is_a_device_record(ask):
    device = DeviceInfo(name="here", **ask("describe")["device"])
    assert device.memory_bytes > 100_000_000
    assert device.word_bits == device.kernel_bits == 64
    assert {"litert", "onnxruntime"} <= set(device.runtimes)


def test_nonsense_is_answered_with_an_error():
    done = subprocess.run([sys.executable, str(AGENT), "-"], input="{}\n", capture_output=True, text=True)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] == "KeyError"


@pytest.mark.parametrize(
    ("argument", "message"), [("none.json", "none.json"), ("-", "no task 'fly' (known: describe,")]
)
def test_a_task_that_is_not_there_is_answered_with_an_error(argument, message):
    argv = [sys.executable, str(AGENT), argument]
    done = subprocess.run(argv, input='{"task": "fly"}\n', capture_output=True, text=True)
    assert done.returncode == 1
    assert message in json.loads(done.stdout)["error"]["message"]


def test_without_a_task_it_says_how_it_is_used():
    done = subprocess.run([sys.executable, str(AGENT)], capture_output=True, text=True)
    assert "TASK.json" in done.stderr


def test_a_newer_task_is_refused(ask):
    assert "schema 99" in ask("describe", schema=99, returncode=1)["error"]["message"]


def test_sigterm_ends_it_with_130():
    settings = {
        "inputs": 1,
        "warmup_s": 0,
        "max_warmup_s": 0,
        "steady_change": 1,
        "measure_s": 60,
        "min_invocations": 3,
    }
    task = {"schema": 1, "task": "bench", "runtime": "null", "threads": 1, "settings": settings}
    process = subprocess.Popen([sys.executable, str(AGENT), "-"], stdin=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    # Python has its signal handlers a moment after the start; before that the default ends it as well.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=2) in (130, -signal.SIGTERM)
    process.stdin.close()
