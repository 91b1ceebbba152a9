"""The rows of the accuracy charts: one point per variant, with everything a chart or its tooltip shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import pi, sqrt
from typing import Any

from edgebench.records.results import Estimate, Latency, Results, VariantResult
from edgebench.render import placement
from edgebench.render.axes import Axis, axis_over
from edgebench.render.criterion import Criterion, criterion_of
from edgebench.render.names import anchor, is_source, short_models, short_names
from edgebench.render.text import estimate_text
from edgebench.units import NOT_MEASURED, bytes_text, ms_text, probability_text

WIDE_PX, NARROW_PX, HEIGHT_PX = 860, 300, 380
"""Plot sizes for which labels are placed: a desktop's and a telephone's."""
NARROW_BELOW_PX = 560
AREA_PX2 = (20.0, 420.0)
"""Area of a point without bytes, and of the largest one."""
SAME_AREA_PX2 = 60.0


@dataclass(frozen=True)
class Dot:
    """A variant in a chart: its place, both intervals, and its records."""

    variant: VariantResult
    x: Estimate
    y: Estimate
    latency: Latency | None = None

    @property
    def on_front(self) -> bool:
        return self.latency is not None and self.variant.on_front


@dataclass(frozen=True)
class Scene:
    """One chart's points and axes. `front` says whether the points' Pareto front belongs in it."""

    dots: tuple[Dot, ...]
    x: Axis
    y: Axis
    sources: dict[str, float]
    """Label -> the criterion's value for a source model."""
    front: bool = False
    area: Callable[[int | None], float] = lambda _: SAME_AREA_PX2
    """Bytes -> area of a point, where the x axis does not show them already."""


def latency_scenes(results: Results) -> dict[int, Scene]:
    """Thread count -> the criterion over latency, all on the same axes.

    The front of the records is that of the lowest thread count, so only there is it drawn.
    """
    criterion = criterion_of(results)
    by_threads: dict[int, list[Dot]] = {}
    for variant in results.variants:
        for latency in variant.latency:
            if value := criterion.value(variant):
                dot = Dot(variant, latency.median_ms, value, latency)
                by_threads.setdefault(latency.threads, []).append(dot)
    dots = [dot for found in by_threads.values() for dot in found]
    if not dots:
        return {}
    scene = replace(_scene(results, dots), area=area(results))
    lowest = min(by_threads)
    return {n: replace(scene, dots=tuple(by_threads[n]), front=n == lowest) for n in sorted(by_threads)}


def size_scene(results: Results) -> Scene | None:
    """The criterion over size: every format, whether it could be timed here or not."""
    criterion = criterion_of(results)
    dots = [
        Dot(variant, Estimate(value=variant.size_bytes), value)
        for variant in results.variants
        if variant.size_bytes is not None and not is_source(variant) and (value := criterion.value(variant))
    ]
    return _scene(results, dots) if dots else None


def rows(scene: Scene, results: Results) -> list[dict[str, Any]]:
    """The points as a chart's data, with the place of each label on a wide and on a narrow screen.

    The front chooses its labels first. Small points are drawn on large ones, and so hide none.
    """
    dots = sorted(scene.dots, key=lambda dot: (not dot.on_front, -dot.y.value, dot.x.value))
    texts = _texts(scene, dots, results)
    wide, narrow = (_places(scene, dots, texts, width) for width in (WIDE_PX, NARROW_PX))
    criterion = criterion_of(results)
    found = [
        _row(dot, scene, criterion) | {"label": text, "wide": w, "narrow": n}
        for dot, text, w, n in zip(dots, texts, wide, narrow, strict=True)
    ]
    return sorted(found, key=lambda row: (-row["area"], row["front"]))


def source_labels(scene: Scene) -> dict[str, float]:
    """Label -> the line it stands on; sources too close to be labelled apart share the lowest one's place."""
    labels: list[tuple[str, float]] = []
    for name, value in sorted(scene.sources.items(), key=lambda item: item[1]):
        if labels and HEIGHT_PX * (scene.y.share(value) - scene.y.share(labels[-1][1])) < placement.LINE_PX:
            labels[-1] = (f"{labels[-1][0]}, {name}", labels[-1][1])
        else:
            labels.append((name, value))
    return dict(labels)


def area(results: Results) -> Callable[[int | None], float]:
    """Bytes -> area of a point in square pixels, growing in proportion."""
    least, most = AREA_PX2
    largest = max((v.size_bytes or 0 for v in results.variants), default=0) or 1
    return lambda size_bytes: round(least + (most - least) * (size_bytes or 0) / largest, 2)


def _scene(results: Results, dots: Sequence[Dot]) -> Scene:
    names, criterion = short_names(results), criterion_of(results)
    sources = {names[v.variant]: a.value for v in results.variants if is_source(v) and (a := criterion.value(v))}
    y_values = [end for dot in dots for end in _ends(dot.y)] + list(sources.values())
    x = axis_over([end for dot in dots for end in _ends(dot.x)], log=True)
    return Scene(tuple(dots), x, axis_over(y_values), sources)


def _ends(estimate: Estimate) -> list[float]:
    return [end for end in (estimate.low, estimate.value, estimate.high) if end is not None]


def _texts(scene: Scene, dots: Sequence[Dot], results: Results) -> list[str]:
    """Full names on the front; elsewhere colour and shape say the rest, so one model's name per recipe will do."""
    names, models = short_names(results), short_models(list(dict.fromkeys(v.model for v in results.variants)))
    texts, told = [], set()
    for dot in dots:
        variant, group = dot.variant, (dot.variant.model, dot.variant.recipe)
        front = scene.front and dot.on_front
        texts.append(names[variant.variant] if front else "" if group in told else models[variant.model])
        told.add(group)
    return texts


def _places(scene: Scene, dots: Sequence[Dot], texts: Sequence[str], width: float) -> list[str]:
    def x_px(value: float) -> float:
        return width * scene.x.share(value)

    def y_px(value: float) -> float:
        return HEIGHT_PX * (1 - scene.y.share(value))

    points = [
        placement.Point(x_px(d.x.value), y_px(d.y.value), sqrt(scene.area(d.variant.size_bytes) / pi), text)
        for d, text in zip(dots, texts, strict=True)
    ]
    names = [_source_box(name, y_px(value)) for name, value in source_labels(scene).items()]
    rules = [(0.0, y_px(value), width, y_px(value)) for value in scene.sources.values()]
    steps = _front_boxes([(p.x, p.y) for d, p in zip(dots, points, strict=True) if scene.front and d.on_front])
    bars = [
        (p.x, y_px(d.y.high or d.y.value), p.x, y_px(d.y.low or d.y.value)) for d, p in zip(dots, points, strict=True)
    ]
    return placement.place(points, width=width, height=HEIGHT_PX, solid=[*names, *steps], faint=[*bars, *rules])


def _source_box(name: str, y: float) -> placement.Box:
    return 0.0, y - placement.LINE_PX - 2, placement.CHARACTER_PX * len(name), y


def _front_boxes(points: Sequence[tuple[float, float]]) -> list[placement.Box]:
    """The front's steps: from each point across to the next one's place, then up to it."""
    boxes = []
    for (x, y), (next_x, next_y) in pairwise(sorted(points)):
        boxes += [(x, y, next_x, y), (next_x, min(y, next_y), next_x, max(y, next_y))]
    return boxes


def _row(dot: Dot, scene: Scene, criterion: Criterion) -> dict[str, Any]:
    variant, drift = dot.variant, dot.variant.drift
    value = estimate_text(dot.y, criterion.value_text)
    return {
        "variant": variant.variant,
        "format": variant.format,
        "recipe": variant.recipe,
        "href": f"#{anchor(variant.variant)}",
        "x": dot.x.value,
        "x_low": dot.x.low,
        "x_high": dot.x.high,
        "y": dot.y.value,
        "y_low": dot.y.low,
        "y_high": dot.y.high,
        "area": scene.area(variant.size_bytes),
        "front": scene.front and dot.on_front,
        "summary": f"{variant.variant}: {criterion.title} {value}",
        "value_text": value,
        "latency_text": estimate_text(dot.latency.median_ms, ms_text) if dot.latency else NOT_MEASURED,
        "size_text": NOT_MEASURED if variant.size_bytes is None else bytes_text(variant.size_bytes),
        "drift_text": f"{drift.verdict}: {drift.reason}" if drift else NOT_MEASURED,
        "front_text": probability_text(variant.front_probability),
        "size_front_text": probability_text(variant.front_probability_with_size),
    }
