"""Where specs are found: the folders the user names, the project's own, then those shipped with edgebench.

A name is a file's name without `.yaml`; the first folder that has it wins. Files beginning with `_` are
for including. A broken file is listed with what is wrong with it, and stands in no other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from edgebench.errors import UnknownName, UsageError
from edgebench.specs.build import S, build
from edgebench.specs.device import DeviceSpec
from edgebench.specs.model import ModelSpec
from edgebench.specs.problem import Place, Problem, as_error
from edgebench.specs.stated import Stated

_PACKAGE = Path(__file__).resolve().parents[1]
Folders = Sequence[Path | str]


@dataclass(frozen=True)
class Entry(Generic[S]):
    """One spec file. `spec` is None exactly where there are problems."""

    name: str
    file: Path
    spec: S | None
    problems: tuple[Problem, ...]


class Catalog(Generic[S]):
    """The specs of one kind in a list of folders, first folder first."""

    def __init__(self, cls: type[S], kind: str, folders: Sequence[Path]) -> None:
        self.cls = cls
        self.kind = kind
        self.folders = folders

    def files(self) -> dict[str, Path]:
        """Name -> file, nothing read yet. A `.yml` file is listed by its full name, and is a mistake."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            for file in _spec_files(folder):
                found.setdefault(file.stem if file.suffix == ".yaml" else file.name, file)
        return dict(sorted(found.items()))

    def load(self, name: str) -> S:
        """Raises UnknownName or SpecError."""
        (entry,) = self.entries([name])
        if entry.spec is None:
            raise as_error(entry.problems)
        return entry.spec

    def entries(self, names: Sequence[str] = ()) -> tuple[Entry[S], ...]:
        """The named specs, or all; broken ones too.

        Raises:
            UnknownName: no file has one of the names.
        """
        files = self.files()
        for name in names:
            if name not in files:
                raise UnknownName.among(name, files, kind=self.kind)
        return tuple(self._entry(name, files[name]) for name in dict.fromkeys(names or files))

    def validate(
        self, names: Sequence[str] = (), *, check: Callable[[S], Iterable[Problem]] = lambda spec: ()
    ) -> tuple[Problem, ...]:
        """All that is wrong with the named specs, or with any, each mistake once.

        It may be in an included file; a file that a spec refers to and that is missing is a mistake too.

        Args:
            check: what a spec that is good in itself gets wrong about the rest of the house.

        Raises:
            UnknownName: no file has one of the names.
        """
        found: list[Problem] = []
        for each in self.entries(names):
            found += (*each.problems, *_missing_file(each.spec), *(check(each.spec) if each.spec else ()))
        return tuple(dict.fromkeys(found))

    def _entry(self, name: str, file: Path) -> Entry[S]:
        if file.suffix != ".yaml":
            return Entry(name, file, None, (Problem.at(Place(file), f"call it {file.stem}.yaml to have it read"),))
        spec, problems = build(self.cls, file)
        return Entry(name, file, spec, tuple(problems))


def models(dirs: Folders = (), *, project: Path | None = None) -> Catalog[ModelSpec]:
    """Model specs in `dirs`, then in the project's (by default the current) folder, then the shipped ones."""
    return Catalog(ModelSpec, "model", search_path("model_specs", dirs, project or Path()))


def devices(dirs: Folders = (), *, project: Path | None = None) -> Catalog[DeviceSpec]:
    """Device specs, likewise."""
    return Catalog(DeviceSpec, "device", search_path("devices", dirs, project or Path()))


def load_model(name: str, dirs: Folders = ()) -> ModelSpec:
    return models(dirs).load(name)


def load_device(name: str, dirs: Folders = ()) -> DeviceSpec:
    return devices(dirs).load(name)


def search_path(room: str, dirs: Folders, project: Path) -> tuple[Path, ...]:
    """The folders to look in, each once.

    Raises:
        UsageError: one of `dirs` is no folder.
    """
    named = [Path(folder) for folder in dirs]
    for folder in named:
        if not folder.is_dir():
            raise UsageError("no such folder", subject=str(folder), fix="name a folder that holds YAML files")
    usual = [folder for folder in (project / room, shipped(room)) if folder.is_dir()]
    found: dict[Path, Path] = {}
    for folder in (*named, *usual):
        found.setdefault(folder.resolve(), folder)
    return tuple(found.values())


def shipped(room: str, package: Path = _PACKAGE) -> Path:
    """The folder that came with edgebench: inside an installed package, beside the package in a checkout."""
    inside = package / "_shipped" / room
    return inside if inside.is_dir() else package.parent / room


def _spec_files(folder: Path) -> list[Path]:
    try:
        files = sorted(folder.iterdir())
    except OSError as exc:
        raise UsageError(f"cannot be listed: {exc.strerror}", subject=str(folder)) from exc
    return [file for file in files if file.suffix in (".yaml", ".yml") and file.name[0] not in "._"]


def _missing_file(spec: Stated | None) -> tuple[Problem, ...]:
    missing = spec.missing_file() if spec else None
    return (missing,) if missing else ()
