"""edgebench: quantize small neural networks, prove what it cost, and measure them on the devices you own.

    import edgebench

    edgebench.quantize("mobilenet_v1_a0.5")
    edgebench.evaluate("mobilenet_v1_a0.5")
    edgebench.run("mobilenet_v1_a0.5", device="local")
    edgebench.report()

Importing this costs nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` would cost more than all the rest
if TYPE_CHECKING:
    from typing import Any

    from edgebench.api import (
        baseline,
        check,
        doctor,
        evaluate,
        evaluate_on_device,
        import_model,
        quantize,
        report,
        results,
        run,
        time_pipeline,
        train,
        workspace,
    )
    from edgebench.errors import EdgebenchError

__all__ = [
    "EdgebenchError",
    "baseline",
    "check",
    "doctor",
    "evaluate",
    "evaluate_on_device",
    "import_model",
    "quantize",
    "report",
    "results",
    "run",
    "time_pipeline",
    "train",
    "workspace",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'edgebench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("edgebench.errors" if name == "EdgebenchError" else "edgebench.api"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
