from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgebench.metrics import Metric, metrics_of
from edgebench.metrics.sampling import sample
from edgebench.specs.model import RegressionHead

HEAD = RegressionHead(kind="regression", name="body", targets=("age", "height_m"))
FOUND = {metric.name: metric for metric in metrics_of(HEAD)}


def people(samples: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal((40, 1.7), (15, 0.1), (samples, 2))
    return truth + random.normal(0, (5, 0.05), (samples, 2)), truth


def test_every_target_has_its_metrics_and_all_together_one() -> None:
    assert list(FOUND) == [f"{kind}_{t}" for t in HEAD.targets for kind in ("rmse", "mae", "pcc", "ccc")] + ["ccc_mean"]
    assert {metric.head for metric in FOUND.values()} == {"regression"}


def test_errors_are_in_the_units_of_the_target() -> None:
    outputs, truth = np.array([[10.0, 1], [20, 2]]), np.array([[13.0, 1], [24, 2.5]])
    assert FOUND["rmse_age"].of(outputs, truth) == pytest.approx(12.5**0.5)
    assert FOUND["mae_age"].of(outputs, truth) == 3.5
    assert FOUND["mae_height_m"].of(outputs, truth) == 0.25


def test_correlation_is_pearsons_and_concordance_lins() -> None:
    outputs, truth = people()
    for axis, target in enumerate(HEAD.targets):
        x, y = outputs[:, axis], truth[:, axis]
        assert FOUND[f"pcc_{target}"].of(outputs, truth) == pytest.approx(stats.pearsonr(x, y).statistic)
        lin = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert FOUND[f"ccc_{target}"].of(outputs, truth) == pytest.approx(lin)
    each = [FOUND[f"ccc_{target}"].of(outputs, truth) for target in HEAD.targets]
    assert FOUND["ccc_mean"].of(outputs, truth) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("name", ["pcc_age", "ccc_age", "ccc_mean"])
@pytest.mark.parametrize(("scale", "shift"), [(1e-9, 0), (1e9, 0), (1, 1e6), (1e-7, 1)])
def test_agreement_does_not_depend_on_the_unit(name: str, scale: float, shift: float) -> None:
    outputs, truth = people()
    same = FOUND[name].of(scale * outputs + shift, scale * truth + shift)
    assert same == pytest.approx(FOUND[name].of(outputs, truth), rel=1e-5)


@pytest.mark.parametrize("metric", FOUND.values(), ids=lambda metric: metric.name)
def test_a_sample_without_a_label_weighs_nothing(metric: Metric) -> None:
    outputs, truth = people()
    truth[150:] = np.nan
    assert metric.of(outputs, truth) == pytest.approx(metric.of(outputs[:150], truth[:150]))


def test_constant_labels_have_no_correlation() -> None:
    outputs, truth = people()
    assert FOUND["pcc_age"].of(outputs, np.ones_like(truth)) is None


def test_metrics_are_drawn_over_resampled_images() -> None:
    outputs, truth = people()
    found = sample({"net": {"body": outputs}}, {"regression": truth}, [HEAD], resamples=200)["net"]
    assert set(found.draws) == set(FOUND)
    low, high = np.percentile(found.draws["rmse_age"], [2.5, 97.5])
    assert low < found.values["rmse_age"] < high
