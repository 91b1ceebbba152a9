"""AFEW-VA: a folder for each clip, `NNN/NNNNN.png`, with `NNN.json` of its frames.

Frames of a clip are nearly equal, and an actor may be in several clips: they are one group.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, ClassVar

from edgebench.data.annotations import Annotations
from edgebench.data.cache import stamp
from edgebench.data.index import VALENCE_AROUSAL, Index, Split
from edgebench.data.options import read_options
from edgebench.data.rows import POINTS
from edgebench.digests import sha256_json
from edgebench.errors import DataError

SCALE = 10.0
"""Valence and arousal are whole numbers in [-10, 10] (Kossaifi et al. 2017)."""
MAX_BYTES = 64 * 1024 * 1024


class AfewVa:
    layout: ClassVar[str] = "afew-va"
    looked_for: ClassVar[str] = "AFEW-VA: folders such as 001 with 001.json and 00000.png"

    def name(self, folder: Path) -> str:
        return f"{folder.resolve().name} (AFEW-VA layout)"

    def detect(self, folder: Path) -> bool:
        return read_options(folder).layout in (None, self.layout) and bool(_clips(folder))

    def splits(self, folder: Path) -> tuple[Split, ...]:
        """It comes without parts: the literature cross-validates."""
        return ("validation",)

    def key(self, folder: Path, split: Split) -> str:
        clips = [(clip.name, stamp(clip)) for clip in _clips(folder)]
        return sha256_json([self.layout, "grouped", split, str(folder.resolve()), clips])

    def read(self, folder: Path, split: Split) -> Index:
        key, found = self.key(folder, split), Annotations(value_names=VALENCE_AROUSAL)
        for clip in _clips(folder):
            actor, frames = _read(clip)
            group = found.know_group(f"actor {actor}" if actor else f"clip {clip.stem}")
            for name, frame in frames.items():
                place = f"{clip}, frame {name}"
                values = [_number(frame, axis, place) / SCALE for axis in VALENCE_AROUSAL]
                picture = f"{clip.stem}/{name}.png"
                found.add(picture, values=values, landmarks=_landmarks(frame, place), group=[group])
        return found.index(folder=folder, root=folder.resolve(), layout=self.layout, split=split, key=key)


def _clips(folder: Path) -> list[Path]:
    """The annotation file of each clip."""
    names = sorted(name for name in os.listdir(folder) if name.isdecimal())
    files = (folder / name / f"{name}.json" for name in names)
    return [file for file in files if file.is_file()]


def _read(clip: Path) -> tuple[str, dict[str, Any]]:
    """Who is seen, empty where that is not said, and the frames by their numbers."""
    try:
        if clip.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        found = json.loads(clip.read_bytes())
        frames = found["frames"]
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", subject=str(clip), fix="copy the file again") from exc
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise DataError(f"holds no frames: {exc}", subject=str(clip), fix="copy the file again") from exc
    if not isinstance(frames, dict) or not all(name.isdecimal() for name in frames):
        raise DataError("holds no numbered frames", subject=str(clip), fix="copy the file again")
    actor = found.get("actor")
    return actor.strip() if isinstance(actor, str) else "", dict(sorted(frames.items()))


def _number(frame: Any, axis: str, place: str) -> float:
    value = frame.get(axis) if isinstance(frame, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= SCALE:
        raise DataError(
            f"{axis} {value!r} is out of range", subject=place, fix=f"it must be a number from -{SCALE:g} to {SCALE:g}"
        )
    return value


def _landmarks(frame: Any, place: str) -> list[float]:
    points = frame.get("landmarks")
    try:
        flat = [float(number) for point in points for number in point]
    except (TypeError, ValueError):
        flat = []
    if len(flat) != 2 * POINTS or not all(map(math.isfinite, flat)):
        raise DataError(f"does not hold {POINTS} landmarks", subject=place, fix="copy the file again")
    return flat
