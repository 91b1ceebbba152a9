from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from boards.sshd import Board

from edgebench.errors import DeviceError
from edgebench.pipeline.device_trust import accept, require_expected, shown_keys
from edgebench.specs.device import DeviceSpec, SshSettings
from edgebench.transports import connect
from edgebench.transports.host_keys import own_file


def spec_of(board: Board, **changes: object) -> DeviceSpec:
    stated = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key), **changes}
    return DeviceSpec(name="pi", transport="ssh", ssh=SshSettings.model_validate(stated))


def test_a_key_that_is_accepted_is_known_from_then_on(board: Board, tmp_path: Path) -> None:
    own_file().unlink()
    (found,) = shown_keys(spec_of(board))
    assert (found.state, found.kind, found.before) == ("new", "ssh-ed25519", ())
    assert accept(found) == own_file()
    assert own_file().stat().st_mode & 0o077 == 0
    (again,) = shown_keys(spec_of(board))
    assert again.state == "known"
    assert connect(spec_of(board), tmp_path).run(["true"]).returncode == 0


def test_a_changed_key_takes_the_place_of_the_old_one(board: Board, tmp_path: Path) -> None:
    (before,) = shown_keys(spec_of(board))
    board.stop()
    board.new_host_key()
    board.start()
    (found,) = shown_keys(spec_of(board))
    assert (found.state, found.before) == ("changed", (before.fingerprint,))
    accept(found)
    assert own_file().read_text().count("\n") == 1
    assert connect(spec_of(board), tmp_path).run(["true"]).returncode == 0


def test_a_key_of_the_kind_that_ssh_knows_already_is_no_change(board: Board, tmp_path: Path) -> None:
    """Most machines have keys of several kinds; ssh may have stored another than we would ask for."""
    own_file().unlink()
    make_rsa(board)
    kind, key, *_ = (board.folder / "host_rsa.pub").read_text().split()
    (tmp_path / "user" / ".ssh").mkdir()
    (tmp_path / "user" / ".ssh" / "known_hosts").write_text(f"[{board.host}]:{board.port} {kind} {key}\n")
    (found,) = shown_keys(spec_of(board))
    assert (found.state, found.kind) == ("known", "ssh-rsa")
    assert connect(spec_of(board), tmp_path).run(["true"]).returncode == 0


def make_rsa(board: Board) -> None:
    """Gives the board a second host key."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", board.folder / "host_rsa"], check=True
    )
    board.stop()
    board.environment["X"] = f'1"\nHostKey {board.folder}/host_rsa\n#'  # the one way into its configuration
    board.start()


def test_a_fingerprint_that_was_told_must_be_the_one_shown(board: Board) -> None:
    (found,) = shown_keys(spec_of(board))
    require_expected(found, [found.fingerprint])
    require_expected(found, ["SHA256:other", found.fingerprint.removeprefix("SHA256:") + "="])
    with pytest.raises(DeviceError, match=r"pi \(.*\): shows SHA256:\S+, not SHA256:other .*ssh-keygen -lf"):
        require_expected(found, ["SHA256:other"])


def test_a_jump_host_is_to_be_trusted_first(board: Board, tmp_path: Path) -> None:
    """One sshd serves as both, under two names."""
    (tmp_path / "user" / ".ssh").mkdir()
    (tmp_path / "user" / ".ssh" / "config").write_text(
        f"Host door\n  HostName localhost\n  User {board.user}\n  IdentityFile {board.key}\n"
    )
    spec = spec_of(board, jump=f"door:{board.port}")
    with pytest.raises(DeviceError, match=r"pi's jump host .*host key is not known .*edgebench devices trust pi\)"):
        connect(spec, tmp_path).run(["true"])
    states = []
    for found in shown_keys(spec):
        states.append((found.device, found.state))
        accept(found)
    assert states == [("pi's jump host", "new"), ("pi", "known")]
    assert connect(spec, tmp_path).run(["echo", "1"]).stdout == "1\n"


def test_nothing_but_an_sshd_has_a_key(board: Board) -> None:
    board.stop()
    with pytest.raises(DeviceError, match="connection refused"):
        list(shown_keys(spec_of(board)))
