import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from edgebench import stats


@st.composite
def paired_counts(draw: st.DrawFn) -> tuple[int, int, int]:
    lost, gained = draw(st.integers(0, 200)), draw(st.integers(0, 200))
    return lost, gained, lost + gained + draw(st.integers(0 if lost + gained else 1, 2000))


def sums_of(statistics: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    return np.concatenate([sums for _, sums in stats.bootstrap_sums([statistics], resamples=resamples, seed=seed)])


# ---- bootstrap ------------------------------------------------------------------------------------------------------


def test_every_resample_draws_as_many_samples_as_there_are() -> None:
    weights = np.concatenate(list(stats.bootstrap_weights(37, resamples=100, seed=1)))
    assert weights.shape == (100, 37)
    assert (weights.sum(axis=1) == 37).all()


def test_weights_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(stats.bootstrap_weights(101, resamples=50, seed=3)))
    monkeypatch.setattr(stats, "_CHUNK", 700)
    parts = list(stats.bootstrap_weights(101, resamples=50, seed=3))
    assert len(parts) > 5
    assert np.array_equal(whole, np.concatenate(parts))


def test_fewer_resamples_are_the_beginning_of_more() -> None:
    values = np.random.default_rng(0).random((60, 2))
    assert np.array_equal(sums_of(values, resamples=10, seed=5), sums_of(values, resamples=30, seed=5)[:10])


def test_sums_of_several_tables_are_those_of_each_whether_dense_or_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "_CHUNK", 400)
    random = np.random.default_rng(0)
    tables = [random.integers(0, 2, (50, columns)).astype(float) for columns in (1, 7, 3, 2)]
    mixed = [tables[0], csr_array(tables[1]), tables[2], csr_array(tables[3])]
    found: list[list[np.ndarray]] = [[], [], [], []]
    for place, sums in stats.bootstrap_sums(mixed, resamples=20, seed=1):
        assert sums[0].flags.c_contiguous
        found[place].append(sums)
    for parts, table in zip(found, tables, strict=True):
        assert len(parts) == 3  # of eight resamples
        assert np.array_equal(np.concatenate(parts), sums_of(table, resamples=20, seed=1))
    sparse = [sums for _, sums in stats.bootstrap_sums([mixed[1]], resamples=20, seed=1)]
    assert np.array_equal(np.concatenate(sparse), sums_of(tables[1], resamples=20, seed=1))


def test_memory_of_the_weights_is_flat_in_the_number_of_resamples() -> None:
    tracemalloc.start()
    for _ in stats.bootstrap_weights(50_000, resamples=400, seed=0):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20  # all weights at once would be 160 MB


def test_bootstrap_of_a_mean_has_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(size=(400, 1))
    draws = sums_of(values, resamples=4000, seed=0)[:, 0] / 400
    assert draws.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_variants_share_the_drawn_units() -> None:
    medians = np.random.default_rng(2).random((1, 9))
    draws = stats.bootstrap_medians(np.concatenate([medians, medians + 1]), resamples=200)
    assert np.allclose(draws[:, 1] - draws[:, 0], 1)


def test_drawn_images_tell_nothing_about_drawn_rounds() -> None:
    unit = np.arange(5.0)
    images = sums_of(unit[:, None], resamples=3000, seed=7)[:, 0]
    rounds = stats.bootstrap_medians(unit[None], resamples=3000, seed=7)[:, 0]
    assert abs(np.corrcoef(images, rounds)[0, 1]) < 0.06


def test_percentile_interval_leaves_undefined_draws_out() -> None:
    draws = np.concatenate([np.arange(1001.0), [np.nan] * 50])
    assert stats.percentile_interval(draws, samples=10**9, confidence=0.9) == pytest.approx((50, 950))
    assert stats.percentile_interval(np.full(9, np.nan), samples=10**9) is None


def test_percentiles_of_few_samples_are_expanded_to_students_width() -> None:
    draws = np.random.default_rng(0).normal(size=400_000)
    low, high = stats.percentile_interval(draws, samples=30)  # type: ignore[misc]
    assert high - low == pytest.approx(2 * 2.0452 * (30 / 29) ** 0.5, rel=0.01)


@pytest.mark.parametrize("samples", [1, 2, 29])
def test_too_few_samples_have_no_bootstrap_interval(samples: int) -> None:
    assert stats.percentile_interval(np.arange(1000.0), samples=samples) is None
    assert stats.percentile_interval(np.arange(1000.0), samples=stats.FEWEST_SAMPLES) is not None


# ---- blocks ---------------------------------------------------------------------------------------------------------


def block_medians(units: int, jobs: int) -> np.ndarray:
    """Of log-normal block levels around 1, with invocations that follow one another (AR(1), 0.8): [jobs, units]."""
    random = np.random.default_rng(units)
    noise = random.normal(0, 0.6, (jobs, units, 60))
    for i in range(1, noise.shape[2]):
        noise[..., i] += 0.8 * noise[..., i - 1]
    return np.median(np.exp(0.05 * (random.normal(size=(jobs, units, 1)) + noise)), axis=2)


@pytest.mark.parametrize("units", [2, 3, 5, 8, 10, 20])
def test_the_interval_of_a_median_of_blocks_covers_the_truth_as_often_as_it_says(units: int) -> None:
    medians = block_medians(units, jobs=6000)
    intervals = np.array([stats.median_interval(row) for row in medians])
    covered = (intervals[:, 0] <= 1) & (intervals[:, 1] >= 1)
    assert 0.945 <= covered.mean() < 0.99


@pytest.mark.parametrize("units", [5, 8, 10])
def test_the_interval_of_a_paired_ratio_covers_the_truth_as_often_as_it_says(units: int) -> None:
    ratios = block_medians(units, jobs=6000)[:3000] / block_medians(units, jobs=6000)[3000:]
    intervals = np.array([stats.median_interval(row) for row in ratios])
    assert 0.945 <= ((intervals[:, 0] <= 1) & (intervals[:, 1] >= 1)).mean() < 0.99


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=12), st.floats(0.01, 100))
def test_the_interval_of_a_median_holds_it_and_scales_with_it(values: list[float], factor: float) -> None:
    low, high = stats.median_interval(np.array(values))  # type: ignore[misc]
    assert 0 <= low <= np.median(values) * (1 + 1e-12)
    assert high >= np.median(values) * (1 - 1e-12)
    scaled = stats.median_interval(factor * np.array(values))
    assert scaled == pytest.approx((factor * low, factor * high), rel=1e-6)


def test_one_block_has_no_interval_and_equal_blocks_have_no_width() -> None:
    assert stats.median_interval(np.array([2.0])) is None
    assert stats.median_interval(np.full(5, 2.0)) == (2.0, 2.0)


# ---- McNemar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "gained", "p_value"),
    [
        (1, 7, 0.0703),  # airway hyper-responsiveness, Fagerland, Lydersen and Laake (2013)
        (7, 6, 1.0),  # reading and mathematics scores, Stata's `mcc`
        (0, 5, 1 / 16),  # by hand: all five coins on one side, twice
    ],
)
def test_exact_mcnemar_gives_known_p_values(lost: int, gained: int, p_value: float) -> None:
    assert stats.mcnemar_exact(lost, gained) == pytest.approx(p_value, abs=5e-5)


def test_without_discordant_pairs_nothing_speaks_against_equality() -> None:
    assert stats.mcnemar_exact(0, 0) == 1.0


# ---- intervals of proportions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "samples", "interval"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_gives_the_table_of_newcombe_1998(successes: int, samples: int, interval: tuple[float, float]) -> None:
    assert stats.wilson_interval(successes, samples) == pytest.approx(interval, abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_stays_a_proportion_and_holds_the_estimate(counts: tuple[int, int]) -> None:
    successes, samples = counts
    low, high = stats.wilson_interval(successes, samples)
    assert 0 <= low <= successes / samples <= high <= 1
    assert low < high


@pytest.mark.parametrize(
    ("gained", "lost", "samples", "confidence", "interval", "digits"),
    [
        (0, 1, 44, 0.90, (-0.096, 0.037), 3),  # Tango (1998), section 6.1: soft contact lenses
        (9, 3, 32, 0.95, (-0.027, 0.390), 3),  # Tango (1998)
        (16, 8, 86, 0.95, (-0.020, 0.207), 3),  # Agresti and Min (2005)
        (1, 7, 21, 0.95, (-0.517, -0.026), 3),  # Fagerland, Lydersen and Laake (2014)
        (3, 1, 14, 0.95, (-0.1670, 0.4327), 4),  # Tang, Ling, Ling and Tian (2010)
        (12, 2, 50, 0.95, (0.0611, 0.3447), 4),  # Newcombe's worksheet
        (25, 2, 102, 0.95, (0.139, 0.321), 3),  # Chang (2024)
    ],
)
def test_tango_gives_published_intervals(
    gained: int, lost: int, samples: int, confidence: float, interval: tuple[float, float], digits: int
) -> None:
    low, high = stats.tango_interval(lost, gained, samples, confidence=confidence)
    assert (round(low, digits), round(high, digits)) == interval


def test_tango_has_a_width_without_a_single_discordant_pair() -> None:
    z2 = 1.959964**2
    low, high = stats.tango_interval(0, 0, 800)
    assert (low, high) == pytest.approx((-z2 / (800 + z2), z2 / (800 + z2)), abs=1e-8)


@given(paired_counts())
def test_tango_holds_the_difference_and_stays_in_its_range(counts: tuple[int, int, int]) -> None:
    lost, gained, samples = counts
    low, high = stats.tango_interval(lost, gained, samples)
    assert -1 <= low <= (gained - lost) / samples <= high <= 1
    assert low < high


@given(paired_counts())
def test_tango_is_mirrored_when_losses_become_gains(counts: tuple[int, int, int]) -> None:
    lost, gained, samples = counts
    low, high = stats.tango_interval(lost, gained, samples)
    assert stats.tango_interval(gained, lost, samples) == pytest.approx((-high, -low), abs=1e-9)


@given(paired_counts())
def test_tango_ends_where_the_score_test_rejects(counts: tuple[int, int, int]) -> None:
    lost, gained, samples = counts
    low, high = stats.tango_interval(lost, gained, samples)
    if gained < samples and lost < samples:
        assert stats._tango_score(low, lost, gained, samples) == pytest.approx(1.96, abs=2e-3)
        assert stats._tango_score(high, lost, gained, samples) == pytest.approx(-1.96, abs=2e-3)


def test_tango_excludes_zero_where_mcnemars_statistic_is_large() -> None:
    # At a difference of zero the score is McNemar's (gained - lost) / sqrt(gained + lost).
    assert stats._tango_score(0.0, 20, 5, 400) == pytest.approx((5 - 20) / 5)
    assert stats.tango_interval(20, 5, 400)[1] < 0 < stats.tango_interval(12, 5, 400)[1]


@pytest.mark.parametrize(("lost", "gained", "samples"), [(0.03, 0.02, 800), (0.01, 0.01, 400), (0.15, 0.05, 100)])
def test_tango_covers_the_truth_as_often_as_it_says(lost: float, gained: float, samples: int) -> None:
    counts = np.random.default_rng(0).multinomial(samples, [lost, gained, 1 - lost - gained], size=1500)
    intervals = np.array([stats.tango_interval(b, c, samples) for b, c, _ in counts.tolist()])
    covered = (intervals[:, 0] <= gained - lost) & (gained - lost <= intervals[:, 1])
    assert 0.935 < covered.mean() < 0.975
