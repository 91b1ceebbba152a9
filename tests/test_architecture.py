"""The house rules: imports go down only, rooms do not import one another, files stay short."""

from __future__ import annotations

import ast
from collections.abc import Container
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "edgebench"

FLOORS: dict[str, int] = {
    "errors": 0,
    **dict.fromkeys(("registry", "digests", "files", "units", "frozen", "progress", "agent"), 1),
    **dict.fromkeys(("specs", "stats"), 2),
    "records": 3,
    **dict.fromkeys(("inputs", "metrics", "plan", "pareto", "conditions", "zoo"), 4),
    **dict.fromkeys(("sources", "drift", "latency", "frame_rate", "soak"), 5),
    **dict.fromkeys(("targets", "data", "training", "transports", "render", "store", "gate", "diagnosis"), 6),
    "pipeline": 7,
    "api": 8,
    **dict.fromkeys(("cli", "__init__"), 9),
    "__main__": 10,
}
# The steward's own floors; above them, directly in its folder, stand the verbs.
STEWARD = {
    "workspace": 0,
    **dict.fromkeys(("choice", "children", "boards"), 1),
    "images": 2,
    "jobs": 3,
    "findings": 4,
}
VERBS = 5
# A shipped file must stay whole, whatever it takes.
SIBLINGS = ("pipeline", "board", "job", "conditions")
LONGEST = {"edgebench_agent.py": 900} | {f"edgebench_{name}.py": 480 for name in SIBLINGS}
LINES = 300

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> list[str]:
    """What a file imports of edgebench, at any depth of the code."""
    package = ".".join(path.relative_to(PACKAGE.parent).parent.parts)
    return [name for name in imports_of(path.read_text(), package) if name.partition(".")[0] == "edgebench"]


def imports_of(code: str, package: str) -> list[str]:
    """Full names of the modules that code in `package` imports, and of all that it takes out of them.

    What is taken may be a module itself: in `from edgebench.targets import tflite` it is.
    """
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            # Of the package itself, what is taken alone tells the room.
            found += [module] if "." in module else []
            found += [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def used(found: list[str], modules: Container[str]) -> set[str]:
    """Without the packages of which nothing but modules is taken."""
    taken = {name.rpartition(".")[0] for name in found if name not in modules}
    packages = {name.rpartition(".")[0] for name in found if name in modules}
    return set(found) - (packages - taken)


def room_of(name: str) -> str:
    """Of a module, or of something inside one; what the package itself offers belongs to its front."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in MODULES} == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_to_a_lower_floor_or_stay_in_the_room(path: Path) -> None:
    own = room(path)
    for module in imported(path):
        other = room_of(module)
        assert other == own or FLOORS[other] < FLOORS[own], f"{path.name} imports {module}"


def steward_floor(name: str) -> int:
    return STEWARD.get(name.split(".")[2], VERBS)


@pytest.mark.parametrize("path", sorted((PACKAGE / "pipeline").rglob("*.py")), ids=lambda path: path.stem)
def test_within_the_steward_imports_go_down_as_well(path: Path) -> None:
    own = module_of(path)
    for module in imported(path):
        if module.startswith("edgebench.pipeline.") and module.split(".")[:3] != own.split(".")[:3]:
            down = steward_floor(module) < steward_floor(own)
            assert down or steward_floor(module) == steward_floor(own) == VERBS, f"{path.name} imports {module}"


def test_no_module_is_imported_in_a_circle() -> None:
    files = {module_of(path): path for path in MODULES}
    found = {name: used(imported(path), files) & files.keys() for name, path in files.items()}
    # A room's front reaches its plug-ins late, and they take its vocabulary.
    for name, path in files.items():
        if path.name == "__init__.py":
            found[name] = {module for module in found[name] if not module.startswith(f"{name}.")}
    TopologicalSorter(found).prepare()  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST.get(path.name, LINES)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("targets", "edgebench.targets:TARGETS"),
        ("data", "edgebench.data:LOADERS"),
        ("sources", "edgebench.sources:LOADERS"),
        ("render", "edgebench.render:FORMATS"),
        ("render", "edgebench.render.gate_report:GATE_FORMATS"),
        ("transports", "edgebench.transports:TRANSPORTS"),
        ("metrics", "edgebench.metrics:METRICS"),
        ("zoo", "edgebench.zoo:ARCHITECTURES"),
    ],
)
def test_plug_ins_of_a_room_do_not_import_one_another(name: str, table: str) -> None:
    from importlib import import_module

    module, _, attribute = table.partition(":")
    plug_ins = {row.partition(":")[0] for row in getattr(import_module(module), attribute).values()}
    for plug_in in plug_ins:
        path = PACKAGE.parent / (plug_in.replace(".", "/") + ".py")
        assert not (set(imported(path)) & plug_ins) - {plug_in}, plug_in


@pytest.mark.parametrize(
    "code",
    [
        "from edgebench.targets import tflite",
        "from edgebench.targets import RunnableFile, tflite as other",
        "from edgebench.targets.tflite import Tflite",
        "import edgebench.targets.tflite",
        "from . import tflite",
        "from .tflite import Tflite",
        "from ..targets import tflite",
        "def late():\n    from edgebench.targets import tflite",
    ],
)
def test_a_sibling_is_seen_however_it_is_imported(code: str) -> None:
    found = imports_of(code, "edgebench.targets")
    assert "edgebench.targets.tflite" in found
    assert {room_of(name) for name in found} == {"targets"}


def test_what_is_taken_out_of_a_module_belongs_to_its_room() -> None:
    assert imports_of("from edgebench.stats import wilson", "edgebench") == [
        "edgebench.stats",
        "edgebench.stats.wilson",
    ]
    assert room_of("edgebench.stats.wilson") == "stats"
    assert [room_of(name) for name in imports_of("from edgebench import stats", "edgebench.drift")] == ["stats"]
    assert [room_of(name) for name in imports_of("from edgebench import quantize", "edgebench.cli")] == ["__init__"]


@pytest.mark.parametrize("name", sorted(path.name for path in (PACKAGE / "agent").glob("edgebench_*.py")))
def test_what_is_shipped_imports_nothing_of_edgebench(name: str) -> None:
    assert imported(PACKAGE / "agent" / name) == []


def test_only_the_front_and_the_agent_print_or_exit() -> None:
    for path in MODULES:
        if room(path) in ("cli", "agent"):
            continue
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {ast.unparse(call) for call in calls}
        assert not names & {"print", "sys.exit", "exit"}, path
