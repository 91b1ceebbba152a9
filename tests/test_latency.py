from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.conditions import block_medians_ms, conditions, differences
from edgebench.errors import NothingMeasured, UsageError
from edgebench.latency import median_draws, paired_ratio, summarize, tail_ms
from edgebench.records.measurement import Block
from edgebench.records.results import Latency

FP32, INT8 = "net.tflite-fp32", "net.tflite-int8"


def reading(governor: str = "performance", mhz: int = 1500, celsius: float = 41.0) -> dict[str, Any]:
    """Telemetry in the agent's words."""
    return {
        "governor": governor,
        "frequency_khz": {"cpu0": mhz * 1000, "cpu1": mhz * 1000 - 300_000},
        "millicelsius": {"zone0": int(celsius * 1000)},
    }


def block(variant: str = INT8, round_: int = 0, median_ms: float = 1.0, samples: int = 40, **changes: Any) -> Block:
    """A block whose latencies lie evenly within 4 % around the median."""
    latencies_ns = np.linspace(0.98, 1.02, samples) * median_ms * 1e6
    return Block.model_validate(
        {
            "job": "job-1",
            "variant": variant,
            "artifact": f"sha of {variant}",
            "device": "rpi4",
            "runtime": "litert",
            "runtime_version": "2.3.0",
            "threads": 1,
            "round": round_,
            "position": 0,
            "attempt": 1,
            "load_ns": 5_000_000,
            "first_ns": 3_000_000,
            "warmup_invocations": 100,
            "latencies_ns": tuple(int(ns) for ns in latencies_ns),
            "peak_rss_bytes": 50_000_000,
            "outputs_sha256": "ab",
            "started_at": f"2026-01-01T00:0{round_ % 10}:00+00:00",
            "before": reading(),
            "after": reading(),
            **changes,
        }
    )


def series(variant: str, medians_ms: list[float], **changes: Any) -> list[Block]:
    return [block(variant, round_, median, **changes) for round_, median in enumerate(medians_ms)]


def only(blocks: list[Block]) -> Latency:
    (latency,) = summarize(blocks).values()
    return latency


def kinds(latency: Latency) -> list[str]:
    return [caveat.kind for caveat in latency.caveats]


# ---- summary --------------------------------------------------------------------------------------------------------


def test_the_median_is_that_of_block_medians_and_not_of_all_invocations() -> None:
    blocks = series(INT8, [1.0, 1.01, 1.02])
    blocks.append(block(INT8, 3, 5.0, samples=4000))  # one slow block with most of the invocations
    blocks.append(block(INT8, 4, 1.0))
    latency = only(blocks)
    assert latency.median_ms.value == pytest.approx(1.01, rel=1e-6)
    assert latency.fps == pytest.approx(1000 / 1.01, rel=1e-6)
    assert latency.invocations == 4160


def test_the_interval_of_five_blocks_reaches_beyond_the_least_and_the_highest() -> None:
    latency = only(series(INT8, [1.0, 1.02, 0.98, 1.01, 0.99]))
    # Student's 2.776 x sqrt(pi / 2) x the logarithms' deviation, 0.0158, over sqrt(5).
    assert (latency.median_ms.low, latency.median_ms.high) == pytest.approx((0.9757, 1.0249), abs=2e-4)
    assert kinds(latency) == []


def test_planted_latencies_come_out_in_either_order() -> None:
    for first, second in [(10.0, 30.0), (30.0, 10.0)]:
        found = summarize(series("a.tflite-fp32", [first] * 5) + series("b.tflite-fp32", [second] * 5))
        assert found["a.tflite-fp32", 1].median_ms.value == pytest.approx(first, rel=0.02)
        assert found["b.tflite-fp32", 1].median_ms.value == pytest.approx(second, rel=0.02)


def test_load_and_first_inference_are_medians_and_memory_is_the_peak() -> None:
    blocks = [
        block(round_=i, load_ns=ms * 1_000_000, first_ns=ms * 2_000_000, peak_rss_bytes=ms)
        for i, ms in enumerate([4, 9, 5])
    ]
    latency = only(blocks)
    assert (latency.load_ms, latency.first_ms, latency.peak_rss_bytes) == (5.0, 10.0, 9)


def test_each_block_keeps_its_quantiles_in_order() -> None:
    (found,) = only([block(median_ms=2.0, samples=101, vetoes=("others used 0.40 cores",))]).blocks
    assert list(found.quantiles_ms) == ["min", "p5", "p25", "p50", "p75", "p95", "max"]
    assert list(found.quantiles_ms.values()) == sorted(found.quantiles_ms.values())
    assert found.quantiles_ms["p50"] == pytest.approx(2.0, rel=1e-6)
    assert (found.quantiles_ms["min"], found.quantiles_ms["max"]) == pytest.approx((1.96, 2.04), rel=1e-6)
    assert found.vetoes == ("others used 0.40 cores",)


def test_threads_are_summarized_apart_and_blocks_stand_in_the_order_of_rounds() -> None:
    blocks = series(INT8, [1.0, 1.0, 1.0]) + series(INT8, [0.6, 0.6], threads=2)
    found = summarize(blocks[::-1])
    assert {key: len(latency.blocks) for key, latency in found.items()} == {(INT8, 1): 3, (INT8, 2): 2}
    assert [row.round for row in found[INT8, 1].blocks] == [0, 1, 2]


def test_an_invocation_below_the_clocks_resolution_does_not_divide_by_zero() -> None:
    latency = only([block("null", 0, latencies_ns=(0, 0, 0))])
    assert latency.median_ms.value == 1e-6
    assert latency.fps == 1e9


def test_nothing_is_summarized_without_blocks() -> None:
    with pytest.raises(NothingMeasured):
        summarize([])


@pytest.mark.parametrize("change", [{"job": "job-2"}, {"artifact": "other"}, {"runtime_version": "2.2.0"}])
def test_blocks_of_different_experiments_are_not_mixed(change: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=f"more than one {next(iter(change))}"):
        summarize([block(), block(round_=1, **change)])


@pytest.mark.parametrize(("percentile", "needed"), [(0.90, 64), (0.99, 662)])
def test_a_tail_needs_the_invocations_that_mlperf_asks_for(percentile: float, needed: int) -> None:
    assert tail_ms(np.arange(needed - 1), percentile) is None
    assert tail_ms(np.arange(needed), percentile) == (needed - 1) / 1e6  # nothing is dropped yet: the highest


@pytest.mark.parametrize(("percentile", "queries"), [(0.90, 23_886), (0.99, 262_742)])
def test_a_tail_of_many_invocations_lies_half_a_margin_beyond_its_percentile(percentile: float, queries: int) -> None:
    # MLPerf's table: so many queries pin the percentile to a twentieth of its distance from 1, at 99 %.
    bound = tail_ms(np.arange(queries), percentile)
    assert bound is not None
    assert percentile < bound * 1e6 / queries < percentile + (1 - percentile) / 20


def test_a_tail_bounds_the_true_percentile_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).exponential(size=(2000, 200))
    bounds = np.array([tail_ms(row, 0.9) for row in draws], float) * 1e6
    assert (bounds >= -np.log(0.1)).mean() > 0.985


@given(st.lists(st.integers(1, 10**9), min_size=64, max_size=200))
def test_a_tail_is_one_of_the_latencies_and_no_less_than_the_plain_percentile(latencies: list[int]) -> None:
    bound = tail_ms(np.array(latencies), 0.9)
    assert bound is not None
    assert round(bound * 1e6) in latencies
    assert bound * 1e6 >= np.quantile(latencies, 0.9) - 1e-3


def test_the_summary_takes_tails_over_all_blocks() -> None:
    assert only(series(INT8, [1.0] * 3, samples=20)).p90_ms is None
    assert only(series(INT8, [1.0] * 3, samples=30)).p90_ms == pytest.approx(1.02, rel=1e-6)
    assert only(series(INT8, [1.0] * 3, samples=300)).p99_ms == pytest.approx(1.02, rel=1e-6)


# ---- comparison -----------------------------------------------------------------------------------------------------


def test_the_ratio_to_fp32_is_paired_by_round() -> None:
    rounds = [1.0, 1.5, 1.2, 2.0, 1.1]  # the machine slows down and recovers; both feel it
    found = summarize(series(FP32, rounds) + series(INT8, [0.5 * ms for ms in rounds]))
    ratio = found[INT8, 1].ratio_to_fp32
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.5, 0.5, 0.5), rel=1e-5)
    assert found[FP32, 1].ratio_to_fp32 == ratio.model_copy(update={"value": 1.0, "low": 1.0, "high": 1.0})
    assert found[INT8, 1].median_ms.high > 1.5 * found[INT8, 1].median_ms.low  # type: ignore[operator]


def test_the_ratio_takes_only_rounds_that_hold_both() -> None:
    fp32, int8 = series(FP32, [2.0, 4.0, 2.0]), series(INT8, [1.0, 1.0, 1.0])
    assert paired_ratio(int8, [fp32[1]]).value == pytest.approx(0.25, rel=1e-5)
    assert paired_ratio(int8, [fp32[1]]).low is None


@pytest.mark.parametrize(
    "other", [{"threads": 2}, {"variant": "net.onnx-fp32"}, {"variant": "sleep"}, {"before": reading("powersave")}]
)
def test_there_is_no_ratio_without_an_fp32_of_the_same_format_and_conditions(other: dict[str, Any]) -> None:
    found = summarize([*series(INT8, [1.0] * 3), block(**{"variant": FP32, **other})])
    assert found[INT8, 1].ratio_to_fp32 is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"job": "job-2"}, "job"),
        ({"device": "rpi5"}, "device"),
        ({"runtime_version": "2.2.0"}, "runtime"),
        ({"threads": 4}, "threads"),
        ({"before": reading("powersave")}, "governor"),
    ],
)
def test_what_was_measured_otherwise_is_not_compared(change: dict[str, Any], name: str) -> None:
    other = series(FP32, [2.0, 2.0], **change)
    assert differences(conditions(series(INT8, [1.0, 1.0])), conditions(other)) == (name,)
    with pytest.raises(UsageError, match=f"not comparable: other {name}"):
        paired_ratio(series(INT8, [1.0, 1.0]), other)


def test_series_without_a_common_round_are_not_compared() -> None:
    with pytest.raises(NothingMeasured, match="no round holds both"):
        paired_ratio([block(round_=1)], [block(FP32, 0)])


def test_blocks_of_several_thread_counts_have_no_one_ratio() -> None:
    fp32 = series(FP32, [2.0, 2.0]) + series(FP32, [1.2, 1.2], threads=2)
    int8 = series(INT8, [1.0, 1.0]) + series(INT8, [0.9, 0.9], threads=2)
    with pytest.raises(UsageError, match=r"round 0 holds 2 blocks \(threads: 1 / 2\).*one thread count"):
        paired_ratio(int8, fp32)
    with pytest.raises(UsageError, match="round 0 holds 2 blocks"):
        median_draws([int8, series(FP32, [2.0, 2.0])])
    assert summarize(fp32 + int8)[INT8, 2].ratio_to_fp32.value == pytest.approx(0.75, rel=1e-5)  # type: ignore[union-attr]


def test_conditions_are_read_from_the_blocks() -> None:
    blocks = series(INT8, [1.0, 1.0], path="XNNPACK in 1 part(s)")
    blocks.append(block(round_=2, after=reading(mhz=1200, celsius=63.4)))
    assert only(blocks).conditions == {
        "job": "job-1",
        "device": "rpi4",
        "runtime": "litert 2.3.0",
        "executed_by": "XNNPACK in 1 part(s)",
        "threads": "1",
        "governor": "performance",
        "frequency_mhz": "1200 to 1500",
        "temperature_c": "41 to 63",
        "started_at": "2026-01-01T00:00:00+00:00",
    }


def test_a_machine_that_tells_nothing_has_an_unknown_governor() -> None:
    found = conditions([block(before={}, after={"governor": "", "frequency_khz": {}, "millicelsius": {}})])
    assert found["governor"] == "unknown"
    assert "executed_by" not in found
    assert "frequency_mhz" not in found
    assert "temperature_c" not in found


# ---- caveats --------------------------------------------------------------------------------------------------------


def test_few_blocks_say_so() -> None:
    few, one = only(series(INT8, [1.0, 1.01, 1.02])), only([block()])
    assert kinds(few) == kinds(one) == ["few-blocks"]
    assert few.caveats[0].text == "its interval rests on 3 blocks"
    assert (one.median_ms.low, one.median_ms.high) == (None, None)


def test_disturbed_and_repeated_blocks_are_caveats_with_their_reasons() -> None:
    blocks = series(INT8, [1.0] * 5)
    blocks[1] = block(round_=1, disturbed=("throttled: 0x4",), vetoes=("others used 0.40 cores",) * 2)
    blocks[2] = block(round_=2, vetoes=("81.0 C", "82.0 C", "83.0 C"))
    latency = only(blocks)
    assert kinds(latency) == ["disturbed", "repeated"]
    assert latency.caveats[0].text == "1 of 5 blocks were disturbed: throttled: 0x4"
    assert latency.caveats[1].text.endswith("measured again: others used 0.40 cores, 81.0 C, 82.0 C and 1 more")


def test_drifting_block_medians_are_a_caveat() -> None:
    latency = only(series(INT8, [1.0, 1.05, 1.1, 1.15, 1.2]))
    assert kinds(latency) == ["unsteady"]
    assert "1 to 1.2 ms, 18 % apart" in latency.caveats[0].text


def test_a_governor_that_changed_within_the_job_is_a_caveat() -> None:
    latency = only([*series(INT8, [1.0] * 4), block(round_=4, after=reading("powersave"))])
    assert kinds(latency) == ["governor-changed"]
    assert latency.conditions["governor"] == "performance / powersave"


def test_another_path_in_between_is_a_caveat() -> None:
    latency = only([*series(INT8, [1.0] * 4, path="XNNPACK in 1 part(s)"), block(round_=4, path="built-in kernels")])
    assert kinds(latency) == ["path-changed"]
    assert latency.caveats[0].text == "its blocks were executed by XNNPACK in 1 part(s) / built-in kernels"


def test_variants_that_different_kernels_execute_are_compared() -> None:
    fp32, int8 = series(FP32, [2.0] * 5, path="XNNPACK in 1 part(s)"), series(INT8, [1.0] * 5, path="built-in kernels")
    assert paired_ratio(int8, fp32).value == pytest.approx(0.5, rel=1e-5)
    assert [kinds(latency) for latency in summarize(fp32 + int8).values()] == [[], []]


def test_draws_share_rounds_so_that_a_slow_round_moves_no_ratio() -> None:
    rounds = [1.0, 1.5, 1.2, 2.0, 1.1]
    draws = median_draws([series(FP32, rounds), series(INT8, [0.5 * ms for ms in rounds])], resamples=300)
    assert draws.shape == (300, 2)
    assert np.allclose(draws[:, 1] / draws[:, 0], 0.5, rtol=1e-5)
    assert len(np.unique(draws[:, 0])) > 1


def test_draws_take_the_rounds_that_hold_all_variants() -> None:
    draws = median_draws([series(FP32, [1.0, 9.0]), series(INT8, [1.0])], resamples=20)
    assert np.allclose(draws, 1.0, rtol=1e-6)
    with pytest.raises(NothingMeasured):
        median_draws([series(FP32, [1.0]), [block(round_=1)]])
    with pytest.raises(UsageError, match="more than one job"):
        median_draws([series(FP32, [1.0]), [block(job="job-2")]])


@given(st.lists(st.floats(0.01, 1000), min_size=1, max_size=8))
def test_a_median_lies_in_its_interval_and_between_its_blocks(medians_ms: list[float]) -> None:
    blocks = series(INT8, medians_ms)
    latency = summarize(blocks)[INT8, 1]
    found = block_medians_ms(blocks)
    assert found.min() <= latency.median_ms.value <= found.max()
    if latency.median_ms.low is not None and latency.median_ms.high is not None:
        assert latency.median_ms.low <= latency.median_ms.value * (1 + 1e-12)
        assert latency.median_ms.high >= latency.median_ms.value * (1 - 1e-12)
