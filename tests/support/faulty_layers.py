"""Commands of lamina under faults, and what must hold of what they leave."""

import functools
import io
import json
import tarfile
import tempfile
from pathlib import Path

from failing import each_fault
from handmade import unzstd
from small_stack import LOCAL
from survive import check_readable, files, litter

KEPT = ("project", "out", "trees")  # folders of a place that the next run makes as one that nobody disturbed

COMMANDS = {
    "lock": lambda place: ("lock", *LOCAL, place.spec),
    "build": lambda place: ("build", "--publish", *LOCAL, place.spec, place.trees, "--output-dir", place.out),
    "publish": lambda place: ("publish", *LOCAL, place.spec, place.out),
    "check": lambda place: ("check", *LOCAL, "--expected", place.out, place.spec),
    "export": lambda place: ("local-export", *LOCAL, place.spec, place.trees / "export"),
}


def state(place):
    return {name: files(getattr(place, name)) for name in KEPT}


def check_archives(out):
    """Archives of the published layers are tar files with the sizes that are told, as Python reads them."""
    for path in sorted((out / "__venvstacks__" / "env_metadata").glob("*.json")):
        layer = json.loads(path.read_bytes())
        with tarfile.open(fileobj=io.BytesIO(unzstd((out / layer["archive_name"]).read_bytes()))) as archive:
            assert len(archive.getmembers()) > 0


def check_trees(place, want):
    """What a state calls ready is a tree, as a whole."""
    now = files(place.trees)
    for told in (place.trees / "__lamina__").glob("*.json"):
        prefix = json.loads(told.read_bytes())["install_target"] + "/"
        tree = {name: digest for name, digest in now.items() if name.startswith(prefix)}
        assert tree == {name: digest for name, digest in want.items() if name.startswith(prefix)}, f"{prefix} is not whole"
    export = place.trees / "export" / "__venvstacks__" / "venvstacks.json"
    if export.exists():
        json.loads(export.read_bytes())


@functools.cache
def undisturbed(before, command):
    """What a run of `command` in a copy of a place makes when nobody disturbs it, for all tests that ask."""
    with tempfile.TemporaryDirectory(dir=before.folder.parent) as folder:
        place = before.copy(Path(folder, "undisturbed"))
        place.run(*COMMANDS[command](place)).ok()
        check_archives(place.out)
        return state(place)


def survives(before, folder, command, call, sample, kill=False):
    """`command` under each fault of `call`, and again without one."""
    argv = COMMANDS[command]
    want = undisturbed(before, command)

    def check(place, succeeded):
        left = state(place)
        for name, digest in left["project"].items():
            assert digest == want["project"][name], f"{name} is not whole"
        check_readable(place.out, [want["out"]])
        check_archives(place.out)
        check_trees(place, want["trees"])
        if succeeded:
            assert left == want
        place.run(*argv(place)).ok()
        assert state(place) == want
        left = litter(place)
        assert left == [], f"left behind: {left}"

    assert each_fault(before, folder, before.program, command, call, lambda place, env: place.run(*argv(place), **env), check, sample, kill)
