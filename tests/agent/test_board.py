"""The agent's tasks that examine, set up and clean a board, in a folder that is the board's."""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from boards.wheels import make_wheel

from edgebench.agent import AGENT, BOARD, CONDITIONS

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """What `~/.edgebench` is on a board."""
    folder = tmp_path / "home" / ".edgebench"
    folder.mkdir(parents=True)
    for file in (AGENT, BOARD, CONDITIONS):
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def ask(ours: Path) -> Ask:
    def ask(task: str, **facts: Any) -> dict[str, Any]:
        argv = [sys.executable, AGENT.name, "-"]
        asked = json.dumps({"task": task, **facts}) + "\n"
        done = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=60, cwd=ours)
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return ask


def sent(ours: Path, *wheels: Path) -> list[dict[str, str]]:
    """Puts wheels where `setup` sends them, and says what it asks to unpack."""
    told = []
    for wheel in wheels:
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (ours / "wheels").mkdir(exist_ok=True)
        shutil.copy(wheel, ours / "wheels" / f"{sha256}.whl")
        name, version, *_ = wheel.name.split("-")
        told.append({"name": name, "version": version, "sha256": sha256})
    return told


@pytest.fixture
def job(ours: Path):
    """A process that holds the board's lease in a session of its own, as a job's supervisor does."""
    code = """
    import fcntl, json, os, time
    lock = open("lease.lock", "a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    open("lease.json", "w").write(json.dumps({"job": "0123456789abcdef", "holder": "ann@desk", "pid": os.getpid()}))
    print("held", flush=True)
    time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ours, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_it_is_written_in_the_syntax_of_python_3_9() -> None:
    tree = ast.parse(BOARD.read_text(), feature_version=(3, 9))
    named = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)}
    assert named <= sys.stdlib_module_names


def test_a_board_tells_what_it_is_and_that_nobody_works_there(ask: Ask) -> None:
    told = ask("examine")
    assert told["machine"] == os.uname().machine
    assert told["python"] == sys.version.split()[0]
    assert told["disk_free_bytes"] > 0
    assert told["telemetry"]["load_1min"] >= 0
    assert {"litert", "onnxruntime"} <= set(told["runtimes"])
    assert (told["site"], told["wheels"], told["jobs"], told["busy"]) == ([], [], [], None)
    assert told["used_bytes"] >= AGENT.stat().st_size


def test_a_stale_lease_is_nobodys(ask: Ask, ours: Path) -> None:
    (ours / "lease.lock").touch()
    (ours / "lease.json").write_text('{"job": "of yesterday", "pid": 1}')
    assert ask("examine")["busy"] is None


def test_who_works_there_is_named(ask: Ask, job: subprocess.Popen[bytes]) -> None:
    assert ask("examine")["busy"] == {"job": "0123456789abcdef", "holder": "ann@desk", "pid": job.pid}


def test_a_job_that_somebody_follows_without_a_lease_is_named(ask: Ask, ours: Path) -> None:
    (ours / "0123456789abcdef").mkdir()
    with (ours / "0123456789abcdef" / "journal.jsonl.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ask("examine")["busy"] == {"job": "0123456789abcdef"}
        assert ask("clean", force=False, depth=1)["busy"] == {"job": "0123456789abcdef"}


def test_wheels_become_what_python_imports(ask: Ask, ours: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "runtime-x", "1.2", files={"runtime_x-1.2.data/purelib/beside.py": "x = 5"})
    told = sent(ours, wheel)
    answer = ask("unpack", wheels=told, imports=["runtime_x", "beside"])
    assert answer["site"] == told
    code = "import beside, runtime_x; print(beside.x, runtime_x.__version__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ours / "site")},
    )
    assert done.stdout == "5 1.2\n"
    assert not (ours / "wheels").exists()


def test_scripts_of_a_wheel_and_paths_out_of_it_go_nowhere(ask: Ask, ours: Path, tmp_path: Path) -> None:
    evil = {"../../evil.py": "", "r-1.data/scripts/evil": "", "r-1.data/purelib/../../../evil2.py": ""}
    ask("unpack", wheels=sent(ours, make_wheel(tmp_path, "r", "1", files=evil)), imports=["r"])
    site = (ours / "site").resolve()
    assert set(tmp_path.rglob("evil*")) <= set(site.rglob("*"))
    assert not list(site.rglob("evil"))


def test_the_next_set_takes_the_place_of_the_last_whole(ask: Ask, ours: Path, tmp_path: Path) -> None:
    for version in ("1", "2"):
        ask("unpack", wheels=sent(ours, make_wheel(tmp_path, "r", version)), imports=["r"])
    assert [wheel["version"] for wheel in ask("examine")["site"]] == ["2"]
    assert len(list((ours / "sites").iterdir())) == 1
    assert list((ours / "site").glob("r-*")) == [ours / "site" / "r-2.dist-info"]


def test_the_same_set_needs_no_wheels(ask: Ask, ours: Path, tmp_path: Path) -> None:
    told = sent(ours, make_wheel(tmp_path, "r", "1"))
    for _ in range(2):
        assert ask("unpack", wheels=told, imports=["r"])["site"] == told


def test_a_set_that_was_damaged_there_is_told_and_unpacked_anew(ask: Ask, ours: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "r", "1")
    told = sent(ours, wheel)
    ask("unpack", wheels=told, imports=["r"])
    (ours / "site" / "r" / "__init__.py").write_text("1 +")
    assert ask("unpack", wheels=told, imports=["r"]) == {"schema": 1, "damaged": [told[0]["sha256"]]}
    sent(ours, wheel)
    assert ask("unpack", wheels=told, imports=["r"])["site"] == told


def test_a_wheel_of_other_content_is_refused_and_removed(ask: Ask, ours: Path, tmp_path: Path) -> None:
    told = sent(ours, make_wheel(tmp_path, "r", "1"))
    file = ours / "wheels" / f"{told[0]['sha256']}.whl"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert ask("unpack", wheels=told, imports=["r"])["damaged"] == [told[0]["sha256"]]
    assert not file.exists()
    assert not (ours / "site").exists()


@pytest.mark.parametrize(
    ("code", "reason"),
    [("import no_such_module", "No module named 'no_such_module'"), ("import os; os.kill(os.getpid(), 4)", "signal 4")],
)
def test_what_does_not_load_leaves_the_old_set_in_use(
    ask: Ask, ours: Path, tmp_path: Path, code: str, reason: str
) -> None:
    old = sent(ours, make_wheel(tmp_path, "r", "1"))
    ask("unpack", wheels=old, imports=["r"])
    new = sent(ours, make_wheel(tmp_path, "r", "2", files={"broken.py": code}))
    assert reason in ask("unpack", wheels=new, imports=["r", "broken"])["broken"]
    assert ask("examine")["site"] == old
    assert [path.suffix for path in (ours / "sites").iterdir()] == [""]


def test_what_a_killed_unpacking_left_is_in_nobodys_way(ask: Ask, ours: Path, tmp_path: Path) -> None:
    told = sent(ours, make_wheel(tmp_path, "r", "1"))
    ask("unpack", wheels=told, imports=["r"])
    (name,) = (path.name for path in (ours / "sites").iterdir())
    (ours / "site").unlink()
    (ours / "sites" / name).rename(ours / "sites" / f"{name}.part")  # killed just before its name was given
    (ours / "site.part").symlink_to("nowhere")
    sent(ours, make_wheel(tmp_path, "r", "1"))
    assert ask("unpack", wheels=told, imports=["r"])["site"] == told
    assert [path.name for path in (ours / "sites").iterdir()] == [name]


def test_nothing_is_changed_under_a_job(ask: Ask, ours: Path, tmp_path: Path, job: subprocess.Popen[bytes]) -> None:
    told = sent(ours, make_wheel(tmp_path, "r", "1"))
    assert ask("unpack", wheels=told, imports=["r"])["busy"]["holder"] == "ann@desk"
    assert not (ours / "site").exists()


def test_cleaning_leaves_nothing(ask: Ask, ours: Path, tmp_path: Path) -> None:
    ask("unpack", wheels=sent(ours, make_wheel(tmp_path, "r", "1")), imports=["r"])
    (ours / "0123456789abcdef" / "models").mkdir(parents=True)
    (ours / "blobs").mkdir()
    (ours / "selftest").mkdir()
    (ours / "selftest" / AGENT.name).touch()
    answer = ask("clean", force=False, depth=1)
    assert {"0123456789abcdef", "blobs", "edgebench_agent.py", "site", "sites"} <= set(answer["removed"])
    assert (answer["left"], list(ours.parent.iterdir())) == ([], [])


def test_cleaning_leaves_what_others_put_there(ask: Ask, ours: Path) -> None:
    (ours / "thesis.txt").write_text("a year of work")
    (ours / "photos").mkdir()
    assert ask("clean", force=False, depth=1)["left"] == ["photos", "thesis.txt"]
    assert sorted(path.name for path in ours.iterdir()) == ["photos", "thesis.txt"]


def test_cleaning_follows_no_link_out_of_the_folder(ask: Ask, ours: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (ours / "site").symlink_to(tmp_path / "precious")
    ask("clean", force=False, depth=1)
    assert (tmp_path / "precious" / "file").exists()


def test_a_deep_folder_goes_with_its_empty_parents_and_not_the_home(ours: Path, ask: Ask) -> None:
    ask("clean", force=False, depth=2)
    assert not ours.parent.exists()
    assert ours.parent.parent.exists()


def test_the_store_of_an_edgebench_on_the_board_is_not_touched(ask: Ask, ours: Path) -> None:
    (ours / "results.db").touch()
    assert ask("clean", force=True, depth=1)["store"]
    assert (ours / AGENT.name).exists()


def test_a_job_is_ended_only_by_force(ask: Ask, ours: Path, job: subprocess.Popen[bytes]) -> None:
    assert ask("clean", force=False, depth=1)["busy"]["job"] == "0123456789abcdef"
    assert job.poll() is None
    assert ask("clean", force=True, depth=1)["left"] == []
    assert job.wait(timeout=5) == -signal.SIGKILL
    assert not ours.exists()


def test_force_ends_no_process_that_leads_no_session() -> None:
    """A process id that was given to somebody else meanwhile."""
    with subprocess.Popen(["sleep", "60"]) as other:
        code = f"import edgebench_board; edgebench_board.end({other.pid}); edgebench_board.end(2**22 + 1)"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=BOARD.parent)
        assert other.poll() is None
        other.kill()
