"""Finding specs: order of folders, names, and broken files that neither hide others nor vanish."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import SpecError, UnknownName, UsageError
from edgebench.specs.catalog import devices, load_model, models, search_path, shipped


def test_a_name_is_searched_in_the_users_folder_then_the_project_then_what_is_shipped(write, model_text, tmp_path):
    for folder in ("user", "project/model_specs"):
        write(f"{folder}/net.yaml", model_text.replace("a net", folder))
    write("project/model_specs/own.yaml", model_text)
    found = models([tmp_path / "user"], project=tmp_path / "project")
    assert found.load("net").description == "user"
    assert found.load("own").folder == tmp_path / "project" / "model_specs"
    assert models(project=tmp_path / "project").load("net").description == "project/model_specs"


def test_what_is_shipped_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert devices().load("local").transport == "local"


def test_a_folder_named_twice_is_searched_once(root, monkeypatch):
    monkeypatch.chdir(root)
    assert search_path("devices", ["devices", root / "devices"], Path()) == (Path("devices"),)


def test_an_installed_package_brings_its_own_specs(tmp_path):
    package = tmp_path / "site-packages" / "edgebench"
    (package / "_shipped" / "devices").mkdir(parents=True)
    (tmp_path / "site-packages" / "devices").mkdir()  # somebody else's
    assert shipped("devices", package) == package / "_shipped" / "devices"


def test_a_checkout_has_its_specs_beside_the_package(tmp_path):
    assert shipped("devices", tmp_path / "edgebench") == tmp_path / "devices"


def test_an_unknown_name_is_answered_with_the_nearest(write, model_text, tmp_path):
    write("mobilenet_v9.yaml", model_text)
    with pytest.raises(UnknownName, match=r"unknown model \(fix: did you mean 'mobilenet_v9'\?"):
        load_model("mobilnet_v9", [tmp_path])


@pytest.mark.parametrize("name", ["../net", "net.yaml", "/etc/passwd", "", "_base", "nets/net"])
def test_a_name_is_never_a_path(write, model_text, tmp_path, name):
    for file in ("net.yaml", "_base.yaml", "nets/net.yaml"):
        write(f"specs/{file}", model_text)
    write("net.yaml", model_text)
    with pytest.raises(UnknownName):
        load_model(name, [tmp_path / "specs"])


def test_a_broken_file_stands_in_no_others_way_and_is_listed_with_its_problem(write, model_text, tmp_path):
    write("broken.yaml", "source: [\n")
    write("good.yaml", model_text)
    listed = {entry.name: entry for entry in models([tmp_path]).entries()}
    assert load_model("good", [tmp_path]).name == "good"
    assert listed["good"].problems == ()
    assert listed["broken"].spec is None
    assert "not YAML" in str(listed["broken"].problems[0])
    with pytest.raises(SpecError, match=r"broken.yaml:2: not YAML"):
        load_model("broken", [tmp_path])


def test_a_broken_file_is_not_replaced_by_one_of_that_name_further_on(write, tmp_path):
    write("local.yaml", "threads: none\n")
    with pytest.raises(SpecError, match="threads: must be a list"):
        devices([tmp_path]).load("local")


def test_bases_and_hidden_files_are_no_models(write, model_text, tmp_path):
    for name in ("_base.yaml", ".net.yaml", "notes.txt", "net.yaml~"):
        write(name, model_text)
    assert not [entry for entry in models([tmp_path]).entries() if entry.file.parent == tmp_path]


def test_a_yml_file_does_not_vanish(write, model_text, tmp_path):
    write("net.yml", model_text)
    (problem,) = models([tmp_path]).validate()
    assert problem.text == "call it net.yaml to have it read"


def test_links_to_nowhere_and_folders_are_problems(tmp_path):
    (tmp_path / "link.yaml").symlink_to("nowhere")
    (tmp_path / "folder.yaml").mkdir()
    assert [problem.text for problem in models([tmp_path]).validate()] == [
        "is not a file",
        "cannot be read: No such file or directory",
    ]


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        models([tmp_path / "gone"])


def test_validate_names_missing_files_by_the_line_that_states_them(write, model_text, tmp_path):
    path = write("net.yaml", model_text.replace("weights: random", "weights: gone.weights.h5"))
    (problem,) = models([tmp_path]).validate()
    assert str(problem).startswith(f"{path}:5: source.weights: no such file: {tmp_path / 'gone.weights.h5'};")


def test_validate_collects_the_problems_of_all_files(write, tmp_path):
    for name in ("a.yaml", "b.yaml"):
        write(name, "threads: 5\nzzz: 1\n")
    assert [(Path(p.file).name, p.key) for p in devices([tmp_path]).validate()] == [
        ("a.yaml", "threads"),
        ("a.yaml", "zzz"),
        ("b.yaml", "threads"),
        ("b.yaml", "zzz"),
    ]


def test_validate_reports_every_named_spec_and_no_other(write, tmp_path):
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        write(name, "threads: 5\n")
    assert [Path(p.file).name for p in devices([tmp_path]).validate(["c", "a", "c"])] == ["c.yaml", "a.yaml"]


def test_what_an_included_file_states_wrong_is_a_problem_of_the_spec_that_is_named(write, model_text, tmp_path):
    base = write("_base.yaml", model_text.replace("weights: random", "weights: gone.weights.h5"))
    for name in ("a.yaml", "b.yaml"):
        write(name, "include: _base.yaml\n")
    (problem,) = models([tmp_path]).validate(["a"])
    assert str(problem).startswith(f"{base}:5: source.weights: no such file")
    assert models([tmp_path]).validate() == (problem,)


def test_an_unknown_name_among_those_to_validate_is_refused(write, device_text, tmp_path):
    write("board.yaml", device_text)
    with pytest.raises(UnknownName, match="did you mean 'board'"):
        devices([tmp_path]).validate(["board", "bord"])
