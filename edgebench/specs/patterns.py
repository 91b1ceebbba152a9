"""What names and paths in a spec may be made of: as patterns, which editors check too, and in words for people."""

from __future__ import annotations

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
HEAD = r"^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$"
TARGET = r"^[A-Za-z0-9][A-Za-z0-9_. -]*$"
FACTORY = r"^[^:]*[\w/]\.py:[A-Za-z_]\w*$|^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
HOST = r"^[A-Za-z0-9][A-Za-z0-9.:_-]*$"
USER = r"^[A-Za-z_][A-Za-z0-9._-]*$"
JUMP = r"^[A-Za-z0-9_:][A-Za-z0-9._@:-]*$"
FOLDER = r"^\.?[A-Za-z0-9_-][A-Za-z0-9._-]*(/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"
PROGRAM = r"^[A-Za-z0-9._/][A-Za-z0-9._/-]*$"
KEY_FILE = r"^[^`$;|&<>*?\"'\\\x00-\x1f-][^`$;|&<>*?\"'\\\x00-\x1f]*$"
BOARD = r"^[A-Za-z0-9 ._,()+/-]*$"
GOVERNOR = r"^[a-z_]+$"

WORDS = {
    NAME: "letters, digits and . _ - with a letter or digit first",
    HEAD: "letters, digits and _ . : / - with a letter, digit or _ first",
    TARGET: "letters, digits, spaces and _ . - with a letter or digit first",
    FACTORY: "`file.py:name` or `module:name`",
    HOST: "letters, digits and . : _ - with a letter or digit first",
    USER: "letters, digits and . _ - with a letter or _ first",
    JUMP: "[user@]host[:port] of letters, digits and . _ - alone",
    FOLDER: "a path below the home folder of letters, digits and . _ - / alone, without ..",
    PROGRAM: "a program's name or path of letters, digits and . _ / - alone, not beginning with -",
    KEY_FILE: "a path without quotes, backslashes, line breaks and ` $ ; | & < > * ? and not beginning with -",
    BOARD: "letters, digits, spaces and . _ , ( ) + / -",
    GOVERNOR: "small letters and _",
}
"""Pattern -> what it allows, to go on after "must be"."""
