"""One source under many contracts, in a child process: loaded once, asked about the same images each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import NonFiniteOutput
from edgebench.pipeline.children.workers import Report
from edgebench.specs.model import Head, InputContract, ModelSpec
from edgebench.specs.plausible import contract_text, distinct, identity, step_of, steps, with_step

if TYPE_CHECKING:
    import numpy as np

BATCH = 64


def answer(
    report: Report,
    *,
    spec: ModelSpec,
    images: dict[str, Path],
    options: Sequence[InputContract],
    head: Head,
    truth: np.ndarray,
    out: Path,
) -> list[InputContract]:
    """In the child: writes the answers under every contract that was tried, and returns those, the stated one first."""
    import numpy as np

    from edgebench.diagnosis import score
    from edgebench.sources import load_source

    source = load_source(spec)
    total = len(steps(spec.input)) + len(options)

    def ask(contract: InputContract) -> np.ndarray:
        report(len(tried), max(total, len(tried)), contract_text(contract))
        return _answers(source, contract, np.load(images[geometry(contract)], mmap_mode="r"), head.name)

    tried: dict[str, tuple[InputContract, np.ndarray]] = {}
    search(spec.input, options, ask, lambda values: score(head, values, truth), tried)
    if identity(spec.input) not in tried:
        raise NonFiniteOutput(
            "answers NaN, infinity or one value for every image under its own contract", subject=spec.name
        )
    np.save(out, np.stack([values for _, values in tried.values()]))
    return [contract for contract, _ in tried.values()]


def search(
    stated: InputContract,
    options: Sequence[InputContract],
    ask: Callable[[InputContract], Any],
    score: Callable[[Any], float],
    tried: dict[str, tuple[InputContract, Any]],
) -> None:
    """Fills `tried`, identity -> contract and answers, the stated one first; those without a score are left out.

    Args:
        options: geometries at hand, under the stated affine step.
    """
    import numpy as np

    scores: dict[str, float] = {}

    def best_of(contracts: Sequence[InputContract]) -> InputContract:
        for contract in contracts:
            key = identity(contract)
            if key not in scores:
                values = ask(contract)
                scores[key] = score(values) if np.isfinite(values).all() else -np.inf
                if scores[key] > -np.inf:
                    tried[key] = contract, values
        return max(contracts, key=lambda contract: scores[identity(contract)])

    best = best_of(steps(stated))
    best = best_of(distinct([best, *(with_step(option, step_of(best)) for option in options)]))
    if geometry(best) != geometry(stated):
        best_of(steps(best))


def _answers(source: Any, contract: InputContract, pixels: np.ndarray, head: str) -> np.ndarray:
    """float32 [images, width] of one head."""
    import numpy as np

    from edgebench.inputs import PreparedInputs

    inputs = PreparedInputs(pixels[..., ::-1] if contract.color == "bgr" else pixels, contract)
    parts = [source.predict(inputs[start : start + BATCH])[head] for start in range(0, len(inputs), BATCH)]
    return np.concatenate(parts)


def geometry(contract: InputContract) -> str:
    """Equal for contracts that share decoded pixels, which rgb and bgr do."""
    return repr(sorted((unflipped(contract).geometry()).items()))


def unflipped(contract: InputContract) -> InputContract:
    return contract.model_copy(update={"color": "rgb"}) if contract.color == "bgr" else contract
