"""Numbers as people read them. Values carry their unit in their name; text is made only here."""

from __future__ import annotations

NOT_MEASURED = "not measured"


def bytes_text(size_bytes: int) -> str:
    """Decimal gigabytes, megabytes and kilobytes, as model papers and app stores count them."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1_000_000_000:.2f} GB"
    if size_bytes >= 1_000_000:
        return f"{size_bytes / 1_000_000:.2f} MB"
    if size_bytes >= 1_000:
        return f"{size_bytes / 1_000:.1f} kB"
    return f"{size_bytes} B"


def ms_text(latency_ms: float | None) -> str:
    """Three significant digits."""
    if latency_ms is None:
        return NOT_MEASURED
    digits = 0 if latency_ms >= 100 else 1 if latency_ms >= 10 else 2 if latency_ms >= 1 else 3
    return f"{latency_ms:.{digits}f} ms"


def percent_text(share: float | None, digits: int = 1) -> str:
    return NOT_MEASURED if share is None else f"{100 * share:.{digits}f} %"


def points_text(difference: float) -> str:
    """A difference of two shares, in signed percentage points."""
    return f"{100 * difference:+.2f} pt"


def duration_text(duration_s: float) -> str:
    if duration_s < 60:
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes} min {seconds:02d} s"


CLOCK_S = 5.0
"""A clock that is further off than this shows in the records."""


def lag_text(off_s: float, *, delay_s: float = 0.0) -> str:
    """How far a clock is off, '' where that may be the time that it took to ask."""
    if abs(off_s) <= CLOCK_S + delay_s:
        return ""
    days = abs(off_s) / 86400
    text = f"{days:,.0f} days" if days >= 2 else duration_text(abs(off_s))
    return f"{text} {'ahead' if off_s > 0 else 'behind'}"


def ratio_text(ratio: float | None) -> str:
    return NOT_MEASURED if ratio is None else f"{ratio:.2f}x"


def score_text(score: float | None) -> str:
    """A unitless score such as F1 or CCC."""
    return NOT_MEASURED if score is None else f"{score:.3f}"


def probability_text(probability: float | None) -> str:
    """Whole percents; what is not certain is never rounded to certainty."""
    if probability is None:
        return NOT_MEASURED
    if 0 < probability < 0.01:
        return "< 1 %"
    if 0.99 < probability < 1:
        return "> 99 %"
    return f"{100 * probability:.0f} %"


def watts_text(power_w: float | None) -> str:
    return NOT_MEASURED if power_w is None else f"{power_w:.2f} W"


def joules_text(energy_j: float | None) -> str:
    """Joules, or thousandths of one, to three digits."""
    if energy_j is None:
        return NOT_MEASURED
    return f"{energy_j:.3g} J" if energy_j >= 1 else f"{1000 * energy_j:.3g} mJ"


def fps_text(fps: float) -> str:
    """Frames per second, to three digits where that is less than whole numbers."""
    return f"{fps:,.0f}" if fps >= 100 else f"{fps:.1f}" if fps >= 10 else f"{fps:.2f}"


def change_text(difference: float) -> str:
    """A signed difference of two unitless scores."""
    return f"{difference:+.3f}"
