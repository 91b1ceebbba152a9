from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys

import pytest

from edgebench.agent import edgebench_agent
from edgebench.plan import PlannedVariant, plan_blocks, schedule_task
from edgebench.records.measurement import Block
from edgebench.specs.bench import BenchSettings
from edgebench.specs.device import DeviceSpec

SLOW = {"warmup_s": 0, "max_warmup_s": 0, "steady_change": 1, "measure_s": 0.2, "min_invocations": 1, "inputs": 1}
ENDLESS = {**SLOW, "measure_s": 60}


def test_planted_sleeps_are_recovered_whichever_comes_first(schedule, sleep_model):
    """The self-test that a published benchmark failed: its second row held half of its first."""
    settings = BenchSettings(rounds=4, warmup_s=0.05, max_warmup_s=0.1, measure_s=0.2, min_invocations=8, seed=1)
    variants = [
        PlannedVariant(variant=f"sleep{ms}", artifact="", runtime="sleep", model=sleep_model(ms), inputs="")
        for ms in (10, 30)
    ]
    blocks = plan_blocks(variants, settings, [1])
    assert {block.variant for block in blocks if block.position == 0} == {"sleep10", "sleep30"}
    device = DeviceSpec(name="here", veto={"foreign_load": 1e9, "repeats": 0})
    task = schedule_task("j1", blocks, settings, device=device, inputs={}, journal="")
    scheduler = schedule(**{key: value for key, value in task.items() if key != "journal"})
    assert scheduler.finish()["errors"] == []
    medians_ms: dict[str, list[float]] = {"sleep10": [], "sleep30": []}
    for line in scheduler.lines():
        block = line["measured"]
        medians_ms[block["variant"]].append(statistics.median(block["latencies_ns"]) / 1e6)
    # The calmest of four blocks: a sleeper on a busy test machine wakes late, but never early.
    assert min(medians_ms["sleep10"]) == pytest.approx(10, rel=0.05)
    assert min(medians_ms["sleep30"]) == pytest.approx(30, rel=0.05)


def test_a_line_holds_a_block_but_for_what_the_host_knows(schedule, block):
    scheduler = schedule(blocks=[block("r0.a.t1", round=0, position=0)])
    scheduler.finish()
    (line,) = scheduler.lines()
    record = Block(job=line["job"], artifact="sha", device="here", **line["measured"])
    assert record.variant == "r0.a.t1"
    assert record.attempt == 1
    assert record.vetoes == ()
    assert record.before["monotonic_s"] < record.after["monotonic_s"]


def test_inputs_are_shared_by_name(schedule, block, models, images):
    affine = {"layout": "nhwc", "scale": [1 / 255] * 3, "offset": [0.0] * 3}
    tiny = block("tiny", "litert", str(models / "int8.tflite"), inputs="faces")
    scheduler = schedule(blocks=[tiny], inputs={"faces": {"images": str(images), "affine": affine}})
    assert scheduler.finish()["errors"] == []
    (line,) = scheduler.lines()
    assert len(line["outputs"][0]) == 4
    assert line["measured"]["path"].startswith("XNNPACK")


def test_progress_is_told_block_by_block(schedule, block):
    scheduler = schedule(blocks=[block("a"), block("b")])
    seen = [json.loads(line) for line in scheduler.process.stdout]
    assert [line.get("done") for line in seen] == [0, 1, 2, None]
    assert seen[1] == {"done": 1, "total": 2, "block": "a", "failed": False}
    assert seen[-1] == {"schema": 1, "job": "j1", "total": 2, "errors": []}


def test_a_killed_schedule_goes_on_where_it_stopped(schedule, block, gone):
    blocks = [block(f"b{k}") for k in range(6)]
    first = schedule(blocks=blocks, settings=SLOW)
    first.wait_for(lambda line: line.get("done") == 2)
    child = first.child()
    first.process.send_signal(signal.SIGKILL)
    assert gone(child), "a block must not go on when its schedule is gone"
    done = len(first.lines())
    assert 2 <= done < 6
    second = schedule(blocks=blocks, settings=SLOW)
    second.wait_for(lambda line: line["done"] == done)
    second.finish()
    assert sorted(line["block"] for line in second.lines()) == [f"b{k}" for k in range(6)]


def test_a_torn_last_line_is_measured_again(schedule, block):
    blocks = [block("a"), block("b")]
    first = schedule(blocks=blocks)
    first.finish()
    text = first.journal.read_bytes()
    first.journal.write_bytes(text[: len(text) * 3 // 4])
    second = schedule(blocks=blocks)
    second.finish()
    assert sorted(line["block"] for line in second.lines()) == ["a", "b"]


def test_another_jobs_journal_is_not_taken_for_ones_own(schedule, block):
    schedule(blocks=[block("a")]).finish()
    second = schedule(blocks=[block("a")], job="j2")
    second.finish()
    assert [line["job"] for line in second.lines()] == ["j1", "j2"]


def test_a_block_that_fails_stops_no_other_and_is_tried_again_next_time(schedule, block, models, images, tmp_path):
    torn = tmp_path / "torn.tflite"
    torn.write_bytes((models / "float.tflite").read_bytes()[:700])
    affine = {"layout": "nhwc", "scale": [1 / 255] * 3, "offset": [0.0] * 3}
    job = {
        "blocks": [block("torn", "litert", str(torn), inputs="faces"), block("fine")],
        "inputs": {"faces": {"images": str(images), "affine": affine}},
    }
    first = schedule(**job)
    (error,) = first.finish()["errors"]
    assert error["block"] == "torn"
    assert [("measured" in line) for line in first.lines()] == [False, True]
    torn.write_bytes((models / "float.tflite").read_bytes())
    second = schedule(**job)
    second.wait_for(lambda line: line["done"] == 1)
    second.finish()
    assert [(line["block"], "measured" in line) for line in second.lines()] == [
        ("torn", False),
        ("fine", True),
        ("torn", True),
    ]


def test_a_block_whose_process_dies_is_an_error_of_that_block(schedule, block):
    blocks = [block("dies"), block("fine")]
    scheduler = schedule(blocks=blocks, settings={**SLOW, "measure_s": 1})
    scheduler.wait_for(lambda line: line["done"] == 0)
    subprocess.run(["kill", "-9", str(scheduler.child())], check=True)
    (error,) = scheduler.finish()["errors"]
    assert error["block"] == "dies"
    assert error["type"] == "BlockDied"
    assert "SIGKILL" in error["message"]
    assert [line["block"] for line in scheduler.lines()] == ["dies", "fine"]


def test_a_block_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(edgebench_agent, "BLOCK_LIMIT_S", 0.5)
    settings = {**ENDLESS, "min_invocations": 10**9}
    answer = edgebench_agent.in_child({"task": "bench", "runtime": "null", "threads": 1, "settings": settings})
    assert answer["error"]["type"] == "BlockDied"
    assert "killed by SIGKILL after 0." in answer["error"]["message"]


def test_the_end_of_stdin_ends_schedule_and_block(schedule, block, gone):
    scheduler = schedule(blocks=[block("a")], settings=ENDLESS)
    child = scheduler.child()
    scheduler.process.stdin.close()
    assert scheduler.process.wait(timeout=2) == 130
    assert gone(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_schedule_and_block_at_once(schedule, block, gone, number):
    scheduler = schedule(blocks=[block("a")], settings=ENDLESS)
    child = scheduler.child()
    scheduler.process.send_signal(number)
    assert scheduler.process.wait(timeout=2) == 130
    assert gone(child)


def test_two_schedules_never_share_a_journal(schedule, block):
    first = schedule(blocks=[block("a")], settings=ENDLESS)
    first.child()
    error = schedule(blocks=[block("a")]).finish(returncode=1)["error"]
    assert "another schedule holds" in error["message"]


def test_a_disturbed_block_is_repeated_and_then_recorded_as_disturbed(schedule, block):
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        veto = {"foreign_load": 0.05, "frequency_change": 1.0, "max_temperature_c": None, "repeats": 1}
        scheduler = schedule(blocks=[block("a")], veto=veto, settings={**SLOW, "measure_s": 0.5})
        scheduler.finish()
    finally:
        burner.kill()
        burner.wait()
    (line,) = scheduler.lines()
    assert line["measured"]["attempt"] == 2
    assert any("others used" in reason for reason in line["measured"]["vetoes"])
    assert any("others used" in reason for reason in line["measured"]["disturbed"])
