"""A seeded set of made-up results: two models x three formats x three recipes, with every kind of row.

The numbers are fixture data: drawn from a generator, consistent with one another, measured by nobody.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgebench.metrics.cells import affect_errors, heat_map
from edgebench.records.artifact import Calibration, Operators
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import DatasetInfo
from edgebench.records.measurement import DeviceInfo
from edgebench.records.results import (
    AffectErrors,
    BlockLatency,
    ClassScores,
    Drift,
    Estimate,
    Latency,
    Results,
    Scores,
    VariantResult,
)

LABELS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
SAMPLES = 800
MARGIN = 0.02
MODELS = {"mobilenet_v1_a0.25": (0.66, 900_000, 0.42), "mobilenet_v1_a0.5": (0.72, 3_300_000, 1.04)}
"""Name -> share of images it gets right, fp32 bytes, fp32 milliseconds."""
RECIPES = {"fp32": (0.0, 1.0, 1.0), "fp16": (0.003, 0.503, 1.02), "int8": (0.018, 0.27, 0.45)}
"""Name -> share of predictions it changes, bytes and latency over those of fp32."""
FORMATS = {"tflite": 1.0, "onnx": 1.12, "coreml": 1.05}

Predictions = np.ndarray


def estimate(value: float, half: float, digits: int = 6) -> Estimate:
    return Estimate(value=round(value, digits), low=round(value - half, digits), high=round(value + half, digits))


def flipped(predictions: Predictions, share: float, rng: np.random.Generator) -> Predictions:
    """Changes that share of the predictions, at random."""
    changed = predictions.copy()
    where = rng.random(len(predictions)) < share
    changed[where] = rng.integers(0, len(LABELS), where.sum())
    return changed


def scores_of(truth: Predictions, predictions: Predictions, ccc: float) -> Scores:
    confusion = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(confusion, (truth, predictions), 1)
    hits, support, calls = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    f1 = 2 * hits / (support + calls)
    accuracy = hits.sum() / len(truth)
    half = 1.96 * float(np.sqrt(accuracy * (1 - accuracy) / len(truth)))
    classes = tuple(
        ClassScores(
            label=label,
            support=int(support[i]),
            sensitivity=float(hits[i] / support[i]),
            precision=float(hits[i] / calls[i]) if calls[i] else None,
            f1=float(f1[i]),
        )
        for i, label in enumerate(LABELS)
    )
    metrics = {
        "accuracy": estimate(accuracy, half),
        "macro_f1": estimate(float(f1.mean()), half),
        "ccc_valence": estimate(ccc, 0.03),
        "ccc_arousal": estimate(ccc - 0.12, 0.04),
    }
    return Scores(
        samples=len(truth),
        metrics=metrics,
        classes=classes,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )


def drift_of(model: str, truth: Predictions, source: Predictions, variant: Predictions) -> Drift:
    was, now = source == truth, variant == truth
    lost, gained, flips = int((was & ~now).sum()), int((~was & now).sum()), source != variant
    delta = (gained - lost) / len(truth)
    half = 1.96 * float(np.sqrt(max(lost + gained, 1))) / len(truth)
    low, high = delta - half, delta + half
    verdict = "pass" if low > -MARGIN else "fail" if high < -MARGIN else "inconclusive"
    doubt = "; too few images to tell" if verdict == "inconclusive" else ""
    loss = f"loses {-100 * delta + 0.0:.2f} pt [{100 * low:+.2f}, {100 * high:+.2f}]"
    reason = f"{loss} on {len(truth)} images, margin {100 * MARGIN:.2f} pt{doubt}"
    return Drift(
        reference=f"{model}.source",
        samples=len(truth),
        lost=lost,
        gained=gained,
        p_value=round(float(min(1.0, 2 * 0.5 ** (abs(lost - gained) + 1))), 4),
        flips=int(flips.sum()),
        flips_by_class={label: int(flips[truth == i].sum()) for i, label in enumerate(LABELS)},
        deltas={"accuracy": estimate(delta, half), "macro_f1": estimate(delta, half), "ccc_valence": estimate(0, 0.01)},
        margin=MARGIN,
        verdict=verdict,  # type: ignore[arg-type]
        reason=reason,
    )


def block_of(round_: int, position: int, median_ms: float, rng: np.random.Generator) -> BlockLatency:
    samples = median_ms * (0.97 + rng.gamma(2.0, 0.018, 400))
    disturbed = ("another process used 0.4 cores",) if rng.random() < 0.06 else ()
    samples = samples * (1.12 if disturbed else rng.normal(1, 0.012))
    shares = {"min": 0, "p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "max": 100}
    return BlockLatency(
        round=round_,
        position=position,
        invocations=len(samples),
        load_ms=round(3 * median_ms + 2, 3),
        first_ms=round(2.2 * median_ms, 3),
        quantiles_ms={name: round(float(np.percentile(samples, p)), 4) for name, p in shares.items()},
        vetoes=("clock rate fell by 18 %",) if rng.random() < 0.1 else (),
        disturbed=disturbed,
    )


def latency_of(format_: str, threads: int, median_ms: float, ratio: float, rng: np.random.Generator) -> Latency:
    median_ms = median_ms / threads**0.7
    blocks = tuple(block_of(round_, int(rng.integers(0, 12)), median_ms, rng) for round_ in range(5))
    middle = float(np.median([block.quantiles_ms["p50"] for block in blocks]))
    return Latency(
        job="fixture-job",
        threads=threads,
        runtime="litert" if format_ == "tflite" else "onnxruntime",
        runtime_version="0.0-fixture",
        median_ms=Estimate(value=middle, low=round(0.982 * middle, 4), high=round(1.025 * middle, 4)),
        p90_ms=round(1.05 * middle, 4),
        p99_ms=round(1.15 * middle, 4),
        fps=round(1000 / middle, 1),
        load_ms=round(3 * median_ms + 2, 3),
        first_ms=round(2.2 * median_ms, 3),
        peak_rss_bytes=48_000_000,
        invocations=2000,
        ratio_to_fp32=estimate(ratio, 0.02) if ratio != 1 else Estimate(value=1.0),
        conditions={"governor": "performance", "max_temperature_c": "61", "inputs": "16 real samples"},
        blocks=blocks,
        caveats=(Caveat(kind="virtualized", text="measured in a virtual machine", fix="measure on the board itself"),),
    )


def operators_of(format_: str, recipe: str) -> Operators:
    int8 = {"tflite": 28, "onnx": 27, "coreml": 28}[format_] if recipe == "int8" else 0
    counts = {"CONV_2D": 14, "DEPTHWISE_CONV_2D": 13, "MEAN": 1, "FULLY_CONNECTED": 2}
    return Operators(total=30, int8=int8, float=30 - int8, compute=29, compute_int8=min(int8, 29), by_type=counts)


CALIBRATION = Calibration(
    dataset="synthetic faces",
    samples_id="5e" * 32,
    contents="c0" * 32,
    samples=200,
    per_class=dict.fromkeys(LABELS, 25),
    seed=0,
)


def variant_of(
    model: str, format_: str, recipe: str, truth: Predictions, source: Predictions, threads: tuple[int, ...]
) -> VariantResult:
    rng = np.random.default_rng([len(model), *map(ord, model + format_ + recipe)])
    share, size_bytes, base_ms = MODELS.get(model, (0.66, 900_000, 0.42))
    changes, size_ratio, speed_ratio = RECIPES[recipe]
    predictions = flipped(source, changes * (2.4 if format_ == "coreml" else 1.0), rng)
    reference = format_ == "coreml"
    latency = tuple(
        latency_of(format_, n, base_ms * FORMATS[format_] * speed_ratio, speed_ratio, rng)
        for n in threads
        if not reference
    )
    caveats = []
    if reference:
        caveats.append(Caveat(kind="reference-executed", text="run through its translation, which has no latency"))
    if recipe == "int8":
        caveats.append(
            Caveat(kind="float-operators", text="softmax stays in float", fix="none is needed: its cost is small")
        )
    name = f"{model}.{format_}-{recipe}"
    return VariantResult(
        variant=name,
        model=model,
        format=format_,
        recipe=recipe,
        sha256=f"{abs(hash_of(name)):064x}",
        size_bytes=round(size_bytes * size_ratio * {"tflite": 1.0, "onnx": 1.03, "coreml": 0.96}[format_]),
        size_ratio_to_fp32=size_ratio,
        operators=operators_of(format_, recipe),
        parity={"fp32": 2e-6, "fp16": 4e-4, "int8": 0.06}[recipe],
        calibration=CALIBRATION if recipe == "int8" else None,
        scores=scores_of(truth, predictions, share - 0.05 - changes),
        drift=drift_of(model, truth, source, predictions),
        latency=latency,
        reference_executed=reference,
        caveats=tuple(caveats),
        commands={
            "size": f"edgebench quantize --model {model} --only {name}",
            "accuracy": f"edgebench evaluate --model {model} --only {name}",
            **({"latency": f"edgebench run --device fixture-board --only {name}"} if latency else {}),
        },
    )


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode()[-31:], "big")


def source_of(model: str, truth: Predictions, predictions: Predictions) -> VariantResult:
    return VariantResult(
        variant=f"{model}.source",
        model=model,
        format="source",
        recipe="source",
        sha256=f"{hash_of(model):064x}",
        size_bytes=None,
        size_ratio_to_fp32=None,
        operators=None,
        parity=None,
        calibration=None,
        scores=scores_of(truth, predictions, MODELS.get(model, (0.66,))[0] - 0.05),
        drift=None,
        latency=(),
        commands={"accuracy": f"edgebench evaluate --model {model} --only source"},
    )


def with_front(variants: list[VariantResult]) -> tuple[VariantResult, ...]:
    """Marks the variants that no other beats in both accuracy and latency, with a made-up probability."""
    measured = [v for v in variants if v.latency and v.scores]

    def place(v: VariantResult) -> tuple[float, float]:
        assert v.scores is not None
        return v.latency[0].median_ms.value, -v.scores.metrics["accuracy"].value

    out = []
    for v in variants:
        if v not in measured:
            out.append(v)
            continue
        better = [w for w in measured if w != v and place(w)[0] <= place(v)[0] and place(w)[1] <= place(v)[1]]
        probability = round(0.93 / (1 + len(better)) ** 1.5, 3)
        smaller = [w for w in better if (w.size_bytes or 0) <= (v.size_bytes or 0)]
        with_size = {"on_front_with_size": not smaller, "front_probability_with_size": 0.93 / (1 + len(smaller))}
        out.append(v.model_copy(update={"on_front": not better, "front_probability": probability, **with_size}))
    return tuple(out)


DATASET = DatasetInfo(
    name="synthetic faces",
    id="da" * 32,
    split="validation",
    layout="affectnet-2021",
    synthetic=True,
    samples=SAMPLES,
    per_class=dict.fromkeys(LABELS, SAMPLES // 8),
    valence_arousal_samples=SAMPLES,
    dropped={"label 8 (none)": 12},
)
DEVICE = DeviceInfo(
    name="fixture-board",
    description="a made-up board for tests",
    notes="no such machine exists",
    machine="aarch64",
    system="Linux 6.1",
    processor="Cortex-A72",
    cores=4,
    memory_bytes=4_000_000_000,
    word_bits=64,
    features=("neon", "crc32"),
    governor="performance",
    python="3.11.2",
    runtimes={"litert": "0.0-fixture", "onnxruntime": "0.0-fixture"},
)

MakeResults = Callable[..., Results]


def make_results(*, models: tuple[str, ...] = tuple(MODELS), threads: tuple[int, ...] = (1,)) -> Results:
    rng = np.random.default_rng(20)
    truth = np.repeat(np.arange(len(LABELS)), SAMPLES // len(LABELS))
    variants = []
    for model in models:
        source = flipped(truth, 1.14 * (1 - MODELS.get(model, (0.66,))[0]), rng)
        variants.append(source_of(model, truth, source))
        variants += [variant_of(model, f, r, truth, source, threads) for f in FORMATS for r in RECIPES]
    return Results(
        edgebench="0.0-fixture",
        title="Fixture data, measured by nobody",
        dataset=DATASET,
        device=DEVICE,
        measured_at="2001-01-01T00:00:00Z",
        settings={"confidence": 0.95, "bootstrap_resamples": 2000, "seed": 0},
        variants=with_front(variants),
        caveats=(
            Caveat(kind="fixture", text="every number here was drawn from a generator", fix="read no meaning in"),
        ),
        command="edgebench report --set synthetic --device fixture-board",
    )


@pytest.fixture(scope="session")
def results() -> Results:
    return make_results()


@pytest.fixture(scope="session")
def make() -> MakeResults:
    return make_results


def altered(results: Results, **changes: object) -> Results:
    """The same results with these fields of every variant replaced."""
    return results.model_copy(update={"variants": tuple(v.model_copy(update=changes) for v in results.variants)})


@pytest.fixture(scope="session")
def untimed(results: Results) -> Results:
    """Evaluated, never run on a device."""
    found = altered(results, latency=(), on_front=False, front_probability=None, front_probability_with_size=None)
    return found.model_copy(update={"device": None, "measured_at": None})


@pytest.fixture(scope="session")
def unscored(results: Results) -> Results:
    """Nothing but names: every quantity absent."""
    nothing = dict.fromkeys(("scores", "drift", "size_bytes", "size_ratio_to_fp32", "operators", "parity"))
    rest = {
        "calibration": None,
        "latency": (),
        "front_probability": None,
        "on_front": False,
        "front_probability_with_size": None,
    }
    empty = {"caveats": (), "commands": {}, "reference_executed": False}
    found = altered(results, **nothing, **rest, **empty)
    return found.model_copy(
        update={"dataset": None, "device": None, "measured_at": None, "settings": {}, "caveats": ()}
    )


@pytest.fixture(scope="session")
def valence_only(results: Results) -> Results:
    """Models that answer valence and arousal alone."""

    def scores(variant: VariantResult) -> Scores | None:
        metrics = {
            "ccc_valence": estimate(0.6, 0.02),
            "ccc_arousal": estimate(0.5, 0.02),
            "ccc_mean": estimate(0.55, 0.02),
        }
        return Scores(samples=SAMPLES, metrics=metrics) if variant.scores else None

    def drift(variant: VariantResult) -> Drift | None:
        update = {"deltas": {"ccc_mean": estimate(-0.004, 0.003)}, "flips_by_class": {}}
        return variant.drift.model_copy(update=update) if variant.drift else None

    variants = tuple(v.model_copy(update={"scores": scores(v), "drift": drift(v)}) for v in results.variants)
    return results.model_copy(update={"variants": variants})


def errors_of(samples: int) -> AffectErrors:
    """Of labels all over the square."""
    random = np.random.default_rng(samples)
    truth = random.uniform(-1, 1, (samples, 2))
    found = affect_errors(heat_map(np.clip(truth + random.normal(0, 0.2, truth.shape), -1, 1), truth))
    assert found is not None
    return found


@pytest.fixture(scope="session")
def with_errors(results: Results) -> Callable[[int], Results]:
    """The results, where each source model has its errors on so many labels, and one more each."""

    def make(samples: int) -> Results:
        variants = list(results.variants)
        for place, variant in enumerate(variants):
            if variant.scores and variant.format == "source":
                scores = variant.scores.model_copy(update={"affect_errors": errors_of(samples + place)})
                variants[place] = variant.model_copy(update={"scores": scores})
        return results.model_copy(update={"variants": tuple(variants)})

    return make


@pytest.fixture(scope="session")
def mapped(with_errors: Callable[[int], Results]) -> Results:
    return with_errors(200)


HOSTILE = """"><script>document.title='owned'</script><img src=x onerror=alert(1)>|`*_[x](y)@team #1"""


@pytest.fixture(scope="session")
def hostile(results: Results) -> Results:
    """Every free text of the record tries to be code."""
    caveat = Caveat(kind=HOSTILE, text=HOSTILE, fix=HOSTILE)
    variants = tuple(
        v.model_copy(
            update={
                "variant": f"{HOSTILE}{v.variant}",
                "model": f"{HOSTILE}{v.model}",
                "caveats": (caveat,),
                "commands": {HOSTILE: HOSTILE},
                "drift": v.drift.model_copy(update={"reason": HOSTILE, "reference": HOSTILE}) if v.drift else None,
            }
        )
        for v in results.variants
    )
    update = {"title": HOSTILE, "variants": variants, "caveats": (caveat,), "command": HOSTILE}
    data = results.dataset.model_copy(update={"name": HOSTILE}) if results.dataset else None
    device = results.device.model_copy(update={"name": HOSTILE, "description": HOSTILE}) if results.device else None
    return results.model_copy(update=update | {"dataset": data, "device": device, "settings": {HOSTILE: HOSTILE}})
