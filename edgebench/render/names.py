"""Short names: what tells one variant from another inside one report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from edgebench.records.results import Results, VariantResult


def short_models(models: Sequence[str]) -> dict[str, str]:
    """Model names without the leading words they share; a lone model needs no name at all."""
    if len(models) < 2:
        return dict.fromkeys(models, "")
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*models, strict=False))
    shared = re.sub(r"[^_\- ]*$", "", "".join(letters[0] for letters in same))
    return {model: model.removeprefix(shared) for model in models}


def short_names(results: Results) -> dict[str, str]:
    """Variant id -> what the charts call it, such as `a0.5 tflite-int8`."""
    models = short_models(list(dict.fromkeys(v.model for v in results.variants)))
    return {v.variant: f"{models[v.model]} {kind(v)}".strip() for v in results.variants}


def kind(variant: VariantResult) -> str:
    """The part of a variant's id after the model's name."""
    return "source" if is_source(variant) else f"{variant.format}-{variant.recipe}"


def is_source(variant: VariantResult) -> bool:
    return variant.recipe == "source"


def anchor(variant: str) -> str:
    """The variant's place in the page, safe in a URL fragment and distinct for distinct variants."""
    return "v-" + re.sub(r"[^A-Za-z0-9_.-]", lambda match: f"~{ord(match[0]):x}~", variant)


def dataset_name(results: Results) -> str:
    return results.dataset.name if results.dataset else "no data set"


def title(results: Results) -> str:
    """The report's title; it always names the data set."""
    name = dataset_name(results)
    return results.title if name in results.title else f"{results.title} on {name}"


SYNTHETIC = "synthetic faces: these accuracies say nothing about AffectNet"


def thread_counts(results: Results) -> list[int]:
    """The thread counts at which any variant was timed, lowest first."""
    return sorted({latency.threads for variant in results.variants for latency in variant.latency})


def front_text(results: Results) -> str:
    """What the front's line is called; with several thread counts it is judged at the lowest."""
    threads = thread_counts(results)
    at = f" at {threads_text(threads[0])}" if len(threads) > 1 else ""
    return f"front{at}, size left out"


def threads_text(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"
