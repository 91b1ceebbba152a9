"""`edgebench demo`: the whole road on what ships with edgebench."""

from __future__ import annotations

from pathlib import Path

from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.measure import measure
from edgebench.pipeline.report import Page, report
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.bench import QUICK

MODELS = ("mobilenet_v1_a0.25", "mobilenet_v1_a0.5")
DEVICE = "local"


def demo(workspace: Workspace, *, out: Path = Path("reports")) -> Page:
    """Two trained models, synthetic faces, this machine: artifacts, accuracy, latency, report."""
    choice = Choice.of(MODELS)
    evaluations = evaluate(workspace, choice)
    measure(workspace, choice, device=DEVICE, settings=QUICK)
    name = evaluations[0].dataset.name
    pages = report(workspace, MODELS, device=DEVICE, out=out)
    return next(page for page in pages if page.results.dataset and page.results.dataset.name == name)
