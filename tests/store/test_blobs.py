from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebench.digests import sha256_bytes
from edgebench.errors import StoreError
from edgebench.files import replacing
from edgebench.store.blobs import Blobs
from edgebench.store.packages import pack


def test_what_is_put_is_read_back(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    sha256 = blobs.put_bytes(b"weights")
    assert sha256 == sha256_bytes(b"weights")
    assert blobs.read(sha256) == b"weights"


def test_the_same_content_is_kept_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    file = tmp_path / "file"
    file.write_bytes(b"weights")
    assert blobs.put_file(file) == blobs.put_bytes(b"weights")
    assert len(list(blobs.all())) == 1


def test_a_blob_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="abc"):
        Blobs(tmp_path).read("abc" * 20)


@pytest.mark.parametrize("content", [b"bed", b"ba", b""], ids=["flipped", "truncated", "emptied"])
@pytest.mark.parametrize("name", ["net.tflite", "net.mlpackage"])
def test_a_damaged_blob_is_never_given_out(tmp_path: Path, content: bytes, name: str) -> None:
    blobs = Blobs(tmp_path / "home")
    sha256 = blobs.put_bytes(b"bad")
    blobs.path(sha256).write_bytes(content)
    for use in (lambda: blobs.read(sha256), lambda: blobs.export(sha256, tmp_path / "out" / name)):
        with pytest.raises(StoreError, match=f"{sha256}: is damaged") as caught:
            use()
        assert "edgebench store verify --repair" in caught.value.fix
    assert not list((tmp_path / "out").glob("*"))


def test_a_package_is_unpacked_where_it_is_exported(tmp_path: Path) -> None:
    package = tmp_path / "net.mlpackage"
    package.mkdir()
    (package / "Manifest.json").write_text("{}")
    blobs = Blobs(tmp_path / "home")
    back = blobs.export(blobs.put_file(pack(package, tmp_path / "packed")), tmp_path / "out" / "net.mlpackage")
    assert (back / "Manifest.json").read_text() == "{}"


def test_putting_the_content_again_mends_a_damaged_blob(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "home")
    (tmp_path / "file").write_bytes(b"weights")
    sha256 = blobs.put_bytes(b"weights")
    for put in (lambda: blobs.put_bytes(b"weights"), lambda: blobs.put_file(tmp_path / "file")):
        blobs.path(sha256).write_bytes(b"weighty")
        put()
        assert blobs.read(sha256) == b"weights"


def test_a_folder_of_blobs_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.path(sha256_bytes(b"weights")).parent.write_text("in the way")
    with pytest.raises(StoreError, match="a file stands where a folder must be"):
        blobs.put_bytes(b"weights")


def test_changed_content_is_found(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    good, bad = blobs.put_bytes(b"good"), blobs.put_bytes(b"bad")
    blobs.path(bad).write_bytes(b"bed")
    assert list(blobs.damaged()) == [bad]
    assert good in blobs.all()


def test_export_replaces_whole_files_and_leaves_no_parts(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "home")
    target = tmp_path / "out" / "net.tflite"
    blobs.export(blobs.put_bytes(b"first"), target)
    blobs.export(blobs.put_bytes(b"second"), target)
    assert target.read_bytes() == b"second"
    assert [path.name for path in target.parent.iterdir()] == ["net.tflite"]


def test_a_home_that_cannot_be_made_is_an_error_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as error:
        Blobs(tmp_path / "file" / "home")
    assert "EDGEBENCH_HOME" in error.value.fix


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        blobs = Blobs(disk)
        kept = blobs.put_bytes(b"kept")
        with pytest.raises(StoreError, match="no space left"):
            blobs.put_bytes(os.urandom(1_000_000))
        assert blobs.read(kept) == b"kept"
        assert list(blobs.all()) == [kept]
        assert [path.name for path in disk.rglob("*") if path.is_file()] == [kept]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_kill_9_while_writing_leaves_only_whole_blobs(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from edgebench.store.blobs import Blobs\n"
        "blobs = Blobs(Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "while True: blobs.put_bytes(os.urandom(2_000_000))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.5)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    blobs = Blobs(tmp_path)
    assert list(blobs.all())
    assert not list(blobs.damaged())


def test_putting_what_is_kept_makes_it_young(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "home")
    (tmp_path / "file").write_bytes(b"weights")
    path = blobs.path(blobs.put_bytes(b"weights"))
    for put in (lambda: blobs.put_bytes(b"weights"), lambda: blobs.put_file(tmp_path / "file")):
        os.utime(path, (0, 0))
        put()
        assert time.time() - path.stat().st_mtime < 60


def test_half_written_blobs_are_not_blobs(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    sha256 = blobs.put_bytes(b"weights")
    with replacing(blobs.path(sha256)) as part:
        part.write_bytes(b"half")
        assert list(blobs.all()) == [sha256]
