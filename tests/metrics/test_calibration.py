import numpy as np
import pytest

from edgebench.metrics.calibration import CALIBRATION_ERROR


def test_it_is_the_gap_of_each_bin_weighed_by_its_samples() -> None:
    # Two bins: sure of 0.9 and right in 2 of 4; sure of 0.6 and right in 1 of 1.
    outputs = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]])
    assert CALIBRATION_ERROR.of(outputs, np.array([0, 0, 1, 1, 0])) == pytest.approx((4 * 0.4 + 1 * 0.4) / 5)


def test_gaps_cancel_within_a_bin_but_not_between_bins() -> None:
    together, apart = [[0.95, 0.05]] * 20, [[0.55, 0.45]] * 20
    truth = np.array([0] * 19 + [1])
    assert CALIBRATION_ERROR.of(np.array(together), truth) == pytest.approx(0)
    assert CALIBRATION_ERROR.of(np.array(together + apart), np.tile(truth, 2)) == pytest.approx(0.4 / 2)


def test_a_bin_holds_its_upper_edge() -> None:
    # 0.6 = 9/15 shares the bin of 0.55, not that of 0.65: the gaps -0.4 and +0.55 cancel.
    outputs = np.array([[0.6, 0.4], [0.55, 0.45]])
    assert CALIBRATION_ERROR.of(outputs, np.array([0, 1])) == pytest.approx(0.15 / 2)


def test_being_sure_and_right_is_no_error() -> None:
    assert CALIBRATION_ERROR.of(np.eye(3), np.arange(3)) == 0
    assert CALIBRATION_ERROR.of(np.eye(3), np.array([1, 2, 0])) == 1
