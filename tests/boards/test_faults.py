"""The fault matrix in devices/ names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MATRIX = Path("devices", "FAULTS.md")


def rows(text: str) -> list[str]:
    """Table rows below a head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("|---", "| fault |"))]


@pytest.fixture
def matrix(root: Path) -> str:
    return (root / MATRIX).read_text()


def test_every_fault_is_shown_by_a_test(matrix: str) -> None:
    assert len(rows(matrix)) > 25
    assert [row for row in rows(matrix) if not re.search(r"`test_\w+`", row.rsplit("|", 2)[1])] == []


def test_the_tests_it_names_are_there(matrix: str, root: Path) -> None:
    files = dict(re.findall(r"(\w) = `(tests/\S+\.py)`", matrix))
    for row in rows(matrix):
        letter = ""
        for found, name in re.findall(r"(?:\b([A-Z]) )?`(test_\w+)`", row.rsplit("|", 2)[1]):
            letter = found or letter
            assert f"def {name}(" in (root / files[letter]).read_text(), row
