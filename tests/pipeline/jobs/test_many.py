"""Several devices at once, and pools of equal boards that share a run."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgebench.errors import DeviceError, SpecError, UnknownName, Unreachable, UsageError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.jobs.blocks import Measured
from edgebench.pipeline.jobs.many import on_each
from edgebench.pipeline.measure import measure
from edgebench.pipeline.report import report
from edgebench.pipeline.run_many import run_on_each
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings

SETTINGS = BenchSettings(rounds=4, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=5, inputs=2)
CALM = {"veto": {"foreign_load": 1000, "repeats": 0}}
NOBODY = {"transport": "ssh", "ssh": {"host": "127.0.0.1", "port": 1}}


def knowing(workspace: Workspace, **devices: object) -> Workspace:
    folder = workspace.store.home.parent / "devices"
    folder.mkdir(exist_ok=True)
    for name, stated in devices.items():
        (folder / f"{name}.yaml").write_text(json.dumps(stated))
    return Workspace.open(
        home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[folder], jobs=workspace.jobs
    )


def of(faces: Path) -> DataSettings:
    return DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))


def on_pool(workspace: Workspace, faces: Path, **options: object) -> Measured:
    asked = {"device": "pool", "settings": SETTINGS, **options}
    return measure(workspace, Choice.of("tiny", only="tflite-*"), data=of(faces), **asked)  # type: ignore[arg-type]


def test_devices_are_worked_with_at_the_same_time(workspace: Workspace) -> None:
    met = threading.Barrier(3, timeout=20)

    def meet(within: Workspace, device: str) -> str:
        met.wait()
        return device.upper()

    assert [(each.device, each.found) for each in on_each(workspace, ["a", "b", "c"], meet)] == [
        ("a", "A"),
        ("b", "B"),
        ("c", "C"),
    ]


def test_one_that_fails_does_not_stop_the_others_and_a_bug_is_not_hidden(workspace: Workspace) -> None:
    def work(within: Workspace, device: str) -> str:
        if device == "b":
            raise DeviceError("is broken", subject=device)
        return device

    found = on_each(workspace, ["a", "b", "c"], work)
    assert [(each.found, str(each.error or "")) for each in found] == [("a", ""), (None, "b: is broken"), ("c", "")]
    with pytest.raises(ZeroDivisionError):
        on_each(workspace, ["a"], lambda within, device: 1 / 0)


class Bar:
    def __init__(self) -> None:
        self.seen: list[tuple[int, int, str]] = []

    @contextmanager
    def step(self, what: str) -> Iterator[Bar]:
        yield self

    def update(self, done: int, total: int, detail: str = "") -> None:
        self.seen.append((done, total, detail))

    def note(self, text: str) -> None:
        pass


def test_one_bar_adds_up_what_all_have_done(workspace: Workspace) -> None:
    bar = Bar()

    def work(within: Workspace, device: str) -> None:
        with within.progress.step("measuring") as step:
            step.update(1, 2, "block")
            step.update(2, 2)

    listened = Workspace(workspace.store, progress=bar)
    on_each(listened, ["a", "b"], work)
    assert bar.seen[-1][:2] == (200, 200)
    assert {detail for *_, detail in bar.seen} >= {"a: measuring 1/2 block", "b: measuring 2/2"}


def test_ctrl_c_reaches_every_device(workspace: Workspace) -> None:
    ended = []

    def work(within: Workspace, device: str) -> None:
        with within.progress.step("measuring") as step:
            try:
                for done in range(600):
                    step.update(done, 600)
                    time.sleep(0.05)
            except KeyboardInterrupt:
                ended.append(device)
                raise

    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        on_each(workspace, ["a", "b"], work)
    assert sorted(ended) == ["a", "b"]


def test_what_one_says_when_it_is_stopped_is_heard(workspace: Workspace) -> None:
    said = []

    class Listener(Bar):
        def note(self, text: str) -> None:
            said.append(text)

    def work(within: Workspace, device: str) -> None:
        with within.progress.step("measuring") as step:
            try:
                for done in range(600):
                    step.update(done, 600)
                    time.sleep(0.05)
            except KeyboardInterrupt:
                within.progress.note("a job may go on there")
                raise

    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        on_each(Workspace(workspace.store, progress=Listener()), ["a", "b"], work)
    assert sorted(said) == ["a: a job may go on there", "b: a job may go on there"]


def test_a_board_that_is_not_there_costs_only_itself(workspace: Workspace, faces: Path) -> None:
    there = knowing(workspace, here=CALM, gone=NOBODY)
    choice = Choice.of("tiny", only="tflite-int8")
    found = run_on_each(there, choice, ["gone", "here"], measure, data=of(faces), settings=SETTINGS)
    assert isinstance(found[0].error, Unreachable)
    assert found[1].found is not None
    assert len(found[1].found.blocks) == 4


def test_nothing_is_made_for_boards_of_which_none_answers(fresh: Workspace, faces: Path) -> None:
    there = knowing(fresh, gone=NOBODY, away=NOBODY)
    found = run_on_each(there, Choice.of("tiny"), ["gone", "away"], measure, data=of(faces))
    assert [type(outcome.error) for outcome in found] == [Unreachable, Unreachable]
    with pytest.raises(Unreachable):
        measure(there, Choice.of("tiny"), device="gone", data=of(faces))
    assert there.store.latest(Artifact) == []


def test_nothing_is_made_where_a_device_is_not_known(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(UnknownName, match="unknown device"):
        run_on_each(fresh, Choice.of("tiny"), ["local", "nope"], measure, data=of(faces))
    assert fresh.store.latest(Artifact) == []


def test_equal_boards_share_whole_rounds_and_the_record_says_which_measured_what(
    workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    there = knowing(workspace, one=CALM, two=CALM, pool={"pool": ["one", "two"], "notes": "a shelf"})
    measured = on_pool(there, faces)
    assert {(block.device, block.round) for block in measured.blocks} == {
        ("one", 0),
        ("two", 1),
        ("one", 2),
        ("two", 3),
    }
    assert len(measured.blocks) == measured.job.blocks == 3 * 4
    assert (measured.job.device.name, measured.job.device.notes) == ("pool", "a shelf")
    assert set(measured.job.shares) == {"one", "two"}
    results = gather(there, device="pool")
    (latency,) = next(row for row in results.variants if row.variant == "tiny.tflite-int8").latency
    assert [block.device for block in latency.blocks] == ["one", "two", "one", "two"]
    assert latency.conditions["device"] == "one / two"
    assert latency.ratio_to_fp32 is not None
    assert {page.folder.name for page in report(there, out=tmp_path / "out")} == {"bench", "pool"}
    before = len(there.store.latest(Block))
    assert on_pool(there, faces).job == measured.job
    assert len(there.store.latest(Block)) == before


def test_boards_whose_specs_differ_are_refused_before_any_is_asked(workspace: Workspace, faces: Path) -> None:
    there = knowing(workspace, one=CALM, two=NOBODY, pool={"pool": ["one", "two"]})
    with pytest.raises(UsageError, match=r"specs are not equal: one and two differ in .*transport"):
        on_pool(there, faces)
    assert not any(job.shares for job in there.store.latest(MeasurementJob))


@pytest.mark.parametrize(
    ("two", "rounds", "problem"),
    [
        ({**CALM, "threads": [2]}, 4, "specs are not equal: one and two differ in threads"),
        (CALM, 1, "1 rounds cannot be shared by 2 boards"),
    ],
)
def test_boards_that_are_not_equal_are_refused(
    workspace: Workspace, faces: Path, two: object, rounds: int, problem: str
) -> None:
    there = knowing(workspace, one=CALM, two=two, pool={"pool": ["one", "two"]})
    with pytest.raises(UsageError, match=problem):
        on_pool(there, faces, settings=SETTINGS.model_copy(update={"rounds": rounds}))


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ({"pool": ["one", "two"], "threads": [2]}, "specs of their own"),
        ({"pool": ["one"]}, "two or more different boards"),
        ({"pool": ["one", "one"]}, "two or more different boards"),
        ({"pool": ["pool", "one"]}, "not itself"),
    ],
)
def test_a_pool_names_boards_and_says_nothing_else_of_them(workspace: Workspace, stated: object, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        knowing(workspace, pool=stated).device("pool")


def test_a_pool_is_no_machine_to_talk_to(workspace: Workspace, faces: Path) -> None:
    from edgebench.pipeline.time_pipeline import time_pipeline

    there = knowing(workspace, one=CALM, two=CALM, pool={"pool": ["one", "two"]})
    with pytest.raises(UsageError, match=r"pool: is a pool.*name one of its boards: one, two"):
        time_pipeline(there, Choice.of("tiny", only="tflite-int8"), device="pool", data=of(faces), detector="none")


def test_an_evaluation_is_shown_beside_a_pool(workspace: Workspace, faces: Path) -> None:
    there = knowing(workspace, one=CALM, two=CALM, pool={"pool": ["one", "two"]})
    on_pool(there, faces)
    evaluate(there, Choice.of("tiny", only="tflite-*"), data=of(faces))
    rows = [row for row in gather(there, device="pool").variants if row.answers]
    assert {row.answers.exact for row in rows if row.answers} == {True}
