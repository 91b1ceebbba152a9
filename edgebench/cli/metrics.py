"""`edgebench metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgebench.cli.options import Seed
from edgebench.cli.session import Column, Session
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.metrics.confusion import ClassRates, ConfusionScores, Scale
    from edgebench.metrics.predictions import AffectScores
    from edgebench.records.results import Estimate

READ_AS = {
    "counts": "counts of samples",
    "rows": "shares of their row",
    "all": "shares of all samples",
}


def metrics(
    session: Session,
    confusion: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV of a confusion matrix: rows truth, columns predicted."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV with a row a sample: truth, predicted[, a probability for each class]; "
            "or valence, arousal, predicted_valence, predicted_arousal.",
        ),
    ] = None,
    cells: Annotated[
        Literal["counts", "rows", "all"] | None,
        typer.Option(help="What the cells are: counts, or shares (or percentages) of rows or of all."),
    ] = None,
    class_counts: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Samples of each class, such as 500,480,500, or `equal`; with shares of rows."
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Compute the metrics of the literature from a confusion matrix, or from predictions in a table."""
    if (confusion is None) == (predictions is None):
        raise UsageError("give one file", subject="metrics", fix="--confusion FILE or --predictions FILE")
    if confusion is not None:
        scores, how = _of_matrix(confusion, cells, class_counts, seed)
        session.say(f"{confusion}: read {len(scores.classes)} x {len(scores.classes)} cells as {how}")
        _show(session, scores)
    elif predictions is not None:
        if cells or class_counts:
            raise UsageError("say nothing of predictions", subject="--cells, --class-counts", fix="leave them out")
        from edgebench.metrics.predictions import score_predictions

        _show(session, score_predictions(predictions, seed=seed))


def _of_matrix(path: Path, cells: Scale | None, class_counts: str | None, seed: int) -> tuple[ConfusionScores, str]:
    from edgebench.metrics.confusion import from_confusion
    from edgebench.metrics.csv_tables import read_confusion

    table = read_confusion(path, scale=cells)
    scores = from_confusion(
        table.matrix, table.labels, scale=table.scale, class_counts=_class_counts(class_counts), seed=seed
    )
    doubt = "" if cells else " (if they are something else, say so: --cells)"
    return scores, READ_AS[table.scale] + doubt


def _class_counts(text: str | None) -> list[int] | Literal["equal"] | None:
    if text is None or text == "equal":
        return "equal" if text else None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as exc:
        raise UsageError(
            f"{text!r} is no list of numbers", subject="--class-counts", fix="write 500,480,500, or equal"
        ) from exc


def _show(session: Session, scores: ConfusionScores | AffectScores) -> None:
    from edgebench.render.text import metric_title

    session.answer(scores)
    if scores.samples is not None:
        session.say(f"{scores.samples} labelled samples")
    session.table(
        (Column("metric"), Column("value", numeric=True), Column("95 % interval")),
        [(metric_title(name), f"{value.value:.3f}", _interval(value)) for name, value in scores.metrics.items()],
    )
    classes: tuple[ClassRates, ...] = getattr(scores, "classes", ())
    if classes:
        titles = ("samples", "sensitivity", "miss rate", "precision", "false discovery", "F1")
        session.table((Column("class"), *(Column(title, numeric=True) for title in titles)), [*map(_row, classes)])
    unknown: dict[str, str] = getattr(scores, "unknown", {})
    for reason in dict.fromkeys(unknown.values()):
        names = ", ".join(metric_title(name) for name, why in unknown.items() if why == reason)
        session.say(f"not known: {names}: {reason}")


def _interval(value: Estimate) -> str:
    return "" if value.low is None or value.high is None else f"[{value.low:.3f}, {value.high:.3f}]"


def _row(rates: ClassRates) -> tuple[str, ...]:
    shares = (rates.sensitivity, rates.miss_rate, rates.precision, rates.false_discovery_rate, rates.f1)
    return (
        rates.label,
        "" if rates.support is None else str(rates.support),
        *("" if share is None else f"{share:.3f}" for share in shares),
    )
