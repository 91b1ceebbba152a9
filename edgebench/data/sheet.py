"""A contact sheet: what a model is shown of a data set, picture by picture, with its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from edgebench.data.samples import Samples

CELL = 96
"""Shortest side of a shown picture; smaller ones are enlarged by a whole factor, so that each pixel is seen."""
CAPTION = 14
COLUMNS = 8


def contact_sheet(samples: Samples, *, bgr: bool = False) -> Image:
    """The pixels of every sample after the contract, in rows of `COLUMNS`.

    Args:
        bgr: the contract's order of colours; shown as they were.
    """
    from PIL import Image, ImageDraw

    height, width = samples.images.shape[1:3]
    factor = max(1, CELL // min(height, width))
    cell_width, cell_height = factor * width + 4, factor * height + 4 + CAPTION
    rows = -(-len(samples) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * cell_width, rows * cell_height + CAPTION), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((4, 1), _plain(samples.info.name), fill="black")
    for place, pixels in enumerate(samples.images):
        left, top = place % COLUMNS * cell_width, CAPTION + place // COLUMNS * cell_height
        sheet.paste(_picture(pixels, bgr=bgr).resize((factor * width, factor * height), 0), (left + 2, top + 2))
        draw.text((left + 3, top + factor * height + 3), _plain(_label(samples, place)), fill="black")
    return sheet


def _picture(pixels: np.ndarray, *, bgr: bool) -> Image:
    import numpy as np
    from PIL import Image

    shown = pixels[..., ::-1] if bgr else pixels
    return Image.fromarray(np.ascontiguousarray(shown[..., 0] if shown.shape[-1] == 1 else shown)).convert("RGB")


def _label(samples: Samples, place: int) -> str:
    """The class, else the numbers that there are."""
    number = int(samples.classes[place])
    if number >= 0:
        return samples.labels[number]
    return " ".join(f"{value:.2g}" for value in samples.values[place].tolist() if value == value)


def _plain(text: str) -> str:
    """What the built-in font can draw."""
    return text.encode("latin-1", "replace").decode("latin-1")
