from __future__ import annotations

import getpass
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import UsageError
from edgebench.specs.device import DeviceSpec, SshSettings
from edgebench.transports.ssh_address import Address, address_of


def spec(**stated: object) -> DeviceSpec:
    return DeviceSpec(name="pi", transport="ssh", ssh=SshSettings.model_validate(stated))


def without_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))


@pytest.fixture(params=["ssh", "paramiko"])
def reader(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who reads the configuration: ssh's own client, or paramiko on a machine without it."""
    if request.param == "paramiko":
        without_ssh(tmp_path, monkeypatch)
    elif not shutil.which("ssh"):
        pytest.skip("no ssh client (Debian: apt-get install openssh-client)")
    return str(request.param)


@pytest.fixture
def config(tmp_path: Path, reader: str) -> Path:
    (tmp_path / "id").touch()
    file = tmp_path / "config"
    file.write_text(f"""
Host pi
  HostName 192.0.2.7
  Port 2222
  User ann
  IdentityFile {tmp_path}/id
  IdentityFile {tmp_path}/none
  ProxyJump door
Host door
  HostName door.example
  User gate
Host odd
  ProxyCommand nc %h %p
Host plain
  ProxyCommand none
  ProxyJump none
Host two
  ProxyJump a,b
Host inner
  ProxyJump pi
Host ring
  ProxyJump ring
Host there
  ProxyJump back
Host back
  ProxyJump there
Host named
  HostName 192.0.2.8
  Port 2222
  HostKeyAlias ThePi
  IdentityFile %d/%h-%r
""")
    return file


def test_without_a_configuration_the_spec_and_sshs_defaults_count(tmp_path: Path) -> None:
    found = address_of(spec(), config=tmp_path / "none")
    assert found == Address("pi", "pi", 22, getpass.getuser())
    assert found.known_as == "pi"
    assert str(found) == f"{getpass.getuser()}@pi"


def test_sshs_configuration_fills_what_the_spec_leaves_out(config: Path) -> None:
    found = address_of(spec(), config=config)
    assert (found.host, found.port, found.user) == ("192.0.2.7", 2222, "ann")
    assert found.keys == (str(config.parent / "id"),)
    assert found.known_as == "[192.0.2.7]:2222"
    assert found.jump == Address("pi's jump host", "door.example", 22, "gate", before="pi")


def test_what_the_spec_says_wins(config: Path) -> None:
    (config.parent / "mine").touch()
    found = address_of(spec(user="pi", port=22, key=str(config.parent / "mine"), jump="root@door:2022"), config=config)
    assert (found.host, found.port, found.user, found.keys) == ("192.0.2.7", 22, "pi", (str(config.parent / "mine"),))
    assert found.jump is not None
    assert (found.jump.host, found.jump.port, found.jump.user) == ("door.example", 2022, "root")


def test_who_is_to_be_trusted_is_named_by_the_device(config: Path) -> None:
    found = address_of(spec(), config=config)
    assert found.jump is not None
    assert (found.spec, found.jump.spec) == ("pi", "pi")


def test_a_proxy_command_is_ssh_s_own(config: Path) -> None:
    assert address_of(spec(host="odd"), config=config).command == "nc odd 22"
    assert address_of(spec(host="plain"), config=config).command == ""
    assert address_of(spec(host="plain"), config=config).jump is None
    assert address_of(spec(host="odd", jump="door"), config=config).command == ""


def test_a_key_file_that_is_missing_is_named_with_the_place_in_the_spec(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pi:1: no such key file .*check /none"):
        address_of(spec(key="/none"), config=tmp_path / "none")


def test_a_jump_host_has_its_own_jump_host(config: Path) -> None:
    found = address_of(spec(host="inner"), config=config)
    assert found.jump
    assert (found.jump.host, found.jump.port) == ("192.0.2.7", 2222)
    assert found.jump.jump == Address("pi's jump host", "door.example", 22, "gate", before="pi")


def test_jump_hosts_in_a_circle_are_refused(config: Path) -> None:
    with pytest.raises(UsageError, match="in a circle: ring"):
        address_of(spec(jump="ring"), config=config)
    with pytest.raises(UsageError, match="in a circle: there, back"):
        address_of(spec(jump="there"), config=config)


def test_a_host_key_alias_is_the_name_in_known_hosts(config: Path) -> None:
    found = address_of(spec(host="named"), config=config)
    assert (found.known_as, str(found)) == ("thepi", f"{getpass.getuser()}@192.0.2.8:2222")
    inner = address_of(spec(jump="named"), config=config).jump
    assert inner
    assert inner.known_as == "thepi"


def test_tokens_in_the_name_of_a_key_file_are_filled_in(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "192.0.2.8-ann").touch()
    config.write_text(config.read_text().replace("  HostKeyAlias", "  User ann\n  HostKeyAlias"))
    assert address_of(spec(host="named"), config=config).keys == (str(tmp_path / "192.0.2.8-ann"),)


def test_an_include_is_followed_by_ssh_and_refused_without_it(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more").write_text("Host far\n  HostName 192.0.2.9\n  Port 77\n  User eve\n")
    config.write_text(f"Include {tmp_path}/more\n{config.read_text()}")
    if shutil.which("ssh"):
        found = address_of(spec(host="far"), config=config)
        assert (found.host, found.port, found.user, found.keys) == ("192.0.2.9", 77, "eve", ())
    else:
        with pytest.raises(UsageError, match=r"config: holds an Include.*install the ssh client"):
            address_of(spec(host="far"), config=config)


def test_the_defaults_that_ssh_tells_are_not_stated(config: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").touch()
    assert address_of(spec(host="elsewhere"), config=config) == Address("pi", "elsewhere", 22, getpass.getuser())


def test_more_than_one_jump_host_is_refused(config: Path) -> None:
    with pytest.raises(UsageError, match="more than one jump host"):
        address_of(spec(host="two"), config=config)


@pytest.mark.parametrize("jump", ["door:port", "a@b@c", "door:"])
def test_what_is_no_jump_host_is_refused(config: Path, jump: str) -> None:
    with pytest.raises(UsageError, match="is no jump host"):
        address_of(spec(jump=jump), config=config)


@pytest.mark.parametrize("port", ["nonsense", "0", "65536", "²", "-1"])
def test_what_is_no_port_in_sshs_configuration_is_named(tmp_path: Path, reader: str, port: str) -> None:
    (tmp_path / "config").write_text(f"Host pi\n  Port {port}\n")
    said = "config: cannot be read: line 2: Bad port" if reader == "ssh" else f"Port {port} .*is no port"
    with pytest.raises(UsageError, match=said):
        address_of(spec(), config=tmp_path / "config")


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, reader: str) -> None:
    (tmp_path / "config").write_bytes(b"Host \xff\xfe\n")
    with pytest.raises(UsageError, match="config: cannot be read"):
        address_of(spec(), config=tmp_path / "config")
    (tmp_path / "config").write_text("nonsense without a value\x00=\n=\n")
    with pytest.raises(UsageError, match="config: cannot be read"):
        address_of(spec(), config=tmp_path / "config")


@given(st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True), st.integers(1, 65535))
def test_any_port_but_the_usual_one_is_part_of_the_name_in_known_hosts(host: str, port: int) -> None:
    found = address_of(spec(host=host, port=port), config=Path("none"))
    assert found.known_as == (host if port == 22 else f"[{host}]:{port}")
