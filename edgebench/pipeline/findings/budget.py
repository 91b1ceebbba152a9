"""An artifact's size against its spec's budget."""

from __future__ import annotations

from edgebench.records.artifact import Artifact
from edgebench.records.caveat import Caveat
from edgebench.specs.model import ModelSpec
from edgebench.units import bytes_text


def over_budget(spec: ModelSpec, artifact: Artifact) -> Caveat | None:
    """What is wrong where the artifact is larger than the spec's budget."""
    allowed = spec.budgets.max_bytes
    if allowed is None or artifact.size_bytes <= allowed:
        return None
    size, budget = bytes_text(artifact.size_bytes), bytes_text(allowed)
    if size == budget:
        size, budget = f"{artifact.size_bytes:,} bytes", f"{allowed:,}"
    return Caveat(
        kind="over-budget",
        text=f"{size} is over the budget of {budget}",
        fix="use a smaller recipe or width, or raise budgets.max_bytes in the spec",
    )
