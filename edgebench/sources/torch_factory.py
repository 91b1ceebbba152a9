"""The user's own code that builds a PyTorch module: found without running it, run where the model is loaded."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from edgebench.digests import sha256_file, sha256_json
from edgebench.errors import ModelFileError
from edgebench.sources.border import one_line, translated
from edgebench.specs.problem import Problem, as_error

if TYPE_CHECKING:
    from edgebench.specs.model import ModelSpec

MODULE_NAME = "edgebench_user_model"
KEY = "source.torch.module"


def content(spec: ModelSpec, folder: Path | None) -> dict[str, Any]:
    """The factory's name, options and code, and the hash of its state dict.

    Its code is its file; of an installed package, every Python file of it.

    Raises:
        SpecError: there is no such file or package.
    """
    source: Any = spec.source
    stated = source.torch
    weights = stated.state_dict if spec.has_random_weights else sha256_file(spec.source_file(folder))
    return {
        "module": stated.module.rpartition("/")[2],
        "options": stated.options,
        "code": _code(spec, folder),
        "state_dict": weights,
    }


def build(spec: ModelSpec, folder: Path | None) -> Any:
    """What the factory returns. This runs the user's code.

    Raises:
        SpecError: there is no such file or package.
        ModelFileError: it has no such factory, or that raised.
    """
    source: Any = spec.source
    stated = source.torch
    place, _, name = stated.module.rpartition(":")
    module = _imported(spec, folder)
    factory = getattr(module, name, None)
    if not callable(factory):
        raise ModelFileError(f"has no factory {name!r}", subject=place, fix=f"correct {KEY}")
    with translated(Path(place), f"the factory {name!r} raised", fix=f"correct it, or {KEY} and its options"):
        try:
            return factory(**stated.options)
        except Exception as exc:
            raise type_named(exc) from exc


def type_named(exc: Exception) -> RuntimeError:
    """The same message with the name of the exception before it, without which a KeyError says little."""
    return RuntimeError(f"{type(exc).__name__}: {one_line(exc)}")


def _imported(spec: ModelSpec, folder: Path | None) -> ModuleType:
    place = _place(spec)
    with translated(Path(place), "cannot be imported", fix="correct the module, or install what it needs"):
        try:
            if not place.endswith(".py"):
                _package(spec)
                return importlib.import_module(place)
            found = importlib.util.spec_from_file_location(MODULE_NAME, _file(spec, folder))
            assert found is not None  # for a name that ends in .py
            assert found.loader is not None
            module = importlib.util.module_from_spec(found)
            sys.modules[MODULE_NAME] = module  # dataclasses and pickles look a module up by its name
            found.loader.exec_module(module)
            return module
        except (ImportError, SyntaxError, NameError, AttributeError) as exc:
            raise type_named(exc) from exc


def _place(spec: ModelSpec) -> str:
    source: Any = spec.source
    place: str = source.torch.module.rpartition(":")[0]
    return place


def _code(spec: ModelSpec, folder: Path | None) -> str:
    if _place(spec).endswith(".py"):
        return sha256_file(_file(spec, folder))
    package = _package(spec)
    if not package.submodule_search_locations:
        return sha256_file(Path(str(package.origin)))
    files = [file for root in package.submodule_search_locations for file in sorted(Path(root).rglob("*.py"))]
    return sha256_json([sha256_file(file) for file in files])


def _file(spec: ModelSpec, folder: Path | None) -> Path:
    path = (folder or spec.folder) / _place(spec)
    if not path.is_file():
        raise as_error([Problem.at(spec.place(KEY), f"no such file: {path}; correct the path", key=KEY)])
    return path


def _package(spec: ModelSpec) -> ModuleSpec:
    """Found without importing it, as that would run its code."""
    name = _place(spec).partition(".")[0]
    found = PathFinder.find_spec(name)
    if found is None or not (found.origin or found.submodule_search_locations):
        text = f"no such package: {name}; install it, or state `file.py:factory`"
        raise as_error([Problem.at(spec.place(KEY), text, key=KEY)])
    return found
