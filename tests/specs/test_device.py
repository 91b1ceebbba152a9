"""Device specs that are wrong, as their authors read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import SpecError
from edgebench.specs.catalog import load_device


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ssh: {host: 'pi;reboot'}", "ssh.host: must be letters, digits and . : _ - with .* found 'pi;reboot'"),
        ("ssh: {user: 'pi$(x)'}", "ssh.user: must be letters, digits and . _ - with a letter or _ first, found"),
        ("ssh: {key: 'a|b'}", "ssh.key: must be a path without quotes, .* found 'a|b'"),
        ("ssh: {jump: 'door`x`'}", r"ssh.jump: must be \[user@\]host\[:port\] of letters"),
        ("ssh: {folder: ../x}", r"ssh.folder: must be a path below the home folder .* without \.\., found '\.\./x'"),
        ("ssh: {python: '-c x'}", "ssh.python: must be a program's name or path .* found '-c x'"),
        ("board: 'Pi;4'", "board: must be letters, digits, spaces and .* found 'Pi;4'"),
        ("governor: '&'", "governor: must be small letters and _, found '&'"),
        ("pool: [a, 'b c']", r"pool\[1\]: must be letters, digits and . _ - with a letter or digit first, found 'b c'"),
    ],
)
def test_what_the_boards_shell_would_obey_is_refused_in_words(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "pi.yaml").write_text(f"{line}\n")
    with pytest.raises(SpecError, match=said) as caught:
        load_device("pi", [tmp_path])
    assert "[A-Z" not in str(caught.value)
