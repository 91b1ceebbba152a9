"""Taking the picture: background, light, lens and JPEG around a drawn face."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from edgebench.data.face_identity import Colour
from edgebench.data.faces import Face, draw_face

if TYPE_CHECKING:
    from numpy.random import Generator
    from PIL.Image import Image

FINENESS = 2  # canvas pixels for each picture pixel; reducing them smooths every edge


def photograph(face: Face | None, rng: Generator, *, size_px: int) -> Image:
    """A square RGB picture of a face, or of an empty scene."""
    from PIL import Image

    canvas = _background(rng, size_px).resize((size_px * FINENESS,) * 2, Image.Resampling.NEAREST)
    if face is not None:
        draw_face(canvas, face, fineness=FINENESS)
    return _lit(_blurred(canvas.reduce(FINENESS), rng), rng)


def jpeg_bytes(picture: Image, rng: Generator, *, comment: bytes) -> bytes:
    """A JPEG of a quality anywhere from poor to good."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=int(rng.integers(40, 93)), comment=comment)
    return stream.getvalue()


def _background(rng: Generator, size_px: int) -> Image:
    """Four corner colours melting into one another, and a few shapes."""
    from PIL import Image, ImageDraw

    base = rng.uniform(40, 215) + rng.normal(0, 22, 3)
    corners = np.clip(base + rng.normal(0, 20, (2, 2, 3)), 0, 255).astype(np.uint8)
    image = Image.fromarray(corners).resize((size_px, size_px), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(-0.1, 1.0, 2) * size_px
        width, height = rng.uniform(0.08, 0.6, 2) * size_px
        colour: Colour = tuple(rng.integers(20, 236, 3).tolist())
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((x, y, x + width, y + height), fill=(*colour, int(rng.integers(50, 170))))
    return image


def _blurred(picture: Image, rng: Generator) -> Image:
    from PIL import ImageFilter

    radius_px = float(rng.uniform(0, 1.2)) * picture.width / 224
    return picture.filter(ImageFilter.BoxBlur(radius_px)) if radius_px > 0.2 else picture


def _lit(picture: Image, rng: Generator) -> Image:
    """Light from one side, exposure, contrast, colour temperature and sensor noise."""
    from PIL import Image

    ramp = np.linspace(-1, 1, picture.width, dtype=np.float32)
    towards, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.28)
    slope = np.float32(strength * np.cos(towards)) * ramp + np.float32(strength * np.sin(towards)) * ramp[:, None]
    exposure, contrast, warmth = rng.uniform(0.78, 1.18), rng.uniform(0.75, 1.15), rng.normal(0, 0.06)
    gain = (1 + slope) * np.float32(exposure * contrast)
    lift = rng.standard_normal(gain.shape, dtype=np.float32) * np.float32(rng.uniform(1, 6))
    lift += np.float32(118 * (1 - contrast))
    planes = []
    # Plane by plane: numpy is several times slower when three channels are the innermost axis.
    for plane, tint in zip(picture.split(), (1 + warmth, 1.0, 1 - warmth), strict=True):
        lit = np.asarray(plane, dtype=np.float32) * gain * np.float32(tint) + lift
        planes.append(Image.fromarray(np.clip(lit, 0, 255, out=lit).astype(np.uint8)))
    return Image.merge("RGB", planes)
