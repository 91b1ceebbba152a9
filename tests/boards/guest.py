"""What a virtual board is made of: an arm64 Debian on a disk, its kernel, and the emulator; each built once."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from boards import cpio, debian
from boards.cache import cached
from boards.capability import Unavailable

SUITE = "bookworm"
# The kernel for virtual machines: a third of the other's size.
PACKAGES = ("linux-image-cloud-arm64", "busybox-static", "iproute2")
DISK_MIB = 1500
# In the order of what needs what: the disk, the network card, what `tc` makes a poor link of.
MODULES = (
    *("virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"),
    *("failover", "net_failover", "virtio_net", "sch_netem", "ifb", "act_mirred", "sch_ingress", "cls_matchall"),
    *("sch_prio", "cls_u32"),
)
EMULATOR_SUITE = "trixie"
# Runs in the first root, which is gone with the last line. /board is this board's own.
INIT = f"""#!/bin/busybox sh
export PATH=/bin
busybox mkdir -p /proc /sys /dev /root
busybox mount -t proc none /proc
busybox mount -t sysfs none /sys
busybox mount -t devtmpfs none /dev
for each in {" ".join(MODULES)}; do busybox insmod /modules/$each.ko; done
busybox mount -t ext4 /dev/vda /root
busybox cp -r /board/. /root/
for each in proc sys dev; do busybox mount --move /$each /root/$each; done
exec busybox switch_root /root /usr/bin/busybox init
"""
BOOT = """#!/bin/sh
mkdir -p /dev/pts /dev/shm
busybox mount -t devpts none /dev/pts
for each in /dev/shm /tmp /run; do busybox mount -t tmpfs -o mode=1777 none $each; done
mkdir -m 755 -p /run/sshd
chown 1000:1000 /home/pi
chmod 600 /etc/ssh/host_ed25519
hostname -F /etc/hostname
for each in lo eth0 eth1; do ip link set $each up; done
ip address add 10.0.2.15/24 dev eth0
ip address add 10.0.3.15/24 dev eth1
"""
# As systemd does: everybody is asked to end, and has a while to.
HALT = """#!/bin/sh
kill -TERM -1
n=0
while pgrep -u pi >/dev/null && [ $n -lt 60 ]; do n=$((n + 1)); sleep 0.5; done
kill -KILL -1
sync
busybox mount -o remount,ro /
"""
FILES = {
    "etc/inittab": (
        "::sysinit:/etc/rc.boot\n"
        "::respawn:/usr/sbin/sshd -D -e -f /etc/ssh/sshd_config\n"
        "::shutdown:/etc/rc.halt\n"
        "::ctrlaltdel:/usr/bin/busybox reboot\n"
    ),
    "etc/rc.boot": BOOT,
    "etc/rc.halt": HALT,
    "etc/ssh/sshd_config": """HostKey /etc/ssh/host_ed25519
PidFile none
AuthorizedKeysFile /etc/ssh/authorized_keys.%u
AuthenticationMethods publickey
UsePAM no
StrictModes no
UseDNS no
MaxStartups 100
Subsystem sftp /usr/lib/openssh/sftp-server
""",
}


@dataclass(frozen=True)
class Guest:
    """Args:
    disk: the first state of a disk; sparse.
    first_root: an archive that is unpacked before the disk is known.
    """

    kernel: Path
    first_root: Path
    disk: Path


def guest() -> Guest:
    """A system that boots to sshd; user pi, number 1000. It expects the board's own files in /board of its first root.

    It has two network cards: 10.0.2.15 and, for the tests themselves, 10.0.3.15.

    Raises:
        Unavailable: it is not in the cache and cannot be built here.
    """
    recipe = (debian.recipe(SUITE, *PACKAGES), DISK_MIB, MODULES, INIT, FILES)
    folder = cached(f"{SUITE}-arm64-vm", recipe, _build_guest)
    return Guest(folder / "vmlinuz", folder / "first_root", folder / "disk")


def emulator() -> list[str]:
    """The beginning of a command line of qemu-system-aarch64; its libraries are its own.

    Raises:
        Unavailable: it is not in the cache and cannot be had here.
    """
    machine = debian.own_machine()
    root = cached(
        f"qemu-system-{machine}", (EMULATOR_SUITE, debian.UNUSED), lambda folder: _build_emulator(folder, machine)
    )
    (loader,) = root.glob("usr/lib/*/ld-linux-*.so.*")
    return [str(loader), "--library-path", str(loader.parent), str(root / "usr/bin/qemu-system-aarch64")]


def _build_emulator(folder: Path, machine: str) -> None:
    _merge(folder)
    debian.unpack_with_dependencies(folder, EMULATOR_SUITE, machine, "qemu-system-arm")


def _merge(folder: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / "usr" / name).mkdir(parents=True)
        (folder / name).symlink_to(f"usr/{name}")


def _build_guest(folder: Path) -> None:
    mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin")
    if not mkfs:
        raise Unavailable("no mkfs.ext4 (package e2fsprogs)")
    with tempfile.TemporaryDirectory() as work:
        root = Path(work, "root")
        root.mkdir()
        debian.build_tree(root, SUITE, *PACKAGES)
        for name, text in FILES.items():
            (root / name).write_text(text)
            (root / name).chmod(0o755)
        (kernel,) = root.glob("boot/vmlinuz-*")
        shutil.copy(kernel, folder / "vmlinuz")
        modules = {path.stem: path for path in root.glob("lib/modules/**/*.ko")}
        (folder / "first_root").write_bytes(
            cpio.archive(
                {
                    "init": INIT.encode(),
                    "bin/busybox": (root / "usr/bin/busybox").read_bytes(),
                    **{f"modules/{name}.ko": modules[name].read_bytes() for name in MODULES},
                }
            )
        )
        for needless in ("boot", "usr/lib/modules"):
            shutil.rmtree(root / needless)
        with (folder / "disk").open("wb") as disk:
            disk.truncate(DISK_MIB << 20)
        # Whoever builds it, the files are root's there.
        as_root = ["unshare", "--user", "--map-root-user"]
        debian.run([*as_root, mkfs, "-q", "-F", "-d", str(root), str(folder / "disk")])
