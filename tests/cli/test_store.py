"""lamina store: sizes, checking, removing."""

import json
import os

import pytest

KINDS = ("sources", "blobs", "index", "segments", "trees")


@pytest.fixture
def filled(small):
    """The folder of a store that a stack was published from."""
    small.publish()
    return small.store


def files(folder):
    return [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]


def test_size(run_lamina, filled):
    told = json.loads(run_lamina("store", "size", "--json", "--store", filled).ok().out)
    assert told.pop("store") == str(filled)
    for kind in KINDS:
        found = files(filled / kind)
        assert told[kind] == {"files": len(found), "bytes": sum(os.lstat(path).st_size for path in found)}, kind
    assert told["sources"]["files"] > 0 and told["index"]["files"] > 0
    assert told["bytes"] == sum(told[kind]["bytes"] for kind in (*KINDS, "other"))
    lines = run_lamina("store", "size", "--store", filled).ok().out.splitlines()
    assert [line.split()[0] for line in lines] == [*KINDS, "other", "all"]
    assert lines[0].split()[1:3] == [str(told["sources"]["files"]), "files"]


def test_verify(run_lamina, filled):
    sources, blobs, segments = (len(files(filled / kind)) for kind in ("sources", "blobs", "segments"))
    told = run_lamina("store", "verify", "--store", filled).ok().out
    assert told.startswith(f"{sources} sources, {blobs} blobs and {segments} segments with ")
    assert told.endswith(": 0 damaged and set aside\n")


def test_verify_sets_aside_what_is_damaged(run_lamina, filled):
    path = files(filled / "sources")[0]
    with open(path, "r+b") as file:
        file.write(b"damaged")
    result = run_lamina("store", "verify", "--json", "--store", filled)
    assert (result.code, json.loads(result.out)["damaged"]) == (4, 1)
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path) + ".bad"]
    assert run_lamina("store", "verify", "--store", filled).ok().out.endswith(": 0 damaged and set aside\n")


@pytest.mark.parametrize("size", ["1TB", "1TiB", "999999999999999", "5G"])
def test_gc_of_less_than_the_limit(run_lamina, filled, size):
    before = files(filled / "sources")
    told = json.loads(run_lamina("store", "gc", "--json", "--max-size", size, "--store", filled).ok().out)
    assert (told["removed"], told["removed_bytes"], told["in_use"]) == (0, 0, False)
    assert files(filled / "sources") == before


def test_gc_removes_what_was_used_longest_ago(run_lamina, filled):
    """One byte less than there is may stay: the source that is older than all goes, with what was made of it."""
    sources = sorted(files(filled / "sources"))
    oldest = os.path.relpath(sources[0], filled / "sources")
    for kind in KINDS:
        for path in files(filled / kind):
            if os.path.relpath(path, filled / kind).startswith(oldest):
                os.utime(path, (1, 1))
    total = sum(os.lstat(path).st_size for kind in KINDS for path in files(filled / kind))
    run_lamina("store", "gc", f"--max-size={total - 1}", "--store", filled).ok()
    assert sorted(files(filled / "sources")) == sources[1:]
    assert [path for kind in KINDS for path in files(filled / kind) if oldest in path] == []


def test_gc_of_everything(run_lamina, filled):
    told = run_lamina("store", "gc", "--max-size", "0", "--store", filled).ok().out
    assert told.startswith("removed ") and told.endswith(", kept 0 B\n")
    assert [path for kind in KINDS for path in files(filled / kind)] == []


WRONG = {
    "nothing to do": ([], 2, "'lamina store' needs to know what to do: size, verify or gc"),
    "mistyped": (["sise"], 2, "'lamina store' knows size, verify and gc, not 'sise', did you mean 'size'?"),
    "unknown": (["empty-it"], 2, "'lamina store' knows size, verify and gc, not 'empty-it'"),
    "too many": (["size", "gc"], 2, "'gc' is one argument too many"),
    "gc without a size": (["gc"], 2, "'lamina store gc' needs '--max-size SIZE', for example '20GB'"),
    **{f"size {size!r}": (["gc", f"--max-size={size}"], 2, f"--max-size is '{size}', not a size as 20GB, 500MiB or 0")
       for size in ("much", "-1", "1.5G", "1X", "1GBs", "1Gi", "G", "9223372036854775808", "9223372036854775807T")},
}


@pytest.mark.parametrize("row", WRONG)
def test_wrong_use(run_lamina, filled, row):
    argv, code, text = WRONG[row]
    result = run_lamina("store", "--store", filled, *argv)
    assert (result.code, result.out, result.err) == (code, "", f"lamina: {text}\n")


def test_a_store_that_is_not_there_is_not_made(run_lamina, tmp_path):
    result = run_lamina("store", "size", "--store", tmp_path / "none")
    assert (result.code, result.out, result.err) == (1, "", f"lamina: there is no store in '{tmp_path / 'none'}'\n")
    assert not (tmp_path / "none").exists()
