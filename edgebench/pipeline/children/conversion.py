"""One model in one format, made in a child process: convert once, quantize, run each file, keep it."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import ConversionError, EdgebenchError, NonFiniteOutput, raise_all
from edgebench.pipeline.children.shards import PredictJob, predict
from edgebench.pipeline.children.workers import Report
from edgebench.records.artifact import Artifact, Calibration, Operators, Runnable
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import unreadable_caveats
from edgebench.registry import resolve
from edgebench.sources import framework
from edgebench.specs.data import DataSettings
from edgebench.specs.model import ModelSpec
from edgebench.specs.variant import Variant
from edgebench.store import Store
from edgebench.store.packages import pack, size_bytes
from edgebench.targets import TARGETS, Target

if TYPE_CHECKING:
    import numpy as np
    from sqlalchemy import URL

HERE = ("litert", "onnxruntime")
"""Runtimes that every host has."""
PROBES = 16
"""Real samples on which every artifact is run, and compared with its source, before it counts as made."""
FP16_SLACK = 50
"""fp16 may differ from the source by this many times the spec's float tolerance: 11 bits of fraction for 24."""


@dataclass(frozen=True)
class Order:
    """What to make: variants of one model and format with their keys, and the images that calibrate them."""

    spec: ModelSpec
    format: str
    variants: tuple[tuple[Variant, str], ...]
    images: Path
    """.npy of uint8 [samples, height, width, channels]: the calibration set; its first images are the probes."""
    calibration: Calibration
    data: DataSettings
    source_sha256: str
    contract_sha256: str
    again: bool


def make(report: Report, *, home: Path, database: URL, order: Order) -> None:
    """Makes and keeps every variant of the order; one that fails does not stop the others."""
    import numpy as np

    from edgebench.inputs import PreparedInputs
    from edgebench.sources import load_source
    from edgebench.sources.activations import check_activations

    store = Store(home, database=database)
    total = len(order.variants)
    report(0, total, "loading the source")
    source = load_source(order.spec, known_as=order.source_sha256)
    inputs = PreparedInputs(np.load(order.images, mmap_mode="r"), order.spec.input)
    probes = inputs[:PROBES]
    expected = source.predict(probes)
    check_activations(order.spec, expected)
    target: Target = resolve(TARGETS, order.format, kind="format")()
    left_out = source.left_out
    with tempfile.TemporaryDirectory(dir=store.folder("tmp")) as work:
        workshop = _Workshop(store, order, target, Path(work), expected, left_out)
        float_file = workshop.path("fp32")
        started = time.monotonic()
        target.convert(source, (1, *probes.shape[1:]), float_file)
        convert_s = time.monotonic() - started
        del source  # a large net's weights are not needed twice while it is quantized
        failures = []
        for done, (variant, key) in enumerate(order.variants):
            report(done, total, variant.id)
            started = time.monotonic()
            file = workshop.path(variant.recipe)
            try:
                if variant.recipe != "fp32":
                    target.quantize(float_file, variant.recipe, inputs, file)
                making_s = convert_s if variant.recipe == "fp32" else time.monotonic() - started
                store.save(key, workshop.finish(variant, file, making_s), again=order.again)
            except EdgebenchError as exc:
                failures.append(exc)
            report(done + 1, total, variant.id)
    raise_all(failures)


@dataclass(frozen=True)
class _Workshop:
    store: Store
    order: Order
    target: Target
    work: Path
    expected: dict[str, np.ndarray]
    left_out: tuple[str, ...]

    def path(self, recipe: str) -> Path:
        return self.work / f"{self.order.spec.name}.{self.order.format}-{recipe}{self.target.suffix}"

    def finish(self, variant: Variant, file: Path, duration_s: float) -> Artifact:
        """Runs the file on the probes and, when it holds, keeps it."""
        from edgebench.targets.outputs import match_outputs, parity

        operators = self.target.inspect(file)
        ways = self.target.runnable(file, self.work)
        outputs = self._run(variant, file, ways)
        matched = match_outputs(self.expected, outputs)
        difference = parity(self.expected, outputs, matched)
        self._check_parity(variant, difference)
        blob = self.store.blobs.put_file(pack(file, self.work / "package") if file.is_dir() else file)
        return Artifact(
            variant=variant.id,
            model=variant.model,
            format=variant.format,
            recipe=variant.recipe,
            blob=blob,
            file_name=file.name,
            size_bytes=size_bytes(file),
            runnable=tuple(
                Runnable(
                    runtime=way.runtime,  # type: ignore[arg-type]
                    blob=blob if way.path == file else self.store.blobs.put_file(way.path),
                    file_name=way.path.name,
                    reference=way.reference,
                )
                for way in ways
            ),
            outputs=matched,
            operators=operators,
            parity=difference,
            source_sha256=self.order.source_sha256,
            contract_sha256=self.order.contract_sha256,
            data=self.order.data,
            calibration=self.order.calibration if variant.recipe == "int8" else None,
            tools=self.target.tools(framework(self.order.spec)),
            duration_s=duration_s,
            caveats=(*_left_out_caveats(self.left_out), *_caveats(self.order, variant, operators)),
        )

    def _run(self, variant: Variant, file: Path, ways: tuple[Any, ...]) -> list[np.ndarray]:
        import numpy as np

        way = next(way for way in ways if way.runtime in HERE)
        outputs = predict(
            PredictJob(
                key=variant.id,
                subject=variant.id,
                runtime=way.runtime,
                model=way.path,
                images=self.order.images,
                start=0,
                stop=len(next(iter(self.expected.values()))),
                affine=self.order.spec.input.affine(),
            ),
            self.work,
        ).outputs
        if not all(np.isfinite(output).all() for output in outputs):
            raise self.nonfinite(variant, file)
        return outputs

    def nonfinite(self, variant: Variant, file: Path) -> NonFiniteOutput:
        import numpy as np

        from edgebench.inputs import PreparedInputs

        images = np.load(self.order.images, mmap_mode="r")[:PROBES]
        layers = (self.target.first_nonfinite(file, probe) for probe in PreparedInputs(images, self.order.spec.input))
        layer = next((layer for layer in layers if layer), None)
        where = f", first in layer {layer}" if layer else ""
        return NonFiniteOutput(
            f"answers NaN or infinity{where}", subject=variant.id, fix="look at that layer's weights and input range"
        )

    def _check_parity(self, variant: Variant, parity: float) -> None:
        slack = {"fp32": 1, "fp16": FP16_SLACK}.get(variant.recipe)
        if slack is not None and parity > (allowed := slack * self.order.spec.float_tolerance):
            raise ConversionError(
                f"differs from its source by {parity:.2g} on real samples, {allowed:.2g} is allowed",
                subject=variant.id,
                fix="the conversion is wrong, or `float_tolerance` in the spec too tight",
            )


def _left_out_caveats(left_out: tuple[str, ...]) -> list[Caveat]:
    if not left_out:
        return []
    text = f"the net also answers {', '.join(left_out)}, which no head names and no artifact holds"
    return [Caveat(kind="outputs-left-out", text=text, fix="state a head for it in the spec, if it is wanted")]


def _caveats(order: Order, variant: Variant, operators: Operators) -> list[Caveat]:
    from edgebench.targets.precision import precision_caveats

    found: list[Caveat] = []
    if variant.recipe == "int8":
        drawn = order.calibration
        found += unreadable_caveats(drawn.unreadable, read=drawn.samples, purpose="calibration")
    if order.spec.has_random_weights:
        found.append(
            Caveat(
                kind="random-weights",
                text="the weights are random: size and latency only",
                fix=f"edgebench train --model {order.spec.name}, or name trained weights in its spec",
            )
        )
    return [*found, *precision_caveats(variant.format, variant.recipe, operators)]
