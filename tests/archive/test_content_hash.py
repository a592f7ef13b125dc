"""The content hash is what docs/formats/content-hash.md says, computed by the commands that it shows."""

import hashlib
import os
import re
import subprocess

import pytest

import trees


def recipe(root):
    text = (root / "docs/formats/content-hash.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    return script


def by_recipe(root, folder):
    done = subprocess.run(["sh", "-c", recipe(root)], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize("format", ["tar.zst", "zip"])
def test_recipe(archive, root, tmp_path, format):
    path, result = archive(format)
    unpack = ["unzip", "-q", path, "-d", tmp_path] if format == "zip" else ["tar", "-xpf", path, "-C", tmp_path]
    subprocess.run(unpack, check=True)
    assert by_recipe(root, tmp_path / trees.PREFIX) == result["content_hash"]


def test_recipe_of_an_empty_folder(write, root, tmp_path):
    result = write(tmp_path, None, "--format", "tar").json()
    assert by_recipe(root, tmp_path) == result["content_hash"] == hashlib.sha256(b"").hexdigest()


def test_does_not_depend_on_the_format(archive):
    assert len({archive(format)[1]["content_hash"] for format in ("tar", "tar.gz", "tar.xz", "tar.zst", "zip")}) == 1


def test_depends_on_everything_else(write, tmp_path):
    tree = tmp_path / "tree"
    files = {"a": b"1", "b": (b"2",), "c": "a", "d": None}
    trees.write(tree, files)

    def current():
        return write(tree, None, "--format", "tar").json()["content_hash"]

    seen = {current()}
    for change in (lambda: (tree / "a").write_bytes(b"2"), lambda: (tree / "a").chmod(0o700), lambda: (tree / "b").chmod(0o600),
            lambda: (tree / "a").rename(tree / "a2"), lambda: ((tree / "c").unlink(), os.symlink("b", tree / "c")),
            lambda: (tree / "d").rmdir(), lambda: (tree / "e").mkdir(), lambda: (tree / "e/f").mkdir(),
            lambda: (tree / "e/f/g").touch()):
        change()
        seen.add(current())
    assert len(seen) == 10
    before = current()
    os.utime(tree / "b", (1, 1))
    (tree / "b").chmod(0o644)
    (tree / "a2").chmod(0o711)
    assert current() == before
