"""What a run asked for last is the newest, whenever it was made."""

from __future__ import annotations

from pathlib import Path

from edgebench.records.measurement import DeviceInfo, MeasurementJob
from edgebench.specs.data import DataSettings
from edgebench.store import Store


def kept(store: Store, *keys: str) -> None:
    device = DeviceInfo(
        name="d",
        machine="",
        system="",
        processor="",
        cores=1,
        memory_bytes=1,
        word_bits=64,
        python="",
        runtimes={},
    )
    for key in keys:
        job = MeasurementJob(
            job=key, device=device, settings={}, variants=(), datasets={}, data=DataSettings(), blocks=0, started_at=""
        )
        store.save(key, job)


def order(store: Store) -> list[str]:
    return [job.job for job in store.latest(MeasurementJob)]


def test_without_asking_the_order_is_that_of_making(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept(store, "b", "a", "c")
    assert order(store) == ["b", "a", "c"]


def test_what_was_asked_for_last_comes_last_and_together(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept(store, "a", "b", "c", "d")
    store.ask(MeasurementJob, ["c", "a"])
    assert order(store) == ["b", "d", "a", "c"]
    store.ask(MeasurementJob, ["b"])
    assert order(store) == ["d", "a", "c", "b"]
    store.ask(MeasurementJob, ["c", "a"])
    assert order(store) == ["d", "b", "a", "c"]


def test_asking_comes_before_making(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept(store, "a", "b")
    store.ask(MeasurementJob, ["new"])
    assert order(store) == ["a", "b"]
    kept(store, "new")
    store.ask(MeasurementJob, ["a"])
    assert order(store) == ["b", "new", "a"]
