"""Trees of files for the tests of archives, and what a tree looks like afterwards."""

import hashlib
import os
import random
import stat

PREFIX = "layer"
MTIME = 1700000001  # odd, so that a reader that has only DOS times shows


def fast(format):
    """Options of archive_tool for this format; xz at its usual level would take most of the time of these tests."""
    return ["--format", format, "--level", "0"] if format == "tar.xz" else ["--format", format]


def text(seed, size):
    """Bytes that compress to about a third, and differ everywhere."""
    words = [b"%x" % (n * 7919) for n in range(512)]
    source = random.Random(seed)
    out = bytearray()
    while len(out) < size:
        out += b" ".join(source.choices(words, k=64))
    return bytes(out[:size])


def repeated(seed, size, period=131_101):
    """Text that comes again and again, which compressors are quick with. No size of a segment is a multiple of the period, so parts
    in a wrong order or place show."""
    return (text(seed, period) * (size // period + 1))[:size]


def noise(seed, size):
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def path_of(length, tail="f"):
    """A path whose name in the archive, with the prefix, has `length` bytes; components of 40."""
    left = length - len(PREFIX) - 1
    parts = []
    while left > 41:
        parts.append("d" * 39 + "_")
        left -= 41
    return "/".join([*parts, tail * left])


def nasty():
    """{path: bytes, (bytes,) for an executable, str for a link, None for an empty folder}"""
    files = {
        "empty": b"",
        "bin/run": (b"#!/bin/sh\necho hello\n",),
        "bin/python": "../../cpython-3.11/bin/python3",
        "bin/run too": "run",
        "no such": "nowhere",
        "up": "..",
        "lib64": "lib/./python3.11//",
        "empty folder": None,
        "e/m/p/t/y": None,
        "a-b": b"sorts between the folder a and what is in it",
        "a/b": b"in the folder",
        "a0": b"behind the folder",
        "caf\u00e9/\u65e5\u672c\u8a9e.txt": "日本語\n".encode(),
        "caf\u00e9/link": "\u65e5\u672c\u8a9e.txt",
        "e\u0301 decomposed": b"NFD",
        "\U0001f600": (b"beyond the BMP",),
        " leading and trailing ": b"spaces",
        "-rf": b"a dash",
        ".hidden": b"a dot",
        "what?/*[a-z]{b}$HOME`x`'\"!#;&|<>~%20=()": b"a shell's feast",
        "PaxHeaders/x": b"a name that pax headers have",
        "7 bit" + "\u00e4" * 60: b"non-ASCII and long",
        "long link": "/".join(["t" * 50] * 3),
        "long uni link": "\u00fc" * 90,
        "link of 100": "x" * 100,
        "link of 101": "x" * 101,
        "\u00e9" * 127: b"a component of 254 bytes",
        "c" * 255: b"a component of 255 bytes",
        "one-" + "o" * 90 + "/" + "p" * 100: b"name field full",
        "one-" + "o" * 90 + "/" + "p" * 101: b"name field too short",
        "full/" + "q" * 88 + "/" + "/".join("r" * 50 for _ in range(2)) + "/cut at a slash in the short name": b"?",
        "big text": repeated(1, 9 * 1024 * 1024),
        "big noise": (noise(2, 6 * 1024 * 1024 + 1),),
        "big zeros": bytes(20 * 1024 * 1024),
    }
    for length in (99, 100, 101, 155, 156, 157, 255, 256, 257, 258, 300, 1000):
        files[path_of(length)] = b"path of %d bytes" % length
        files[path_of(length, "l")] = "target"
    for size in (1, 511, 512, 513, 1024, 65535, 65536, 65537, 1024 * 1024):
        files[f"sizes/{size}"] = text(size, size)
    for n in range(1500):
        files[f"many/{n % 7}/{n}.py"] = text(n, n * 13 % 3000)
    return files


def write(folder, files):
    """Make the tree on disk."""
    for path, what in files.items():
        full = os.path.join(folder, path)
        if what is None:
            os.makedirs(full)
            continue
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if isinstance(what, str):
            os.symlink(what, full)
            continue
        data = what[0] if isinstance(what, tuple) else what
        with open(full, "wb") as out:
            out.write(data)
        os.chmod(full, 0o777 if isinstance(what, tuple) else 0o600)
    return folder


def expected(files, prefix=PREFIX):
    """{path with prefix: (type, mode, digest or target or None)} with all folders."""
    out = {prefix: ("folder", 0o755, None)} if prefix else {}
    for path, what in files.items():
        full = f"{prefix}/{path}" if prefix else path
        parts = full.split("/")
        for n in range(1, len(parts)):
            out["/".join(parts[:n])] = ("folder", 0o755, None)
        if what is None:
            out[full] = ("folder", 0o755, None)
        elif isinstance(what, str):
            out[full] = ("link", 0o777, what)
        else:
            data = what[0] if isinstance(what, tuple) else what
            mode = 0o755 if isinstance(what, tuple) else 0o644
            out[full] = ("file", mode, hashlib.sha256(data).hexdigest())
    return out


def members(files, prefix=PREFIX):
    """The names in the order of the archive: by byte, folders with '/' at the end."""
    names = [path + "/" * (what[0] == "folder") for path, what in expected(files, prefix).items()]
    return sorted(names, key=os.fsencode)


def snapshot(folder):
    """What expected() gives, read from disk, and {path: mtime}."""
    out, times = {}, {}
    for root, folders, names in os.walk(folder):
        for name in folders + names:
            full = os.path.join(root, name)
            path = os.path.relpath(full, folder)
            info = os.lstat(full)
            mode = stat.S_IMODE(info.st_mode)
            times[path] = info.st_mtime
            if stat.S_ISLNK(info.st_mode):
                out[path] = ("link", mode, os.readlink(full))
            elif stat.S_ISDIR(info.st_mode):
                out[path] = ("folder", mode, None)
            else:
                with open(full, "rb") as file:
                    out[path] = ("file", mode, hashlib.file_digest(file, "sha256").hexdigest())
    return out, times


def differences(got, want):
    """The first few paths that differ, with both sides: short enough to read."""
    paths = sorted(path for path in got.keys() | want.keys() if got.get(path) != want.get(path))
    return [(path, got.get(path), want.get(path)) for path in paths[:10]]
