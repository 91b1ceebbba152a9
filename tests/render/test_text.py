"""Numbers with intervals say their unit once."""

from __future__ import annotations

import pytest

from edgebench.records.results import Estimate
from edgebench.render.text import estimate_text, interval_text, metric_title
from edgebench.units import (
    NOT_MEASURED,
    bytes_text,
    change_text,
    fps_text,
    ms_text,
    percent_text,
    points_text,
    probability_text,
    ratio_text,
    score_text,
)


def test_an_interval_follows_its_value_without_the_unit():
    assert estimate_text(Estimate(value=0.712, low=0.681, high=0.742), percent_text) == "71.2 % [68.1, 74.2]"
    assert estimate_text(Estimate(value=0.2, low=0.19, high=1.2), ms_text) == "0.200 ms [0.190, 1.20]"
    assert estimate_text(Estimate(value=-0.01, low=-0.02, high=0.0), points_text) == "-1.00 pt [-2.00, +0.00]"


def test_a_number_without_an_interval_claims_none():
    assert estimate_text(Estimate(value=1.0), ratio_text) == "1.00x"
    assert interval_text(Estimate(value=1.0, low=0.5), ratio_text) == ""
    assert estimate_text(None, ms_text) == NOT_MEASURED


def test_metrics_are_named_as_people_write_them():
    names = ("accuracy", "macro_f1", "ccc_valence", "log_loss", "rmse_arousal")
    assert [metric_title(name) for name in names] == ["accuracy", "macro F1", "CCC valence", "log loss", "RMSE arousal"]


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.0, "0 %"), (0.004, "< 1 %"), (0.5, "50 %"), (0.996, "> 99 %"), (1.0, "100 %"), (None, NOT_MEASURED)],
)
def test_only_certainty_is_called_certain(probability, text):
    assert probability_text(probability) == text


def test_ratios_scores_and_rates_have_fitting_digits():
    assert (ratio_text(0.456), ratio_text(None)) == ("0.46x", NOT_MEASURED)
    assert (score_text(0.61234), score_text(None), change_text(-0.0161)) == ("0.612", NOT_MEASURED, "-0.016")
    assert [fps_text(fps) for fps in (2383.2, 45.31, 1.934)] == ["2,383", "45.3", "1.93"]
    assert bytes_text(4_000_000_000) == "4.00 GB"
