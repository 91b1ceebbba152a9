"""summary.md: a table GitHub can show, and no text that it would obey."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from edgebench.render.conclusions import conclusions
from edgebench.render.markdown import escape, render


def rows(text):
    """Cells of every table line, split where GitHub splits: at bars that are not escaped."""
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]


def test_every_variant_is_a_row_of_equal_width(results):
    cells = rows(render(results).decode())
    assert len(cells) == 2 + len(results.variants)
    assert {len(row) for row in cells} == {9}
    assert [cell.strip() for cell in cells[0]][:4] == ["variant", "verdict", "accuracy", "delta"]


def test_variants_that_were_never_scored_show_what_is_known_of_them(results):
    variants = tuple(v.model_copy(update={"scores": None, "drift": None}) for v in results.variants)
    found = results.model_copy(update={"variants": variants})
    head, _, *cells = rows(render(found).decode())
    assert [cell.strip() for cell in head][1:5] == ["size", "size / fp32", "int8 operators", "int8 conv/matmul"]
    for row, variant in zip(cells, variants, strict=True):
        operators = variant.operators
        wanted = f"{operators.int8} of {operators.int8 + operators.float}" if operators else "not measured"
        assert row[3].strip() == wanted
        assert (row[1].strip() == "not measured") == (variant.size_bytes is None)


def test_of_variants_without_anything_every_cell_says_so(unscored):
    _, _, *cells = rows(render(unscored).decode())
    assert {cell.strip() for row in cells for cell in row[1:]} == {"not measured"}


def test_each_thread_count_has_its_column(make):
    head = rows(render(make(threads=(1, 2))).decode())[0]
    assert [cell.strip() for cell in head if "thread" in cell] == ["latency, 1 thread", "latency, 2 threads"]


def test_the_data_set_the_conclusions_and_the_command_are_there(results):
    text = render(results).decode()
    assert text.startswith("## Fixture data, measured by nobody on synthetic faces\n")
    assert "> **synthetic faces: these accuracies say nothing about AffectNet**" in text
    assert all(escape(sentence) in text for sentence in conclusions(results))
    assert f"`{results.command}`" in text


def test_real_faces_carry_no_banner(results):
    real = results.dataset.model_copy(update={"synthetic": False, "name": "AffectNet"})
    assert "say nothing" not in render(results.model_copy(update={"dataset": real})).decode()


def test_each_caveat_is_told_once_in_a_folded_block(results):
    text = render(results).decode()
    folded = text[text.index("<details>") : text.index("</details>")]
    assert folded.count("**reference-executed**") == 1
    assert folded.count("coreml-fp32") == 2
    assert "**fixture** every number here was drawn from a generator." in folded


def test_no_caveat_is_no_block(unscored):
    assert "<details>" not in render(unscored).decode()


@given(st.text())
def test_escaped_text_is_one_line_without_markup(text):
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    assert "<" not in shown.replace("<!-- -->", "")
    assert not re.search(r"(?<!\\)(\\\\)*[|`*_\[\]~]", shown)
    assert not re.search(r"[@#](?!<!-- -->)", shown)


def test_hostile_names_neither_break_the_table_nor_become_markup(hostile):
    text = render(hostile).decode()
    assert {len(row) for row in rows(text)} == {9}
    assert "<script>" not in text.replace("`` ", "").partition("Reproduce:")[0]
    assert "Reproduce: `` " in text, "a command with a backtick needs a longer fence"


def test_what_was_not_measured_says_so(unscored):
    assert "not measured | not measured" in render(unscored).decode()
