"""The user's code: found without running it."""

import subprocess
import sys

import pytest

from edgebench.errors import ModelFileError, SpecError
from edgebench.sources import fingerprint
from edgebench.sources.torch_factory import build

RUNS = "raise RuntimeError('was run')\n"


@pytest.fixture
def spec(spec_of, tmp_path):
    def make(module, **options):
        return spec_of(torch={"module": module, "state_dict": "random", "options": options})

    return make


def test_taking_the_fingerprint_runs_nothing(spec, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(RUNS)
    package = tmp_path / "edgebench_test_package"
    package.mkdir()
    (package / "__init__.py").write_text(RUNS)
    (package / "nets.py").write_text(RUNS)
    monkeypatch.syspath_prepend(tmp_path)
    assert fingerprint(spec("net.py:net"), tmp_path)
    before = fingerprint(spec("edgebench_test_package.nets:net"))
    (package / "parts.py").write_text("")
    assert fingerprint(spec("edgebench_test_package.nets:net")) != before


def test_neither_the_front_nor_a_fingerprint_imports_pytorch(tmp_path):
    (tmp_path / "net.py").write_text(RUNS)
    code = (
        "import sys, pathlib, edgebench, edgebench.cli\n"
        "from edgebench.specs.model import ModelSpec\n"
        "from edgebench.sources import fingerprint\n"
        "from edgebench.targets.reach import left_out\n"
        "source = {'torch': {'module': 'net.py:net', 'state_dict': 'random'}}\n"
        "heads = [{'kind': 'valence_arousal', 'name': 'va'}]\n"
        "spec = ModelSpec(name='net', source=source, input={'size': (8, 8), 'range': (0, 1)}, heads=heads)\n"
        "fingerprint(spec, pathlib.Path(sys.argv[1])), left_out(spec)\n"
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["False"]


def test_a_file_or_an_installed_module_builds(spec, tmp_path, monkeypatch):
    (tmp_path / "edgebench_test_nets.py").write_text("def net(depth=1): return ['net'] * depth\n")
    assert build(spec("edgebench_test_nets.py:net", depth=2), tmp_path) == ["net", "net"]
    monkeypatch.syspath_prepend(tmp_path)
    assert build(spec("edgebench_test_nets:net"), None) == ["net"]
    assert fingerprint(spec("edgebench_test_nets:net"))


def test_what_is_not_there_is_named(spec, tmp_path):
    for verb in (build, fingerprint):
        with pytest.raises(SpecError, match=r"source\.torch\.module: no such file: .*gone\.py"):
            verb(spec("gone.py:net"), tmp_path)
        with pytest.raises(SpecError, match=r"no such package: edgebench_test_gone; install it"):
            verb(spec("edgebench_test_gone.nets:net"), tmp_path)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (RUNS, "was run"),
        ("import no_such_thing_here\n", "ModuleNotFoundError: No module named 'no_such_thing_here'"),
        ("def net(:\n", "SyntaxError"),
        ("x = y\n", "NameError: name 'y' is not defined"),
    ],
)
def test_code_that_cannot_be_imported_is_refused_in_one_line(spec, tmp_path, code, said):
    (tmp_path / "net.py").write_text(code)
    with pytest.raises(ModelFileError, match=rf"net\.py: cannot be imported \(.*{said}") as caught:
        build(spec("net.py:net"), tmp_path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("module", ["net", "net.py", ":net", "net.py:", "a b:net", "net.py:1x", "a..b:c"])
def test_a_module_that_is_no_place_and_name_is_refused(spec, module):
    with pytest.raises(ValueError, match=r"torch\.module"):
        spec(module)
