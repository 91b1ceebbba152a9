"""summary.md: what a pull request needs to show, in GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from edgebench.records.caveat import Caveat
from edgebench.records.results import Results, VariantResult
from edgebench.render import answers, frame_rates, names, soaks
from edgebench.render.conclusions import conclusions
from edgebench.render.criterion import Criterion, criterion_of
from edgebench.render.tables import caveats_of
from edgebench.render.text import estimate_text
from edgebench.units import NOT_MEASURED, bytes_text, ms_text, probability_text, ratio_text

MARKUP = re.compile(r"([\\`*_\[\]|~])")
"""What GitHub's Markdown would obey inside a line; a name may hold any of it."""
REFERENCES = re.compile(r"([@#])")
"""What GitHub would turn into a mention or a link to an issue, escaped or not."""


def render(results: Results) -> bytes:
    return ("\n".join(_lines(results)).rstrip() + "\n").encode()


def escape(text: str) -> str:
    """Text that shows as itself inside a table cell: no markup, no mention, no new line."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return REFERENCES.sub(r"\1<!-- -->", MARKUP.sub(r"\\\1", " ".join(shown.split())))


def _lines(results: Results) -> Iterator[str]:
    yield f"## {escape(names.title(results))}"
    yield ""
    if results.dataset and results.dataset.synthetic:
        yield f"> **{names.SYNTHETIC}**"
        yield ""
    yield escape(_setting(results))
    yield ""
    yield from (f"- {escape(sentence)}" for sentence in conclusions(results))
    yield ""
    yield from _table(results)
    yield ""
    yield from _frame_rates(results)
    yield from _soaks(results)
    yield from _answers(results)
    yield from _caveats(results)
    yield f"Reproduce: {_code(results.command)}"


def _setting(results: Results) -> str:
    data, device = results.dataset, results.device
    parts = [f"Data set: {data.name}, {data.split}, {data.images_text}." if data else "No data set."]
    if device:
        emulated = " (emulated)" if device.emulated else ""
        parts.append(f"Device: {device.name}{emulated}, {device.processor}, {device.cores} cores.")
    return " ".join(parts)


def _table(results: Results) -> Iterator[str]:
    criterion, threads = criterion_of(results), names.thread_counts(results)
    latency = [f"latency, {names.threads_text(n)}" for n in threads] or ["latency"]
    if any(variant.scores for variant in results.variants):
        front = ["P(front)", "P(front with size)"]
        head = ["variant", "verdict", criterion.title, "delta", "size", *latency, "latency / fp32", *front]
        words, rows = 2, (_judged(variant, criterion, threads) for variant in results.variants)
    else:
        head = ["variant", "size", "size / fp32", "int8 operators", "int8 conv/matmul", *latency, "latency / fp32"]
        words, rows = 1, (_made(variant, threads) for variant in results.variants)
    yield _joined(head)
    yield _joined(["---"] * words + ["---:"] * (len(head) - words))
    yield from (_joined([escape(cell) for cell in row]) for row in rows)


def _frame_rates(results: Results) -> Iterator[str]:
    if not frame_rates.timed(results):
        return
    yield "### Frames per second, behind a face detector"
    yield ""
    yield _joined(frame_rates.HEAD)
    yield _joined(["---"] * frame_rates.WORDS + ["---:"] * (len(frame_rates.HEAD) - frame_rates.WORDS))
    yield from (_joined([escape(cell) for cell in cells]) for cells in frame_rates.table(results))
    yield ""


def _soaks(results: Results) -> Iterator[str]:
    if not soaks.soaked(results):
        return
    yield "### Burst and sustained speed"
    yield ""
    yield _joined(soaks.HEAD)
    yield _joined(["---"] + ["---:"] * (len(soaks.HEAD) - 1))
    yield from (_joined([escape(cell) for cell in cells]) for cells in soaks.table(results))
    yield ""


def _answers(results: Results) -> Iterator[str]:
    """All that an emulated device's run is for."""
    if not answers.is_emulated(results) or not answers.ran(results):
        return
    yield "### What ran on the emulated device"
    yield ""
    yield _joined(answers.HEAD)
    yield _joined(["---"] * len(answers.HEAD))
    yield from (_joined([escape(cell) for cell in cells]) for cells in answers.table(results))
    yield ""


def _judged(variant: VariantResult, criterion: Criterion, threads: Sequence[int]) -> Iterator[str]:
    source = names.is_source(variant)
    yield variant.variant
    yield "reference" if source else variant.drift.verdict if variant.drift else NOT_MEASURED
    yield estimate_text(criterion.value(variant), criterion.value_text)
    yield "reference" if source else estimate_text(criterion.delta(variant), criterion.change_text)
    yield _size(variant)
    yield from _latencies(variant, threads)
    yield probability_text(variant.front_probability)
    yield probability_text(variant.front_probability_with_size)


def _made(variant: VariantResult, threads: Sequence[int]) -> Iterator[str]:
    """What is known of a variant that was never scored."""
    ratio, operators = variant.size_ratio_to_fp32, variant.operators
    yield variant.variant
    yield _size(variant)
    yield NOT_MEASURED if ratio is None else ratio_text(ratio)
    yield NOT_MEASURED if operators is None else f"{operators.int8} of {operators.int8 + operators.float}"
    yield NOT_MEASURED if operators is None else f"{operators.compute_int8} of {operators.compute}"
    yield from _latencies(variant, threads)


def _size(variant: VariantResult) -> str:
    return NOT_MEASURED if variant.size_bytes is None else bytes_text(variant.size_bytes)


def _latencies(variant: VariantResult, threads: Sequence[int]) -> Iterator[str]:
    if variant.answers and variant.answers.emulated:
        yield from [f"{NOT_MEASURED} (emulated)"] * max(1, len(threads))
        yield NOT_MEASURED
        return
    by_threads = {latency.threads: latency for latency in variant.latency}
    for found in [by_threads.get(n) for n in threads] or [None]:
        yield estimate_text(found.median_ms if found else None, ms_text)
    yield estimate_text(variant.latency[0].ratio_to_fp32 if variant.latency else None, ratio_text)


def _caveats(results: Results) -> Iterator[str]:
    """Each caveat once, with the variants it is about."""
    found: dict[Caveat, list[str]] = {caveat: [] for caveat in results.caveats}
    for variant in results.variants:
        for caveat in caveats_of(variant):
            found.setdefault(caveat, []).append(variant.variant)
    if not found:
        return
    yield f"<details><summary>{len(found)} caveat{'s' if len(found) > 1 else ''}</summary>"
    yield ""
    for caveat, variants in found.items():
        fix = f" Fix: {escape(caveat.fix)}." if caveat.fix else ""
        about = f" ({', '.join(map(escape, variants))})" if variants else ""
        yield f"- **{escape(caveat.kind)}** {escape(caveat.text)}.{fix}{about}"
    yield ""
    yield "</details>"
    yield ""


def _joined(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(command: str) -> str:
    """A code span longer than any run of backticks inside it."""
    line = " ".join(command.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"
