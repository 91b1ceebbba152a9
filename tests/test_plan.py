from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import UsageError
from edgebench.plan import PlannedVariant, job_id, plan_blocks, schedule_task
from edgebench.specs.bench import BenchSettings
from edgebench.specs.device import DeviceSpec


def variant(name: str, artifact: str = "sha") -> PlannedVariant:
    return PlannedVariant(variant=name, artifact=artifact, runtime="null", model=f"{name}.bin", inputs="faces")


names = st.lists(st.sampled_from(["a", "b", "c.d", "e-f", "g"]), unique=True, min_size=1)
threads = st.lists(st.integers(1, 4), unique=True, min_size=1)
rounds = st.integers(1, 6)


@given(names, threads, rounds, st.integers(0, 99))
def test_every_round_holds_every_variant_at_every_thread_count_once(names, threads, rounds, seed):
    settings = BenchSettings(rounds=rounds, seed=seed)
    blocks = plan_blocks([variant(name) for name in names], settings, threads)
    expected = Counter((name, count) for name in names for count in threads)
    for number in range(rounds):
        of_round = [block for block in blocks if block.round == number]
        assert Counter((block.variant, block.threads) for block in of_round) == expected
        assert [block.position for block in of_round] == list(range(len(of_round)))
    assert len({block.id for block in blocks}) == len(blocks)


@given(st.permutations(["a", "b", "c"]), st.permutations([1, 2]))
def test_the_plan_does_not_depend_on_the_order_of_the_question(names, threads):
    settings = BenchSettings()
    usual = plan_blocks([variant(name) for name in "abc"], settings, [1, 2])
    assert plan_blocks([variant(name) for name in names], settings, threads) == usual


def test_the_order_differs_between_rounds_and_seeds():
    variants = [variant(name) for name in "abcdef"]
    orders = [
        tuple(b.variant for b in plan_blocks(variants, BenchSettings(seed=seed), [1]) if b.round == number)
        for seed in (0, 1)
        for number in range(5)
    ]
    assert len(set(orders)) == 10


def test_no_variant_keeps_its_place():
    """Over many rounds each variant is first about as often as any other."""
    blocks = plan_blocks([variant(name) for name in "abcd"], BenchSettings(rounds=400), [1])
    first = Counter(block.variant for block in blocks if block.position == 0)
    assert min(first.values()) > 70


def test_block_ids_tell_round_variant_and_threads():
    (block,) = plan_blocks([variant("net.tflite-int8")], BenchSettings(rounds=1), [2])
    assert block.id == "r0.net.tflite-int8.t2"


def test_a_variant_named_twice_is_refused():
    with pytest.raises(UsageError, match="twice"):
        plan_blocks([variant("a"), variant("a", "other")], BenchSettings(), [1])
    with pytest.raises(UsageError, match="twice"):
        plan_blocks([variant("a")], BenchSettings(), [1, 1])


def an_id(**changes) -> str:
    facts = {
        "variants": [variant("a"), variant("b")],
        "settings": BenchSettings(),
        "threads": [1, 2],
        "device": DeviceSpec(name="board"),
        "machine": {"processor": "a", "runtimes": {"litert": "2.3.0"}},
        "inputs": {"faces": "sha"},
        **changes,
    }
    variants, settings, threads = (facts.pop(key) for key in ("variants", "settings", "threads"))
    return job_id(variants, settings, threads, **facts)


def test_the_same_work_is_the_same_job():
    assert an_id() == an_id(variants=[variant("b"), variant("a")], threads=[2, 1])
    assert an_id() == an_id(device=DeviceSpec(name="board", notes="a fan was added to the file's words"))


@pytest.mark.parametrize(
    "change",
    [
        {"variants": [variant("a"), variant("b", "other bytes")]},
        {"settings": BenchSettings(measure_s=2)},
        {"threads": [1]},
        {"device": DeviceSpec(name="other")},
        {"device": DeviceSpec(name="board", cpu_affinity=[1])},
        {"machine": {"processor": "b", "runtimes": {"litert": "2.3.0"}}},
        {"machine": {"processor": "a", "runtimes": {"litert": "2.4.0"}}},
        {"inputs": {"faces": "other images"}},
        {"repetition": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_matters_makes_another_job(change):
    assert an_id(**change) != an_id()


def test_the_task_is_plain_json_for_the_agent():
    blocks = plan_blocks([variant("a")], BenchSettings(rounds=1), [1])
    inputs = {"faces": {"images": "faces.npy", "affine": {"layout": "nhwc"}}}
    task = schedule_task("j1", blocks, BenchSettings(), device=DeviceSpec(name="b"), inputs=inputs, journal="j1.jsonl")
    assert task["blocks"] == [
        {"id": "r0.a.t1", "round": 0, "position": 0, "variant": "a", "runtime": "null", "model": "a.bin"}
        | {"threads": 1, "inputs": "faces"}
    ]
    assert task["veto"]["repeats"] == 2
    assert task["inputs"] == inputs
