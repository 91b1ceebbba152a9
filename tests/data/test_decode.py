from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from edgebench.data.decode import Decoded, Unreadable, crop_boxes, decode, guarded
from edgebench.data.index import Index
from edgebench.digests import sha256_file
from edgebench.errors import DataError
from edgebench.specs.model import InputContract

Contract = Callable[..., InputContract]
FIRST = np.array([0])


def pixels_of(path: Path, contract: InputContract, box: Sequence[float] | None = None) -> np.ndarray:
    out = np.empty((*contract.size, contract.channels), np.uint8)
    answer = decode(path, None, box, contract, out)
    assert answer == Decoded(sha256_file(path), synthetic=False)
    return out


def reason_of(path: Path, contract: InputContract, box: Sequence[float] | None = None) -> str:
    with guarded():
        answer = decode(path, None, box, contract, np.empty((*contract.size, contract.channels), np.uint8))
    assert isinstance(answer, Unreadable)
    return answer.reason


@pytest.fixture
def quarters(tmp_path: Path) -> Path:
    """16 x 16: red and green above, blue and white below."""
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:8, :8], picture[:8, 8:], picture[8:, :8], picture[8:, 8:] = (255, 0, 0), (0, 255, 0), (0, 0, 255), 255
    Image.fromarray(picture).save(tmp_path / "quarters.png")
    return tmp_path / "quarters.png"


@pytest.mark.parametrize(
    ("color", "red"),
    [("rgb", [255, 0, 0]), ("bgr", [0, 0, 255]), ("gray", [76])],  # 0.299 x 255, ITU-R BT.601
)
def test_colours_come_in_the_order_of_the_contract(
    quarters: Path, contract: Contract, color: str, red: list[int]
) -> None:
    assert pixels_of(quarters, contract(color=color))[0, 0].tolist() == red


def test_size_is_height_then_width(quarters: Path, contract: Contract) -> None:
    assert pixels_of(quarters, contract(size=(4, 12))).shape == (4, 12, 3)


@pytest.mark.parametrize(
    ("box", "color"),
    [
        ((0, 0, 8, 8), [255, 0, 0]),
        ((8, 0, 16, 8), [0, 255, 0]),
        ((0, 8, 8, 16), [0, 0, 255]),
        ((9, 9, 10, 10), [255] * 3),
    ],
)
def test_a_crop_holds_its_box_and_nothing_beside_it(
    quarters: Path, contract: Contract, box: Sequence[float], color: list[int]
) -> None:
    for kernel in ("box", "bilinear", "bicubic", "lanczos"):
        assert (pixels_of(quarters, contract(resize=kernel), box) == color).all()


def test_what_lies_outside_of_the_picture_is_black(quarters: Path, contract: Contract) -> None:
    pixels = pixels_of(quarters, contract(size=(16, 16)), (-8, -8, 8, 8))
    assert (pixels[:8] == 0).all()
    assert (pixels[:, :8] == 0).all()
    assert (pixels[8:, 8:] == [255, 0, 0]).all()


def test_the_box_kernel_is_the_mean_of_what_falls_into_a_pixel(tmp_path: Path, contract: Contract) -> None:
    values = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    Image.fromarray(values).save(tmp_path / "noise.png")
    means = values.reshape(8, 2, 8, 2).mean(axis=(1, 3))
    pixels = pixels_of(tmp_path / "noise.png", contract(color="gray", resize="box"))[..., 0]
    assert np.abs(pixels - means).max() <= 1  # rounded once along each axis


@pytest.mark.parametrize("mode", ["RGBA", "L", "LA", "P", "CMYK", "1"])
def test_every_kind_of_8_bit_picture_becomes_three_channels(tmp_path: Path, contract: Contract, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(path)
    assert (pixels_of(path, contract()) >= 254).all()


@pytest.mark.parametrize("keep", [0, 1, 100, -200])
def test_a_truncated_picture_is_unreadable_and_never_filled_up(tmp_path: Path, contract: Contract, keep: int) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    assert "Error" in reason_of(path, contract())
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_missing_picture_says_so(tmp_path: Path, contract: Contract) -> None:
    assert reason_of(tmp_path / "none.jpg", contract()) == "missing"


def test_a_folder_or_a_pipe_in_place_of_a_picture_is_unreadable(tmp_path: Path, contract: Contract) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        assert reason_of(path, contract()) == "not a file"


def test_16_bit_pixels_are_refused_rather_than_clipped(tmp_path: Path, contract: Contract) -> None:
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "a.png")
    assert "not 8 bit" in reason_of(tmp_path / "a.png", contract())


def test_a_kind_of_file_that_is_not_listed_is_not_opened(tmp_path: Path, contract: Contract) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    assert "UnidentifiedImageError" in reason_of(tmp_path / "a.eps", contract())


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_decompression_bomb_is_unreadable(tmp_path: Path, contract: Contract, side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")))
    assert "DecompressionBomb" in reason_of(tmp_path / "bomb.png", contract())


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((float("nan"), 0, 8, 8), "no box"),
        ((4, 4, 4, 8), "empty"),
        ((6, 4, 2, 8), "empty"),
        ((16, 0, 24, 8), "outside"),
        ((-8, 0, 0, 8), "outside"),
        ((0, 0, 1e6, 1e6), "DecompressionBomb"),
    ],
)
def test_a_box_that_cannot_be_cropped_by_is_a_reason(
    quarters: Path, contract: Contract, box: Sequence[float], reason: str
) -> None:
    assert reason in reason_of(quarters, contract(), box)


def index_with(boxes: np.ndarray | None, landmarks: np.ndarray | None) -> Index:
    none = np.zeros(1, np.int64)
    return Index(
        name="a (AffectNet layout 2021)",
        layout="2021",
        split="validation",
        synthetic=False,
        folder=Path(),
        root=Path(),
        files=("a.jpg",),
        labels=(),
        classes=none,
        value_names=("valence", "arousal"),
        values=np.zeros((1, 2), np.float32),
        face_box=boxes,
        landmarks=landmarks,
        key="",
    )


def test_the_margin_is_a_share_of_the_box_on_each_side(contract: Contract) -> None:
    boxes = crop_boxes(index_with(np.array([[10.0, 20, 40, 80]]), None), contract(crop="face_box", margin=0.25), FIRST)
    assert boxes is not None
    assert boxes.tolist() == [[0, 0, 60, 120]]


def test_landmarks_crop_by_the_box_around_all_of_them(contract: Contract) -> None:
    points = np.tile([[20.0, 30.0], [60.0, 40.0]], (34, 1))[None]
    boxes = crop_boxes(index_with(None, points), contract(crop="landmarks", margin=0.5), FIRST)
    assert boxes is not None
    assert boxes.tolist() == [[0, 25, 80, 45]]


def test_whole_pictures_need_no_boxes(contract: Contract) -> None:
    assert crop_boxes(index_with(None, None), contract(), FIRST) is None


@pytest.mark.parametrize(("crop", "other"), [("face_box", "landmarks"), ("landmarks", "face_box")])
def test_a_contract_that_crops_by_what_is_not_there_is_refused_with_a_way_out(
    contract: Contract, crop: str, other: str
) -> None:
    with pytest.raises(DataError, match="which the 2021 layout does not hold") as caught:
        crop_boxes(index_with(None, None), contract(crop=crop), FIRST)
    assert f"crop: {other}" in caught.value.fix
