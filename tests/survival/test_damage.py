"""What is in the store or in an output folder is not what it was: it is noticed, said, and made good; no archive ever gets
wrong bytes."""

import re
import shutil

import pytest

import private
from small_stack import LOCAL
from survive import Place, files

EVERY = 4096  # every so often a byte is changed: whatever is read, something of it is wrong


def change(path):
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2 % EVERY, len(data), EVERY):
        data[at] ^= 0x20
    path.write_bytes(data)


def change_last_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"more")


def remove(path):
    path.unlink()


DAMAGES = [change, change_last_byte, cut, empty, lengthen, remove]


@pytest.fixture(scope="module")
def kept(locked_stack, fast_path_of_file, tmp_path_factory):
    """A place with a warm store; `first` is what was published from it. Not where it was made, which its catalogue remembers."""
    place = locked_stack.copy(fast_path_of_file / "place")
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, tmp_path_factory.mktemp("environment"))
        place.run("publish", *LOCAL, place.spec, place.folder / "first").ok()
    shutil.rmtree(place.store / "segments")  # or sources would not be read again
    place.folder.rename(fast_path_of_file / "kept")
    return Place(fast_path_of_file / "kept", place.program)


@pytest.fixture
def place(kept, fast_path_of_file):
    """A copy of it, where it was made."""
    place = kept.copy(fast_path_of_file / "place")
    yield place
    shutil.rmtree(place.folder)


def stored(place, kind):
    return sorted(path for path in (place.store / kind).glob("*/*") if path.is_file())


def made_good(place, *expected):
    """Publish; the archives are the same as before, and warnings say these things."""
    result = place.run("publish", *LOCAL, place.spec, place.out).ok()
    assert files(place.out) == files(place.folder / "first")
    for text in expected:
        assert text in result.err, result
    assert all(line.startswith(("warning: ", "publish ", "unpack ", "lamina: ")) for line in result.err.splitlines()), result
    place.run("publish", *LOCAL, place.spec, place.folder / "again").ok()
    assert files(place.folder / "again") == files(place.folder / "first")


@pytest.mark.parametrize("damage", DAMAGES)
def test_sources(place, damage):
    for path in stored(place, "sources"):
        damage(path)
    unseen = damage in (remove, change_last_byte)  # the end of a wheel is not read when its index is known
    made_good(place, *[] if unseen else ["'beta-2.0-py3-none-any.whl' in the store was damaged"])


@pytest.mark.parametrize("damage", DAMAGES)
def test_sources_without_index(place, damage):
    """Nothing remembers how they were."""
    for path in stored(place, "sources"):
        damage(path)
    for path in stored(place, "index") + stored(place, "blobs"):
        path.unlink()
    made_good(place)


@pytest.mark.parametrize("damage", DAMAGES)
def test_indexes(place, damage):
    for path in stored(place, "index"):
        damage(path)
    made_good(place, *[] if damage is remove else ["was damaged and is made anew"])


@pytest.mark.parametrize("damage", DAMAGES)
def test_segments(place, damage):
    place.run("publish", *LOCAL, place.spec, place.folder / "second").ok()
    assert stored(place, "segments")
    for path in stored(place, "segments"):
        damage(path)
    made_good(place, *[] if damage is remove else ["a compressed segment in the store was damaged"])


def test_sources_that_are_not_needed(place):
    """What is known to be compressed is not read; the archives are good all the same."""
    place.run("publish", *LOCAL, place.spec, place.folder / "second").ok()
    for path in stored(place, "sources"):
        change(path)
    made_good(place)


@pytest.mark.parametrize("damage", DAMAGES)
def test_unpacked_runtime(place, damage):
    for path in stored(place, "blobs"):
        damage(path)
    made_good(place)


@pytest.mark.parametrize("damage", DAMAGES)
def test_everything(place, damage):
    for kind in ("sources", "index", "blobs"):
        for path in stored(place, kind):
            damage(path)
    made_good(place)


@pytest.mark.parametrize("damage", [change, cut, empty])
def test_what_cannot_be_fetched_again(place, damage):
    """One sentence; the store keeps the damaged file aside, and a later run with the wheel makes good."""
    for path in stored(place, "sources"):
        damage(path)
    result = place.run("publish", "--no-index", place.spec, place.out)
    said = [line for line in result.err.splitlines() if line.startswith("lamina: ")]
    assert result.code == 1 and len(said) == 1, result
    assert re.search("cannot find '(alpha-1|beta-2).0-py3-none-any.whl'", said[0]), result
    assert files(place.out) == {}
    made_good(place)


@pytest.mark.parametrize("damage", DAMAGES)
def test_trees(place, damage):
    """The same when trees are built."""
    place.run("build", *LOCAL, place.spec, place.folder / "first-trees").ok()
    for path in stored(place, "sources") + stored(place, "blobs"):
        damage(path)
    place.run("build", *LOCAL, place.spec, place.trees).ok()
    assert files(place.trees) == files(place.folder / "first-trees")


@pytest.mark.parametrize("damage", [change, cut, empty, remove])
def test_database_of_the_store(place, damage):
    damage(place.store / "store.sqlite")
    made_good(place)


@pytest.mark.parametrize("damage", [cut, empty, remove])
def test_catalogue(place, damage):
    damage(place.state / "catalogue.sqlite")
    result = place.run("publish", *LOCAL, place.spec, place.out)
    if result.code != 0:
        said = [line for line in result.err.splitlines() if line.startswith("lamina: ")]
        assert result.code == 4 and len(said) == 1 and "catalogue" in said[0], result
    assert files(place.out) == files(place.folder / "first")


@pytest.mark.parametrize("damage", [change, empty, remove])
def test_runtime_tree_of_the_store(place, damage):
    """What the resolver runs."""
    for path in (place.store / "trees").glob("*/bin/python3.11"):
        damage(path)
    place.run("lock", *LOCAL, place.spec).ok()


@pytest.mark.parametrize("damage", [change, cut, empty, lengthen, remove])
@pytest.mark.parametrize("kind", ["archive", "metadata", "manifest", "segments", "entries"])
def test_published(place, damage, kind):
    """An archive that was cut off or removed is written again, and so is what is said of it. (What was changed so that it can
    still be read, with its old size, is found by `lamina check`.)"""
    first, ours = place.folder / "first", place.folder / "first" / "__venvstacks__"
    whole = files(first)
    paths = {"archive": sorted(first.glob("*.zst")), "metadata": sorted((ours / "env_metadata").iterdir()),
        "manifest": [ours / "venvstacks.json"], "segments": sorted((ours / "segments").iterdir()),
        "entries": sorted((ours / "entries").iterdir())}
    for path in paths[kind]:
        damage(path)
    place.run("publish", *LOCAL, place.spec, first).ok()
    if kind == "manifest" or (kind in ("archive", "metadata") and damage is not change):
        assert files(first) == whole
