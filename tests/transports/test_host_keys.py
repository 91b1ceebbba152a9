from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from paramiko import ECDSAKey, PKey, RSAKey

from edgebench.errors import DeviceError, StoreError
from edgebench.transports.host_keys import fingerprint, own_file, trust, trusted

ONE, OTHER = ECDSAKey.generate(), ECDSAKey.generate()


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def line(name: str, key: PKey) -> str:
    return f"{name} {key.get_name()} {key.get_base64()}\n"


def test_nobody_is_trusted_unasked() -> None:
    assert trusted("pi") == ()


def test_a_trusted_key_is_found_by_its_machine_alone() -> None:
    trust("[pi]:2222", ONE)
    assert trusted("[pi]:2222") == (ONE,)
    assert trusted("pi") == trusted("[pi]:22222") == ()


def test_another_key_takes_its_place_whatever_its_kind() -> None:
    trust("pi", ONE)
    trust("other", ONE)
    trust("pi", RSAKey.generate(2048))
    (key,) = trusted("pi")
    assert key.get_name() == "ssh-rsa"
    assert trusted("other") == (ONE,)


def test_the_file_is_the_users_alone_and_ssh_reads_it(user: Path) -> None:
    trust("pi", ONE)
    assert own_file().stat().st_mode & 0o777 == 0o600
    found = subprocess.run(["ssh-keygen", "-F", "pi", "-f", own_file()], capture_output=True, text=True)
    assert ONE.get_base64() in found.stdout


def test_what_ssh_trusts_we_trust_and_ours_comes_first(user: Path) -> None:
    (user / ".ssh").mkdir()
    (user / ".ssh" / "known_hosts").write_text(line("pi", OTHER) + line("pi,192.0.2.7", ONE))
    assert set(trusted("pi")) <= {ONE, OTHER}
    assert trusted("192.0.2.7") == (ONE,)
    trust("pi", ONE)
    assert trusted("pi") == (ONE,)


def test_hashed_names_of_ssh_are_understood(user: Path) -> None:
    (user / ".ssh").mkdir()
    known = user / ".ssh" / "known_hosts"
    known.write_text(line("pi", ONE))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert "pi" not in known.read_text().split()[0]
    assert trusted("pi") == (ONE,)


def test_xdg_says_where_the_file_is(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(user / "elsewhere"))
    trust("pi", ONE)
    assert (user / "elsewhere" / "edgebench" / "known_hosts").is_file()


def test_a_file_that_cannot_be_read_is_named_and_not_replaced(user: Path) -> None:
    own_file().parent.mkdir(parents=True)
    own_file().write_bytes(b"\xff\xfe\x00pi")
    for call in (lambda: trusted("pi"), lambda: trust("pi", ONE)):
        with pytest.raises(DeviceError, match="known_hosts: cannot be read"):
            call()
    assert own_file().read_bytes() == b"\xff\xfe\x00pi"


def test_a_folder_that_cannot_be_written_is_named(user: Path) -> None:
    (user / ".config").touch()
    with pytest.raises(StoreError, match="a file stands where a folder must be"):
        trust("pi", ONE)


def test_the_fingerprint_is_that_of_ssh_keygen(user: Path) -> None:
    (user / "key.pub").write_text(f"{ONE.get_name()} {ONE.get_base64()}\n")
    told = subprocess.run(["ssh-keygen", "-lf", user / "key.pub"], capture_output=True, text=True)
    assert fingerprint(ONE) in told.stdout.split()
