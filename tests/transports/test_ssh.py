"""A real sshd: logging in, files, commands."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal

import pytest
from boards.proxy import Proxy
from boards.sshd import Board, make_key

from edgebench.errors import AgentFailed, DeviceError, LinkLost, Unreachable
from edgebench.pipeline.boards.board import basics
from edgebench.specs.device import DeviceSpec, SshSettings
from edgebench.transports import ask_agent, connect, ssh_link
from edgebench.transports.ssh import SshTransport
from edgebench.transports.ssh_address import address_of
from edgebench.transports.ssh_link import shown_key

RELAY = """
import os, socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def back():
    while data := there.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data)
"""


def spec_of(board: Board, **changes: object) -> DeviceSpec:
    stated = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key), **changes}
    return DeviceSpec(name="pi", transport="ssh", ssh=SshSettings.model_validate(stated))


def trust_through(proxy: Proxy, board: Board, tmp_path: Path) -> None:
    known = board.host_key.replace(str(board.port), str(proxy.port))
    (tmp_path / "user" / ".config" / "edgebench" / "known_hosts").write_text(known)


@pytest.fixture
def there(board: Board, tmp_path: Path):
    transport = connect(spec_of(board), tmp_path, "jobs/a b")
    assert isinstance(transport, SshTransport)
    yield transport
    transport.close()


def test_files_go_there_and_come_back(there: SshTransport, board: Board, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"\0content")
    there.put(tmp_path / "here", "models/x.bin")
    assert (board.home / ".edgebench" / "jobs" / "a b" / "models" / "x.bin").read_bytes() == b"\0content"
    there.get("models/x.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"\0content"
    assert there.read("models/x.bin", 3) == b"ntent"
    assert there.read("models/none", 0) == b""
    assert [path.name for path in board.home.rglob("*part*")] == []


def test_a_package_goes_there_whole(there: SshTransport, board: Board, tmp_path: Path) -> None:
    (tmp_path / "net.mlpackage" / "Data").mkdir(parents=True)
    (tmp_path / "net.mlpackage" / "Data" / "w").write_bytes(b"1")
    there.put(tmp_path / "net.mlpackage", "models/net.mlpackage")
    assert (board.home / ".edgebench" / "jobs" / "a b" / "models" / "net.mlpackage" / "Data" / "w").is_file()


def test_commands_get_their_arguments_as_they_are(there: SshTransport) -> None:
    nasty = ["$(touch x)", "a b", "'", '"', "`id`", ";", "*", "\\", "é\n"]
    finished = there.run(["python3", "-c", "import sys; print(sys.argv[1:])", *nasty])
    assert finished.stdout == f"{nasty}\n"


def test_lines_come_while_the_command_works(there: SshTransport) -> None:
    seen = []
    code = "import time; print(1, flush=True); time.sleep(0.4); print(2)"
    finished = there.run(["python3", "-c", code], on_line=lambda line: seen.append((line, time.monotonic())))
    assert [line for line, _ in seen] == ["1", "2"]
    assert seen[1][1] - seen[0][1] > 0.3
    assert finished.returncode == 0


@pytest.mark.parametrize(("code", "returncode"), [("exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", -9)])
def test_how_a_command_ended_is_told(there: SshTransport, code: str, returncode: int) -> None:
    finished = there.run(["python3", "-c", f"import sys; sys.stderr.write('why'); sys.stderr.flush(); {code}"])
    assert (finished.returncode, finished.stderr[:3]) == (returncode, "why")


def test_a_command_that_takes_too_long_is_given_up(there: SshTransport) -> None:
    with pytest.raises(DeviceError, match="no answer within"):
        there.run(["python3", "-c", "import time; time.sleep(60)"], timeout_s=0.5)


def test_the_agent_answers(there: SshTransport) -> None:
    assert ask_agent(there, {"task": "describe"})["device"]["cores"] >= 1
    with pytest.raises(AgentFailed, match="pi, bench: KeyError"):
        ask_agent(there, {"task": "bench"})


def test_stopping_ends_what_runs_there(there: SshTransport) -> None:
    threading.Timer(0.5, there.stop).start()
    began = time.monotonic()
    with pytest.raises(DeviceError):
        there.run(["python3", "-c", "import sys; sys.stdin.read()"])
    assert time.monotonic() - began < 5


def test_an_unknown_host_is_refused(board: Board, tmp_path: Path) -> None:
    (tmp_path / "user" / ".config" / "edgebench" / "known_hosts").unlink()
    with pytest.raises(DeviceError, match=r"host key is not known.*edgebench devices trust pi"):
        connect(spec_of(board), tmp_path).run(["true"])


def test_a_changed_host_key_is_refused(board: Board, tmp_path: Path) -> None:
    board.stop()
    board.new_host_key()
    board.start()
    with pytest.raises(DeviceError, match=r"its host key changed: it shows SHA256:\S+, trusted is SHA256:"):
        connect(spec_of(board), tmp_path).run(["true"])


def test_a_wrong_key_is_refused(board: Board, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    with pytest.raises(DeviceError, match=r"refuses to log in .*ssh-copy-id"):
        connect(spec_of(board, key=str(tmp_path / "other")), tmp_path).run(["true"])


@pytest.mark.parametrize("fault", ["blackhole", "reset"])
@pytest.mark.parametrize("n_bytes", [0, 600, 1200, 1250, 1300, 1400, 1500])
def test_a_link_that_fails_while_logging_in_is_out_of_reach_and_no_fault_of_the_key(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_bytes: int, fault: Literal["blackhole", "reset"]
) -> None:
    monkeypatch.setattr(ssh_link, "CONNECT_S", 1.0)
    monkeypatch.setattr(ssh_link, "AGREE_S", 1.0)
    with Proxy(board.port) as proxy:
        trust_through(proxy, board, tmp_path)
        proxy.after(n_bytes, "up", fault)
        with pytest.raises(Unreachable):
            connect(spec_of(board, port=proxy.port), tmp_path).run(["true"])


def test_a_key_file_that_the_system_refuses_is_the_keys_fault(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:  # root, as whom tests may run, reads every file
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(board.key))

    monkeypatch.setattr("paramiko.SSHClient._key_from_filepath", refused)
    with pytest.raises(DeviceError, match=r"cannot log in .*Permission denied.*check the private key file") as raised:
        connect(spec_of(board), tmp_path).run(["true"])
    assert not isinstance(raised.value, Unreachable)


def test_a_machine_that_hangs_up_while_logging_in_is_named_so(board: Board, tmp_path: Path) -> None:
    board.stop()
    config = board._config()
    board._config = lambda: f"{config}LoginGraceTime 1\n"  # type: ignore[method-assign]
    board.start()
    with Proxy(board.port) as proxy:
        trust_through(proxy, board, tmp_path)
        proxy.after(1400, "up", "blackhole", "up")
        with pytest.raises(Unreachable, match=r"it hung up while .* name the key with `ssh\.key`"):
            connect(spec_of(board, port=proxy.port), tmp_path).run(["true"])


def test_nobody_there_is_one_line(board: Board, tmp_path: Path) -> None:
    board.stop()
    with pytest.raises(DeviceError, match=r"pi .*connection refused.*switched on"):
        connect(spec_of(board), tmp_path).run(["true"])
    with pytest.raises(DeviceError, match="no such host"):
        connect(spec_of(board, host="no-such-host.invalid"), tmp_path).run(["true"])


def test_a_broken_connection_is_told_and_the_next_call_logs_in_again(there: SshTransport, board: Board) -> None:
    threading.Timer(0.5, board.stop).start()
    with pytest.raises(LinkLost, match="what is finished is kept"):
        there.run(["python3", "-c", "import sys; sys.stdin.read()"])
    board.start()
    assert there.run(["echo", "again"]).stdout == "again\n"


def test_an_address_of_sshs_own_configuration_is_used(board: Board, tmp_path: Path) -> None:
    (tmp_path / "user" / ".ssh").mkdir()
    (tmp_path / "user" / ".ssh" / "config").write_text(
        f"Host pi\n  HostName {board.host}\n  Port {board.port}\n  User {board.user}\n  IdentityFile {board.key}\n"
    )
    assert connect(DeviceSpec(name="pi", transport="ssh"), tmp_path).run(["echo", "1"]).stdout == "1\n"


def test_a_jump_host_is_gone_through(board: Board, tmp_path: Path) -> None:
    (tmp_path / "user" / ".ssh").mkdir()
    (tmp_path / "user" / ".ssh" / "config").write_text(
        f"Host door\n  HostName {board.host}\n  IdentityFile {board.key}\n"
    )
    there = connect(spec_of(board, jump=f"{board.user}@door:{board.port}"), tmp_path)
    assert there.run(["echo", "1"]).stdout == "1\n"


def with_proxy_command(board: Board, tmp_path: Path, command: str) -> DeviceSpec:
    (tmp_path / "user" / ".ssh").mkdir()
    (tmp_path / "user" / ".ssh" / "config").write_text(f"Host pi\n  ProxyCommand {command}\n")
    (tmp_path / "user" / ".config" / "edgebench" / "known_hosts").write_text(f"pi {board.host_key.split(' ', 1)[1]}")
    return DeviceSpec(name="pi", transport="ssh", ssh=SshSettings(user=board.user, key=str(board.key)))


def test_a_proxy_command_is_run_as_ssh_runs_it(board: Board, tmp_path: Path) -> None:
    (tmp_path / "relay.py").write_text(RELAY)
    command = f"exec {sys.executable} {tmp_path}/relay.py {board.host} {board.port} 2>/dev/null"
    there = connect(with_proxy_command(board, tmp_path, command), tmp_path)
    assert there.run(["echo", "1"]).stdout == "1\n"
    there.close()


@pytest.mark.parametrize(
    ("command", "why"), [("no-such-program %h %p", "no-such-program: not found"), ("false", "exit status 1")]
)
def test_a_proxy_command_that_fails_is_one_line(board: Board, tmp_path: Path, command: str, why: str) -> None:
    spec = with_proxy_command(board, tmp_path, command)
    began = time.process_time()
    with pytest.raises(Unreachable, match=rf"its ProxyCommand leads to no SSH: .*{why}.*check ProxyCommand"):
        connect(spec, tmp_path).run(["true"])
    with pytest.raises(Unreachable, match=rf"{why}.*check ProxyCommand"):
        shown_key(address_of(spec))
    assert time.process_time() - began < 2, "whoever waits for a process that has ended turns no circles"


def test_thread_counts_of_the_boards_user_do_not_reach_a_measured_process(board: Board, tmp_path: Path) -> None:
    board.stop()
    board.environment["OMP_NUM_THREADS"] = "7"
    board.start()
    there = connect(spec_of(board), tmp_path)
    assert there.run(["sh", "-c", "echo [$OMP_NUM_THREADS]"]).stdout == "[]\n"


def with_shell(board: Board, script: str) -> None:
    """Starts the board anew with a shell that sees each command line first."""
    shell = board.folder / "shell"
    sftp = 'case "$SSH_ORIGINAL_COMMAND" in *sftp*) exec /usr/lib/openssh/sftp-server -d "$HOME";; esac'
    shell.write_text(f'#!/bin/sh\n{script}\n{sftp}\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n')
    shell.chmod(0o755)
    board.stop()
    board.shell = shell
    board.start()


def test_a_shell_that_prints_when_it_starts_is_one_line_with_the_fix(board: Board, tmp_path: Path) -> None:
    with_shell(board, "echo 'Welcome!'; echo 'Have a nice day.'")
    with pytest.raises(DeviceError, match="no start-up file of its shell print anything"):
        connect(spec_of(board), tmp_path).run(["true"])


def test_a_shell_that_takes_no_line_break_in_quotes_tells_what_it_is_on(board: Board, tmp_path: Path) -> None:
    with_shell(
        board, """[ "$(printf %s "$SSH_ORIGINAL_COMMAND" | wc -l)" = 0 ] || { echo "Unmatched '." >&2; exit 1; }"""
    )
    assert basics(connect(spec_of(board), tmp_path)).system in ("Linux", "Darwin")


def test_what_is_no_private_key_is_told_as_such(board: Board, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"cannot log in .*check the private key file: .*client_ed25519.pub"):
        connect(spec_of(board, key=f"{board.key}.pub"), tmp_path).run(["true"])


def test_the_agent_opens_a_key_with_a_passphrase(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the message says that refuses it."""
    sealed = tmp_path / "sealed"
    shutil.copy(board.key, sealed)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL)
    try:
        while not (tmp_path / "agent").exists():
            time.sleep(0.01)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(sealed)], check=True)
        with pytest.raises(DeviceError, match=r"needs its passphrase .*ssh-add"):
            connect(spec_of(board, key=str(sealed)), tmp_path).run(["true"])
        subprocess.run(["ssh-add", "-q", str(board.key)], check=True)
        there = connect(spec_of(board, key=str(sealed)), tmp_path)
        assert isinstance(there, SshTransport)
        assert there.run(["echo", "1"]).stdout == "1\n"
        there.close()
    finally:
        agent.kill()
        agent.wait()


def test_a_key_of_another_kind_than_the_trusted_one_is_refused(board: Board, tmp_path: Path) -> None:
    board.stop()
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(board.folder / "ecdsa")], check=True)
    for end in ("", ".pub"):
        shutil.copy(board.folder / f"ecdsa{end}", board.folder / f"host_ed25519{end}")
    board.start()
    with pytest.raises(DeviceError, match="host key"):
        connect(spec_of(board), tmp_path).run(["true"])


def test_ssh_and_edgebench_print_the_same_fingerprint(board: Board) -> None:
    from edgebench.transports.host_keys import fingerprint
    from edgebench.transports.ssh_address import address_of
    from edgebench.transports.ssh_link import shown_key

    key = shown_key(address_of(spec_of(board)))
    told = subprocess.run(["ssh-keygen", "-lf", str(board.folder / "host_ed25519.pub")], capture_output=True, text=True)
    assert fingerprint(key) in told.stdout
