"""What ships: specs that are good, that editors can check, beside schemas that are up to date."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench.data.options import json_schema
from edgebench.specs.catalog import devices, models
from edgebench.specs.schema import json_schemas

ROOT = Path(__file__).resolve().parents[2]

PARAMETERS = {  # of every shipped net that has a budget; the tests of the zoo hold these counts
    "hewitt_alexnet": 3_464_952,
    "hewitt_alexnet_va": 3_458_802,
    "hewitt_mobilenet": 3_237_064,
    "hewitt_mobilenet_va": 3_230_914,
    "hewitt_vgg": 3_753_016,
    "hewitt_vgg_va": 3_746_866,
    "mobilenet_v1_a0.25": 222_138,
    "mobilenet_v1_a0.35": 419_543,
    "mobilenet_v1_a0.5": 836_714,
    "mobilenet_v1_a0.75": 1_843_738,
    "mobilenet_v1_a1.0": 3_243_210,
    "mobilenet_v1_a1.4": 6_288_163,
}
BESIDE_WEIGHTS = 1.02
"""What a float file holds besides its weights makes it so much larger, at most."""


def test_every_shipped_spec_is_good() -> None:
    assert models().validate() == ()
    assert devices().validate() == ()


def test_every_budget_has_room_for_the_float_variants_of_its_own_net() -> None:
    limits = {entry.name: entry.spec.budgets.max_bytes for entry in models().entries() if entry.spec}
    held = {name: limit for name, limit in limits.items() if limit is not None}
    assert held.keys() == PARAMETERS.keys(), "count the parameters of a new net that has a budget"
    needed = {name: round(PARAMETERS[name] * 4 * BESIDE_WEIGHTS) for name in held}
    assert {name: held[name] for name in held if held[name] < needed[name]} == {}


@pytest.mark.parametrize("name", ["model_spec", "device_spec", "dataset"])
def test_committed_schemas_are_those_that_edgebench_writes(name: str) -> None:
    committed = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())
    written = {**json_schemas(), "dataset": json_schema()}
    assert committed == written[name], "run `edgebench schema` and commit"


@pytest.mark.parametrize("room", ["model_specs", "devices"])
def test_every_shipped_file_names_its_schema(room: str) -> None:
    for file in (ROOT / room).glob("*.yaml"):
        first = file.read_text().splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=../schemas/"), file
        assert (file.parent / first.partition("=")[2]).is_file()


def test_the_readme_s_raspberry_pi_measures_as_the_shipped_one(tmp_path: Path) -> None:
    chapter = (ROOT / "README.md").read_text().partition("## Your Raspberry Pi")[2]
    (tmp_path / "rpi4.yaml").write_text(chapter.partition("```yaml\n")[2].partition("```")[0])
    shipped, written = devices().load("rpi4"), devices([tmp_path]).load("rpi4")
    assert written.model_dump(exclude={"description"}) == shipped.model_dump(exclude={"description"})


def test_trained_weights_stay_small() -> None:
    weights = list((ROOT / "model_specs" / "weights").iterdir())
    assert weights
    assert sum(file.stat().st_size for file in weights) <= 6_000_000
