import numpy as np
import pytest

from edgebench.metrics.affect import RMSE_VALENCE
from edgebench.metrics.cells import CELL_RMSE_AROUSAL, CELL_RMSE_VALENCE, CELLS, affect_errors, heat_map


def test_a_rare_cell_weighs_as_much_as_a_crowded_one() -> None:
    truth = np.array([[0.5, 0.5]] * 9 + [[-0.5, -0.5]])
    outputs = truth + np.array([[0.1, 0.0]] * 9 + [[0.5, 0.2]])
    assert CELL_RMSE_VALENCE.of(outputs, truth) == pytest.approx((0.1 + 0.5) / 2)
    assert CELL_RMSE_AROUSAL.of(outputs, truth) == pytest.approx((0 + 0.2) / 2)


def test_within_a_cell_errors_are_squared() -> None:
    truth = np.zeros((2, 2))
    outputs = np.array([[0.3, 0.0], [-0.1, 0.0]])
    assert CELL_RMSE_VALENCE.of(outputs, truth) == pytest.approx(RMSE_VALENCE.of(outputs, truth))


def test_the_map_covers_the_square_to_its_edges() -> None:
    truth = np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [-1.0, 1.0]])
    found = heat_map(truth + 0.1, truth)
    places = [(0, 0), (CELLS - 1, CELLS - 1), (CELLS // 2, CELLS // 2), (0, CELLS - 1)]
    assert found.counts.sum() == 4
    assert all(found.counts[place] == 1 for place in places)
    assert [found.valence[place] for place in places] == pytest.approx([0.1] * 4)


def test_the_mean_of_the_map_is_the_metric() -> None:
    random = np.random.default_rng(0)
    truth, outputs = random.uniform(-1, 1, (2, 3000, 2))
    truth[:100] = np.nan
    truth[100:200, 1] = np.nan
    found = heat_map(outputs, truth)
    assert found.counts.sum() == 2800
    assert np.array_equal(np.isnan(found.arousal), found.counts == 0)
    assert CELL_RMSE_VALENCE.of(outputs, truth) == pytest.approx(np.nanmean(found.valence))
    assert CELL_RMSE_AROUSAL.of(outputs, truth) == pytest.approx(np.nanmean(found.arousal))


def test_a_record_holds_the_cells_with_a_label_and_their_mean_is_the_metric() -> None:
    truth, outputs = np.random.default_rng(2).uniform(-1, 1, (2, 500, 2))
    found = heat_map(outputs, truth)
    record = affect_errors(found)
    assert record is not None
    assert sum(record.labels) == 500
    assert len(record.labels) == (found.counts > 0).sum()
    assert np.mean(record.valence_rmse) == pytest.approx(CELL_RMSE_VALENCE.of(outputs, truth), abs=1e-4)
    last = record.valence[-1], record.arousal[-1]
    assert record.labels[-1] == found.counts[last]
    assert record.arousal_rmse[-1] == pytest.approx(found.arousal[last], abs=1e-4)


def test_without_a_label_of_both_there_is_no_record() -> None:
    assert affect_errors(heat_map(np.zeros((2, 2)), np.array([[np.nan, 0], [0, np.nan]]))) is None


def test_scipy_bins_likewise() -> None:
    from scipy.stats import binned_statistic_2d

    truth, outputs = np.random.default_rng(1).uniform(-1, 1, (2, 2000, 2))
    edges = [np.linspace(-1, 1, CELLS + 1)] * 2
    squares = (outputs[:, 0] - truth[:, 0]) ** 2
    means = binned_statistic_2d(truth[:, 0], truth[:, 1], squares, "mean", bins=edges).statistic
    assert np.allclose(heat_map(outputs, truth).valence, np.sqrt(means), equal_nan=True)
