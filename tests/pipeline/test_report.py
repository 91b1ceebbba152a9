from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import NothingMeasured, UnknownName
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.measure import measure
from edgebench.pipeline.report import _folders, device_folder, report, slug
from edgebench.pipeline.workspace import Workspace
from edgebench.records.dataset import DatasetInfo
from edgebench.records.evaluation import Evaluation
from edgebench.render import FORMATS
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings


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


def test_a_page_holds_the_models_of_its_data_set_and_no_others(two_models: Workspace, tmp_path: Path) -> None:
    pages = {page.results.dataset.samples: page for page in report(two_models, out=tmp_path) if page.results.dataset}
    assert {samples: {row.model for row in page.results.variants} for samples, page in pages.items()} == {
        16: {"other"},
        49: {"tiny"},
    }
    assert pages[16].folder.name == "not-measured"
    assert pages[49].folder.name == "bench"
    assert len({page.folder for page in pages.values()}) == 2


def test_a_model_without_spec_is_left_out_of_the_others_pages(two_models: Workspace, tmp_path: Path) -> None:
    (two_models.model_dirs[0] / "other.yaml").unlink()
    (page,) = report(two_models, out=tmp_path)
    assert {row.model for row in page.results.variants} == {"tiny"}
    assert "it has no spec" in (page.folder / "summary.md").read_text()


def test_what_was_not_evaluated_has_a_page_of_its_own(two_models: Workspace, tmp_path: Path) -> None:
    kept = [each for each in two_models.store.latest(Evaluation) if each.model == "other"]
    for each in kept:
        two_models.store.blobs.remove(each.outputs)
    pages = report(two_models, out=tmp_path)
    assert {page.folder.parent.name for page in pages} == {"synthetic-faces-seed-5", "not-evaluated"}


def test_a_device_without_spec_is_reported_on_and_an_unknown_one_refused(made: Workspace, tmp_path: Path) -> None:
    (page,) = report(made, device="bench", out=tmp_path)
    assert page.results.device is not None
    with pytest.raises(UnknownName, match="did you mean 'bench'"):
        report(made, device="bensch", out=tmp_path / "none")
    with pytest.raises(NothingMeasured, match="nothing was measured on it"):
        report(made, device="local", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_several_devices_have_a_page_above_theirs_and_are_linked_from_each(
    made: Workspace, workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    report(made, out=tmp_path / "one")
    assert not (tmp_path / "one" / "synthetic-faces-seed-5" / "devices.html").exists()
    settings = BenchSettings(rounds=1, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=5, inputs=2)
    data = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))
    measure(workspace, Choice.of("tiny", only="tflite-*"), data=data, settings=settings)
    pages = report(workspace, out=tmp_path / "two")
    assert {page.results.device.name: page.results.beside for page in pages if page.results.device} == {
        "local": ("bench",),
        "bench": ("local",),
    }
    above = tmp_path / "two" / "synthetic-faces-seed-5" / "devices.html"
    for page in pages:
        assert 'href="../devices.html"' in (page.folder / "index.html").read_text()
        assert f'href="{page.folder.name}/index.html"' in above.read_text()


def test_a_folder_name_is_plain() -> None:
    assert slug("x/../y (AffectNet layout 2017), 800 of 4,000") == "x-y-affectnet-layout-2017-800-of-4-000"
    assert slug("../..") == "unnamed"


def named(name: str, id_: str) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        id=id_ * 64,
        split="validation",
        layout="2021",
        synthetic=False,
        samples=1,
        per_class={},
        valence_arousal_samples=0,
    )


def test_sets_whose_names_a_folder_cannot_tell_apart_carry_their_id() -> None:
    a, b, c = (letter * 64 for letter in "abc")
    assert _folders([named("faces", "a"), named("others", "b")]) == {a: "faces", b: "others"}
    assert _folders([named("faces é", "a"), named("faces ü", "b")]) == {a: "faces-aaaaaaaa", b: "faces-bbbbbbbb"}
    assert _folders([named("my faces", "a"), named("my-faces", "b")]) == {
        a: "my-faces-aaaaaaaa",
        b: "my-faces-bbbbbbbb",
    }
    grown = [named("faces", "a"), named("faces", "b"), named("faces", "c"), named("faces", "b")]
    assert _folders(grown) == {a: "faces-aaaaaaaa", b: "faces", c: "faces-cccccccc"}
    assert _folders([named("Not evaluated", "a")]) == {a: "not-evaluated-aaaaaaaa"}


def test_a_device_keeps_its_name_where_a_folder_can_have_it() -> None:
    for plain in ("local", "pi.4", "pi-4", "pi_4"):
        assert device_folder(plain) == plain
    assert device_folder(None) == "not-measured"
    odd = ["Pi-4", "pi ü", "pi ö", "pi/4", "..", "not-measured", "ü"]
    folders = {device_folder(name) for name in odd}
    assert len(folders) == len(odd)
    assert all(folder.isascii() and folder == folder.lower() and "/" not in folder for folder in folders)
    assert not folders & {"local", "pi-4", "not-measured", ".."}
