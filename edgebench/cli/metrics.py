"""`edgebench metrics`."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgebench.cli.options import Seed
from edgebench.cli.session import Column, Session
from edgebench.errors import DataError, NothingMeasured, UsageError

if TYPE_CHECKING:
    from edgebench.metrics.annotator_tables import AgreementScores
    from edgebench.metrics.confusion import ClassRates, ConfusionScores, Scale
    from edgebench.metrics.predictions import NumberScores
    from edgebench.records.results import Estimate

READ_AS = {
    "counts": "counts of samples",
    "rows": "shares of their row",
    "all": "shares of all samples",
}
PICTURES = (".png", ".svg")


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
            help="CSV with a row a sample: truth, predicted[, a probability for each class]; or numbers: age, "
            "predicted_age; or valence, arousal, predicted_valence, predicted_arousal.",
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
    annotators: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV with a row a sample, and label_NAME, or valence_NAME and arousal_NAME, for each annotator: "
            "how far they agree.",
        ),
    ] = None,
    heat_map: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .png or .svg to write, of the errors of valence and arousal by the place of the label.",
        ),
    ] = None,
    bounds: Annotated[
        tuple[float, float] | None,
        typer.Option("--range", metavar="LOW HIGH", help="What valence and arousal lie in.  [default: -1 1]"),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Compute the metrics of the literature from a table: a confusion matrix, predictions, or several annotators."""
    _check(confusion, predictions, annotators, counted=bool(cells or class_counts))
    _check_range(bounds, confusion)
    if heat_map is not None:
        _check_picture(heat_map, predictions)
    if confusion is not None:
        scores, how = _of_matrix(confusion, cells, class_counts, seed)
        session.say(f"{confusion}: read {len(scores.classes)} x {len(scores.classes)} cells as {how}")
        _show(session, scores)
    elif predictions is not None:
        from edgebench.metrics.predictions import score_predictions

        scored = score_predictions(predictions, bounds=bounds, seed=seed)
        if heat_map is not None:
            _draw(predictions, heat_map, bounds)
        _show(session, scored)
        if heat_map is not None:
            session.say(f"{heat_map}: errors of valence and arousal by the place of the label")
    elif annotators is not None:
        from edgebench.metrics.annotator_tables import score_annotators

        agreement = score_annotators(annotators, bounds=bounds)
        session.say(f"{len(agreement.annotators)} annotators, compared where several of them gave a label")
        _show(session, agreement)
    if bounds is not None:
        session.say(
            f"valence and arousal are brought from [{bounds[0]:g}, {bounds[1]:g}] to [-1, 1], and so are errors"
        )


def _check(confusion: Path | None, predictions: Path | None, annotators: Path | None, *, counted: bool) -> None:
    if sum(file is not None for file in (confusion, predictions, annotators)) != 1:
        fix = "--confusion FILE, --predictions FILE or --annotators FILE"
        raise UsageError("give one file", subject="metrics", fix=fix)
    if counted and confusion is None:
        of = "predictions" if predictions else "annotators"
        raise UsageError(f"say nothing of {of}", subject="--cells, --class-counts", fix="leave them out")


def _check_range(bounds: tuple[float, float] | None, confusion: Path | None) -> None:
    if bounds is None:
        return
    if confusion is not None:
        raise UsageError("says nothing of a confusion matrix", subject="--range", fix="leave it out")
    low, high = bounds
    if not -inf < low < high < inf:
        raise UsageError(f"{low:g} to {high:g} does not rise", subject="--range", fix="write --range -10 10")


def _check_picture(out: Path, predictions: Path | None) -> None:
    if predictions is None:
        raise UsageError("is drawn of predictions", subject="--heat-map", fix="say --predictions FILE too")
    if out.suffix not in PICTURES:
        raise UsageError("is no name of a picture", subject=str(out), fix=f"end it in {' or '.join(PICTURES)}")


def _draw(predictions: Path, out: Path, bounds: tuple[float, float] | None) -> None:
    from edgebench.files import as_store_errors, replacing
    from edgebench.metrics.predictions import errors_by_place
    from edgebench.render import affect_map

    draw = affect_map.png if out.suffix == ".png" else affect_map.svg
    picture = draw(errors_by_place(predictions, bounds=bounds), name=predictions.name)
    with as_store_errors(out), replacing(out) as part:
        part.write_bytes(picture)


def _of_matrix(path: Path, cells: Scale | None, class_counts: str | None, seed: int) -> tuple[ConfusionScores, str]:
    from edgebench.metrics.confusion import from_confusion
    from edgebench.metrics.csv_tables import read_confusion

    table = read_confusion(path, scale=cells)
    counts = _class_counts(class_counts)
    try:
        scores = from_confusion(table.matrix, table.labels, scale=table.scale, class_counts=counts, seed=seed)
    except (DataError, NothingMeasured) as exc:  # it knows of no file
        raise type(exc)(exc.problem, subject=f"{path}: {exc.subject}", fix=exc.fix) from None
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


def _show(session: Session, scores: ConfusionScores | NumberScores | AgreementScores) -> None:
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
