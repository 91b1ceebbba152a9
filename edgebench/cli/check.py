"""`edgebench check` and `edgebench baseline`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgebench.cli.options import Data
from edgebench.cli.session import Session

if TYPE_CHECKING:
    from edgebench.gate import GateRules

BASELINE = Path("baseline.json")

ChosenModels = Annotated[
    list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Only these models [default: the baseline's]")
]


def check(
    session: Session,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", "-b", metavar="FILE", help=f"[default: {BASELINE}, if it is there]")
    ] = None,
    model: ChosenModels = None,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["text", "markdown", "junit", "github"], typer.Option(help="Of the findings.")
    ] = "text",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write them there.")] = None,
    allowed_loss: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Of accuracy, against the baseline.")
    ] = 0.0,
    growth_bytes: Annotated[int, typer.Option(min=0, metavar="N", help="Allowed against the baseline.")] = 0,
    growth_share: Annotated[float, typer.Option(min=0, metavar="SHARE", help="Allowed against the baseline.")] = 0.0,
    latency: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="Measure changed artifacts there, side by side with the baseline's."),
    ] = None,
    latency_ratio: Annotated[float, typer.Option(min=0.01, metavar="RATIO", help="Allowed with --latency.")] = 1.05,
    data: Data = "synthetic",
) -> int:
    """Gate what was asked for last. Exit 0 pass, 1 fail, 3 inconclusive, 4 nothing measured."""
    from edgebench.files import as_store_errors
    from edgebench.pipeline.check import check
    from edgebench.registry import resolve
    from edgebench.render.gate_report import GATE_FORMATS
    from edgebench.specs.data import DataSettings

    if baseline is None and BASELINE.exists():
        baseline = BASELINE
    result = check(
        session.workspace,
        model or (),
        baseline=baseline,
        rules=_rules(
            allowed_loss=allowed_loss,
            growth_bytes=growth_bytes,
            growth_share=growth_share,
            latency_ratio=latency_ratio,
        ),
        latency_device=latency,
        data=DataSettings(folder=data),
    )
    text: str = resolve(GATE_FORMATS, format, kind="gate format")(result)
    session.answer({"exit_code": result.exit_code, "result": result})
    if out:
        with as_store_errors(out):
            out.write_text(text)
    else:
        session.say(text.rstrip("\n"))
    return result.exit_code


def _rules(**values: float) -> GateRules:
    """Raises UsageError; infinity passes the bounds that the options themselves state."""
    from pydantic import ValidationError

    from edgebench.errors import UsageError
    from edgebench.gate import GateRules

    try:
        return GateRules.model_validate(values)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        option = f"--{'.'.join(map(str, first['loc'])).replace('_', '-')}"
        raise UsageError(first["msg"], subject=f"{option} {first['input']}", fix="give a number in bounds") from exc


def baseline(
    session: Session,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Only these models [default: all kept]")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write or update.")] = BASELINE,
    drop: Annotated[
        bool, typer.Option("--drop", help="Let go of scores that the file holds and nobody measured again.")
    ] = False,
) -> None:
    """Write what was asked for last as the baseline that `check` holds later results against."""
    from edgebench.pipeline.check import write_baseline_of

    written = write_baseline_of(session.workspace, model or (), out, drop=drop)
    session.answer({"file": out, **written._asdict()})
    for name, dataset in written.judged_on.items():
        session.say(f"{name}: scores on {dataset.name}: {dataset.images_text}")
    for name, why in written.left_out.items():
        session.say(f"{name}: left as it was: {why}")
    for name in written.let_go:
        session.say(f"{name}: no longer held")
    session.say(f"{out}: {len(written.baseline.variants)} variants; commit it")
