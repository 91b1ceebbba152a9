"""Registries: names to imports, in one place."""

from __future__ import annotations

import sys

import pytest

from edgebench.errors import MissingPackage, UnknownName
from edgebench.registry import install, resolve


def test_a_name_becomes_the_object_it_stands_for():
    assert resolve({"dumps": "json:dumps"}, "dumps", kind="writer") is __import__("json").dumps


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown writer \(fix: did you mean 'dumps'\?"):
        resolve({"dumps": "json:dumps"}, "dump", kind="writer")


def test_a_table_is_read_without_importing_what_it_lists(tmp_path, monkeypatch):
    (tmp_path / "heavy_target.py").write_text("MADE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    table = {"heavy": "heavy_target:MADE", "other": "json:dumps"}
    resolve(table, "other", kind="target")
    assert "heavy_target" not in sys.modules
    assert resolve(table, "heavy", kind="target") == 1


def test_an_absent_package_becomes_advice(tmp_path, monkeypatch):
    (tmp_path / "needs_absent.py").write_text("import no_such_package_here.inner\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackage, match=r"target x: needs the package 'no_such_package_here'"):
        resolve({"x": "needs_absent:X"}, "x", kind="target")


def test_what_comes_with_an_extra_is_installed_by_its_name():
    assert install("litert-torch") == "pip install 'edgebench[torch]'"
    assert install("coremltools") == "pip install coremltools"


def test_our_own_missing_module_is_not_blamed_on_the_user():
    with pytest.raises(ModuleNotFoundError) as caught:
        resolve({"x": "edgebench.no_such_module:X"}, "x", kind="target")
    assert not isinstance(caught.value, MissingPackage)
