"""What a device answered: the proof that what ran there computes what was judged."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.records.results import DeviceAnswers, Results, VariantResult

HEAD = ("variant", "runtime", "executed by", "blocks", "images", "answers")
AGAINST = {"evaluation": "the evaluation", "host": "this machine", "nothing": ""}


def ran(results: Results) -> list[tuple[VariantResult, DeviceAnswers]]:
    return [(variant, variant.answers) for variant in results.variants if variant.answers]


def is_emulated(results: Results) -> bool:
    return bool(results.device and results.device.emulated)


def table(results: Results) -> Iterator[tuple[str, ...]]:
    """Cells under HEAD, a row for each variant."""
    for variant, answers in ran(results):
        yield cells(variant.variant, answers)


def cells(name: str, found: DeviceAnswers) -> tuple[str, ...]:
    runtime = f"{found.runtime} {found.runtime_version}"
    return name, runtime, found.path, str(found.blocks), str(found.images), answers_text(found)


def answers_text(found: DeviceAnswers) -> str:
    if found.same is None:
        return "nothing to hold them against" if found.held_against == "nothing" else "not kept"
    against = AGAINST[found.held_against]
    if found.exact:
        return f"as {against}, bit for bit"
    if not against or found.largest_difference is None:
        return f"not as {against}" if against else "not the same in every block"
    word = "as" if found.same else "not as"
    return f"{word} {against}: up to {found.largest_difference:.1e} apart, {found.allowed_difference:.1e} is allowed"


def summary(answers: list[DeviceAnswers]) -> str:
    """How many gave the same answers; empty where none was compared."""
    judged = [each for each in answers if each.same is not None]
    if not judged:
        return ""
    same = [each for each in judged if each.same]
    exact = sum(bool(each.exact) for each in same)
    return (
        f"{len(same)} of {len(judged)} gave the same answers as here"
        f" ({exact} bit for bit, {len(same) - exact} within what floats may differ by)"
    )
