"""Is a model file what its spec says? Opened and asked once in a child process, before anything is built on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgebench.errors import EdgebenchError, MissingPackage, SpecError, raise_all
from edgebench.files import as_store_errors
from edgebench.pipeline.children.workers import Outcome, Report, Task, run_tasks
from edgebench.pipeline.workspace import Workspace
from edgebench.sources import fingerprint
from edgebench.specs.model import ModelSpec
from edgebench.specs.problem import Place, Problem
from edgebench.specs.source import ZooSource

SILENCE_S = 300.0
"""To read a model and run it once."""
LINE = re.compile(r"(?P<file>.*?):(?P<line>\d+): (?P<key>\S+): (?P<text>.*)", re.DOTALL)
"""A problem that a source found in its spec, as a `SpecError` tells it."""


def problems_of_sources(workspace: Workspace, specs: Sequence[ModelSpec]) -> Iterator[Problem]:
    """What is wrong with the models of specs whose files are there; nets of the zoo are passed over."""
    outcomes = _opened(workspace, [spec for spec in _brought(specs) if spec.missing_file() is None])
    for spec, outcome in outcomes:
        if isinstance(outcome.error, MissingPackage):
            workspace.progress.note(f"{spec.name}: not opened: {outcome.error}")
        elif outcome.error:
            yield _problem(spec, outcome.error)


def refuse_unfit(workspace: Workspace, specs: Sequence[ModelSpec]) -> None:
    """Raises what is wrong with the models, where there is none left to work with; one that was opened is known."""
    new = [spec for spec in _brought(specs) if not _known(workspace, spec).exists()]
    failures = [outcome.error for _, outcome in _opened(workspace, new) if outcome.error]
    if len(failures) == len(specs):
        raise_all(failures)


def fits(report: Report, *, spec: ModelSpec) -> None:
    """In the child, which a hostile file may take down."""
    import numpy as np

    from edgebench.sources import load_source
    from edgebench.sources.activations import check_activations
    from edgebench.sources.contract import contract_shape

    noise = np.random.default_rng(0).uniform(0, 1, (2, *contract_shape(spec.input))).astype(np.float32)
    check_activations(spec, load_source(spec).predict(noise))


def _brought(specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """Those whose net is not ours."""
    return [spec for spec in specs if not isinstance(spec.source, ZooSource)]


def _opened(workspace: Workspace, specs: Sequence[ModelSpec]) -> Iterator[tuple[ModelSpec, Outcome]]:
    """One after the other in one child: frameworks are imported once, and large nets are never in memory together."""
    if not specs:
        return
    tasks = [
        Task(str(spec.source.file or spec.name), "edgebench.pipeline.opening:fits", {"spec": spec}, silence_s=SILENCE_S)
        for spec in specs
    ]
    with workspace.progress.step("opening models") as step:
        # One child gives its outcomes in the order of its tasks.
        outcomes = zip(specs, run_tasks(tasks, jobs=1, log=workspace.log), strict=True)
        for done, (spec, outcome) in enumerate(outcomes, start=1):
            if outcome.error is None:
                marker = _known(workspace, spec)
                with as_store_errors(marker):
                    marker.touch()
            step.update(done, len(tasks))
            yield spec, outcome


def _known(workspace: Workspace, spec: ModelSpec) -> Path:
    """It stands where this very model was opened and fits this very spec."""
    return workspace.store.folder("cache", "opened") / fingerprint(spec)


def _problem(spec: ModelSpec, error: EdgebenchError) -> Problem:
    if isinstance(error, SpecError) and (told := LINE.fullmatch(str(error))):
        return Problem.at(Place(Path(told["file"]), int(told["line"])), told["text"], key=told["key"])
    key = f"source.{spec.source.file_key}"
    return Problem.at(spec.place(key), str(error), key=key)
