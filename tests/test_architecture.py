"""The house rules: imports go down only, rooms do not import one another, files stay short."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "edgebench"

FLOORS: dict[str, int] = {
    "errors": 0,
    **dict.fromkeys(("registry", "digests", "units", "frozen", "progress", "agent"), 1),
    **dict.fromkeys(("specs", "records", "stats"), 2),
    **dict.fromkeys(("inputs", "metrics", "plan", "pareto", "latency", "zoo"), 3),
    **dict.fromkeys(("sources", "drift"), 4),
    **dict.fromkeys(("targets", "data", "training", "transports", "render", "store", "gate"), 5),
    "pipeline": 6,
    "api": 7,
    **dict.fromkeys(("cli", "__init__"), 8),
    "__main__": 9,
}
# The agent is one shipped file: it must stay whole, whatever it takes.
LONGEST = {"edgebench_agent.py": 900}
LINES = 300

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[str]:
    """Every edgebench module a file imports, at any depth of the code."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.partition(".")[0] == "edgebench"]


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in MODULES} == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_to_a_lower_floor_or_stay_in_the_room(path: Path) -> None:
    own = room(path)
    for module in imported(path):
        other = room_of(module)
        assert other == own or FLOORS[other] < FLOORS[own], f"{path.name} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST.get(path.name, LINES)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("targets", "edgebench.targets:TARGETS"),
        ("data", "edgebench.data:LOADERS"),
        ("render", "edgebench.render:FORMATS"),
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


def test_the_agent_imports_nothing_of_edgebench() -> None:
    assert imported(PACKAGE / "agent" / "edgebench_agent.py") == []


def test_only_the_front_and_the_agent_print_or_exit() -> None:
    for path in MODULES:
        if room(path) in ("cli", "agent"):
            continue
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {ast.unparse(call) for call in calls}
        assert not names & {"print", "sys.exit", "exit"}, path
