from __future__ import annotations

from pathlib import Path

from edgebench.pipeline.report import report, slug
from edgebench.pipeline.workspace import Workspace
from edgebench.render import FORMATS


def test_every_format_is_written_for_data_set_and_device(made: Workspace, tmp_path: Path) -> None:
    (page,) = report(made, out=tmp_path)
    assert page.folder == tmp_path / "synthetic-faces-seed-5" / "bench"
    assert {path.name for path in page.folder.iterdir()} == set(FORMATS)
    assert "synthetic faces" in (page.folder / "index.html").read_text()


def test_the_same_records_give_the_same_files(made: Workspace, tmp_path: Path) -> None:
    (first,) = report(made, out=tmp_path / "a")
    (second,) = report(made, out=tmp_path / "b")
    for name in FORMATS:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes(), name


def test_a_folder_name_is_plain() -> None:
    assert slug("AffectNet (2017 layout, x/../y), 800 of 4,000") == "affectnet-2017-layout-x-y-800-of-4-000"
    assert slug("../..") == "unnamed"
