"""Archives that the Linux kernel unpacks as its first root: cpio's "newc". Of several in a row it unpacks each."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import PurePosixPath


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files that root alone may write and all may run, in the folders that their paths name."""
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
    entries = [_entry(name, stat.S_IFDIR | 0o755, b"") for name in sorted(folders)]
    entries += [_entry(name, stat.S_IFREG | 0o755, content) for name, content in files.items()]
    return _padded(b"".join([*entries, _entry("TRAILER!!!", 0, b"")]), 512)


def _entry(name: str, mode: int, content: bytes) -> bytes:
    inode = user = group = modified_s = device = 0
    links, encoded = 1, name.encode() + b"\0"
    fields = (inode, mode, user, group, links, modified_s, len(content), *[device] * 4, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % each for each in fields)
    return _padded(head + encoded) + _padded(content)


def _padded(content: bytes, size: int = 4) -> bytes:
    return content + bytes(-len(content) % size)
