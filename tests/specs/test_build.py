"""From files to specs: what is accepted, and what every mistake says."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.digests import sha256_json
from edgebench.specs.build import build
from edgebench.specs.device import DeviceSpec
from edgebench.specs.model import ModelSpec


def said(path: Path, cls: type = ModelSpec) -> list[str]:
    """Problems without the folder."""
    spec, problems = build(cls, path)
    assert (spec is None) == bool(problems)
    return [str(problem).replace(f"{path.parent}/", "") for problem in problems]


def test_a_spec_is_what_its_file_says(write, model_text, device_text):
    model, _ = build(ModelSpec, write("net.yaml", model_text))
    device, _ = build(DeviceSpec, write("board.yaml", device_text))
    assert (model.name, model.input.size, model.budgets.max_bytes) == ("net", (128, 128), 15_000_000)
    assert (device.name, device.threads, device.veto.foreign_load) == ("board", (1, 4), 0.5)


def test_the_name_is_that_of_the_file(write, model_text):
    assert said(write("net.yaml", "name: net\n" + model_text)) == []
    assert said(write("net.yaml", "name: other\n" + model_text)) == [
        "net.yaml:1: name: must be 'net', as the file is called"
    ]
    assert (
        "must be letters, digits and . _ - with a letter or digit first, found 'a net'"
        in said(write("a net.yaml", model_text))[0]
    )


MISTAKES = [
    ("range: [-1, 1]", "range: [-1, 1]\n  colour: rgb", "net.yaml:9: input.colour: unknown key; did you mean 'color'?"),
    ("range: [-1, 1]", "range: [-1, 1]\n  zzz: 1", "net.yaml:9: input.zzz: unknown key; allowed: size, color, crop,"),
    ("size: [128, 128]", "size: [128]", "net.yaml:7: input.size[1]: is missing"),
    ("size: [128, 128]", "size: [1, 2, 3]", "net.yaml:7: input.size: must have at most 2 items, found 3"),
    ("size: [128, 128]", "size: 128", "net.yaml:7: input.size: must be a list, found 128"),
    ("size: [128, 128]", "size: [0, 1]", "input.size[0]: must be greater than or equal to 1, found 0"),
    ("size: [128, 128]", "size: [1.5, 1]", "input.size[0]: must be a whole number, found 1.5"),
    ("size: [128, 128]", "size: [true, 1]", "input.size[0]: must be a whole number, found true"),
    ("size: [128, 128]", "size: ['1', 1]", "input.size[0]: must be a whole number, found '1'"),
    ("  size: [128, 128]\n", "", "net.yaml:6: input.size: is missing: height, width in pixels"),
    ("range: [-1, 1]", "range: [-1, .nan]", "input.range[1]: must be a finite number, found NaN"),
    ("range: [-1, 1]", "range: [1, -1]", "net.yaml:6: input: `range` must rise"),
    ("range: [-1, 1]", "mean: [0.5]\n  std: [0.5]", "net.yaml:6: input: `mean` needs 3 value(s)"),
    ("range: [-1, 1]", "layout: hwc", "net.yaml:8: input.layout: must be 'nhwc' or 'nchw', found 'hwc'"),
    ("weights: random", "weihts: random", "net.yaml:5: source.weihts: unknown key; did you mean 'weights'?"),
    ("weights: random", "weights: 5", "net.yaml:5: source.weights: must be text in quotes, found 5"),
    (
        "weights: random",
        "keras: a.keras",
        "net.yaml:5: source.keras: unknown key; allowed: architecture, options, weights",
    ),
    ("alpha: 0.5", "alpha: [1]", "net.yaml:4: source.options.alpha: must be a number or a whole number or text"),
    ("alpha: 0.5", "alpha: null", "net.yaml:4: source.options.alpha: must be a number or a whole number or text"),
    (
        "kind: expression",
        "kind: expresion",
        "net.yaml:10: heads[0].kind: must be 'expression' or 'classes' or 'valence_arousal' or 'regression', f",
    ),
    ("kind: expression", "kin: expression", "net.yaml:10: heads[0]: needs the key 'kind'"),
    ("name: va", "name: expression", "net.yaml:1: two heads share a name"),
    ("name: va", "name: va\n    labels: [a, b]", "heads[1].labels: unknown key; allowed: kind, name, range"),
    ("[neutral, happy]", "[neutral, neutral]", "net.yaml:10: heads[0]: `labels` needs two or more distinct names"),
    ("max_bytes: 15_000_000", "max_bytes: 15 MB", "budgets.max_bytes: must be a whole number, found '15 MB'"),
    ("  max_bytes: 15_000_000\n", "", "net.yaml:15: budgets: must be a mapping of keys to values, found nothing"),
    ("budgets:", "training: {flip: yes}\nbudgets:", "training.flip: must be true or false, found 'yes'"),
    ("budgets:", "training: {rotation_degrees: 1:30}\nbudgets:", "must be a number, found '1:30'"),
    ("budgets:", "training: {epochs: 010}\nbudgets:", "training.epochs: must be a whole number, found '010'"),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES, ids=[new[:30] for _, new, _ in MISTAKES])
def test_a_mistake_names_its_line_its_key_and_what_is_allowed(write, model_text, old, new, expected):
    assert old in model_text
    (line,) = [line for line in said(write("net.yaml", model_text.replace(old, new, 1))) if expected in line]
    assert line.startswith("net.yaml:")


def test_a_source_of_no_kind_is_answered_with_every_kind_and_the_nearest(write, model_text):
    head, _, rest = model_text.partition("source:")
    path = write("net.yaml", f"{head}source: {{kears: x}}\n" + rest[rest.index("input:") :])
    (line,) = said(path)
    assert "source: must have one of the keys architecture, keras, saved_model, onnx, tflite" in line
    assert line.endswith("found 'kears', did you mean 'keras'?")


def test_yes_and_no_are_good_labels(write, model_text):
    spec, _ = build(ModelSpec, write("net.yaml", model_text.replace("[neutral, happy]", "[no, yes]")))
    assert spec.heads[0].labels == ("no", "yes")


def test_all_mistakes_of_a_file_are_said_at_once_in_order(write):
    path = write(
        "net.yaml",
        "name: other\nsource: {architecture: x, weights: 5}\n"
        "input:\n  size: [1, 1]\n  range: 3\n  range: 4\nheads: []\n",
    )
    assert [line.split(" ")[0] for line in said(path)] == [
        "net.yaml:1:",
        "net.yaml:2:",
        "net.yaml:5:",
        "net.yaml:6:",
        "net.yaml:7:",
    ]


def test_a_mistake_in_an_included_file_names_that_file_and_line(write, model_text):
    write("_base.yaml", model_text.replace("range: [-1, 1]", "range: [-1, 1]\n  margin: wide"))
    assert said(write("net.yaml", "include: _base.yaml\n")) == [
        "_base.yaml:9: input.margin: must be a number, found 'wide'"
    ]


def test_keys_are_not_called_missing_when_an_included_file_is(write):
    (line,) = said(write("net.yaml", "include: gone.yaml\nsource: {architecture: a}\n"))
    assert "no such file" in line


def test_an_unknown_key_that_is_called_like_its_head_does_not_confuse_the_places(write, model_text):
    text = model_text.replace(
        "name: expression\n    labels: [neutral, happy]", "expression: 1\n    name: 5\n    labels: [a]"
    )
    assert [line.partition(";")[0] for line in said(write("net.yaml", text))] == [
        "net.yaml:11: heads[0].expression: unknown key",
        "net.yaml:12: heads[0].name: must be text in quotes, found 5",
    ]


def test_a_device_is_checked_likewise(write, device_text):
    text = device_text.replace("[litert]", "[litert, tensorrt]").replace("foreign_load", "foriegn_load")
    assert said(write("board.yaml", text), DeviceSpec) == [
        "board.yaml:2: runtimes[1]: must be 'litert', 'onnxruntime' or 'coreml', found 'tensorrt'",
        "board.yaml:4: veto.foriegn_load: unknown key; did you mean 'foreign_load'? "
        "allowed: foreign_load, frequency_change, memory_pressure, max_temperature_c, repeats",
    ]


def test_where_a_spec_was_read_is_kept_but_not_part_of_what_it_says(write, model_text):
    here, _ = build(ModelSpec, write("here/net.yaml", model_text))
    there, _ = build(ModelSpec, write("there/net.yaml", "# moved\n" + model_text))
    assert here.folder != there.folder
    assert (here.place("input.size").line, there.place("input.size").line) == (7, 8)
    assert sha256_json(here.model_dump()) == sha256_json(there.model_dump())


def test_a_spec_survives_the_way_to_another_process(write, model_text):
    spec, _ = build(ModelSpec, write("net.yaml", model_text))
    copy = pickle.loads(pickle.dumps(spec))
    assert copy == spec
    assert (copy.folder, copy.place("heads")) == (spec.folder, spec.place("heads"))


# What follows breaks good files in every way at hand: each must end in a spec or in problems.


def mutated(data: Any, rng: random.Random) -> Any:
    """The data with one key or value, anywhere in it, made another."""
    if isinstance(data, dict) and data and rng.random() < 0.9:
        key = rng.choice(sorted(data))
        renamed = rng.choice([key, key, key, key[1:], key + "s", key.upper(), "kind", "include", ""])
        return {renamed if k == key else k: mutated(v, rng) if k == key else v for k, v in data.items()}
    if isinstance(data, list) and data and rng.random() < 0.8:
        at = rng.randrange(len(data))
        return [*data[:at], mutated(data[at], rng), *data[at + 1 :]]
    return rng.choice(
        [
            None,
            True,
            -1,
            0,
            10**30,
            1e308,
            float("nan"),
            "",
            "x",
            "\0",
            [],
            {},
            [data],
            {"a": data},
            "y" * 300,
            str(data),
        ]
    )


def assert_spec_or_problems(path: Path, cls: type) -> None:
    spec, problems = build(cls, path)
    assert (spec is None) == bool(problems)
    assert all(str(problem).isprintable() and problem.line >= 1 for problem in problems)


many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(seed=st.integers(0, 2**32), times=st.integers(1, 4), device=st.booleans())
def test_any_change_of_keys_and_types_is_a_spec_or_problems(
    loader, write, model_text, device_text, seed, times, device
):
    rng, data = random.Random(seed), yaml.safe_load(device_text if device else model_text)
    for _ in range(times):
        data = mutated(data, rng)
    cls = DeviceSpec if device else ModelSpec
    assert_spec_or_problems(write("net.yaml", yaml.safe_dump(data)), cls)
    assert_spec_or_problems(write("net.yaml", json.dumps(data)), cls)


@many
@given(cut=st.integers(0, 400), put=st.binary(max_size=8) | st.text("[]{}:&*!|>-?,'\"\n\t %@#a1~", max_size=6))
def test_any_cut_or_insertion_is_a_spec_or_problems(loader, write, model_text, cut, put):
    data, odd = model_text.encode(), put if isinstance(put, bytes) else put.encode()
    assert_spec_or_problems(write("net.yaml", data[:cut] + odd), ModelSpec)
    assert_spec_or_problems(write("net.yaml", data[:cut] + odd + data[cut:]), ModelSpec)


@pytest.mark.parametrize("escape", ["\\ud800", "\\uD83D\\uDE00", "\\0", "\\x1b[2J", "\\u2028"])
def test_escapes_no_terminal_or_encoding_can_take_are_a_spec_or_problems(loader, write, escape):
    assert_spec_or_problems(write("net.yaml", f'description: "{escape}"\n"{escape}": "{escape}"\n'), ModelSpec)


@many
@given(data=st.binary(max_size=200))
def test_any_bytes_are_problems(loader, write, data):
    assert_spec_or_problems(write("net.yaml", data), ModelSpec)


@many
@given(text=st.text("[]{}:&*!|>-?,'\"\n\\xu0dab1~", max_size=60))
def test_any_punctuation_is_problems(loader, write, text):
    assert_spec_or_problems(write("net.yaml", text), ModelSpec)
