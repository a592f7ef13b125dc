"""Many files, many layers, few descriptors: memory and descriptors stay within their bounds."""

import json
import tarfile

import run as running
import small_stack
import web
import wheelhouse
from package_index import Index
from sanitizers import measures_memory
from small_stack import LOCAL
from survive import files

BOUND = 300 << 20


@measures_memory
def test_many_files(data_stack):
    place, count = data_stack, 50_000
    wheelhouse.make_wheel(place.wheels, "many-1.0", {f"many/folder_{n // 500}/file_{n}.py": b"n = %d\n" % n for n in range(count)})
    for n in range(2000):
        (place.project / "launch" / "data" / f"file_{n}.py").write_text(f"n = {n}\n")
    small_stack.write_spec(place.project, small_stack.UV, layers=small_stack.DATA_LAYERS.format(package="many"))
    place.run("lock", *LOCAL, place.spec).ok()
    assert place.peak("publish", *LOCAL, "--format", "tar.gz", place.spec, place.out) < BOUND
    assert place.peak("build", *LOCAL, "--include", "small-runtime", place.spec, place.trees) < BOUND
    with tarfile.open(place.out / "small-runtime.tar.gz") as archive:
        assert sum(1 for member in archive if "/many/" in member.name and member.isreg()) == count


def few_descriptors(place, *args):
    """A run that may have 64 files open."""
    running.run("sh", "-c", 'ulimit -n 64 && exec "$@"', "sh", *place.argv(*args), env=place.env()).ok()


def test_hundred_layers_with_few_descriptors(data_stack):
    place, count = data_stack, 100
    layers = small_stack.DATA_LAYERS.format(package="package_0").partition("[[applications]]")[0]
    for n in range(1, count):
        layers += f'[[frameworks]]\nname = "layer-{n}"\nruntime = "small-runtime"\nrequirements = ["package_{n}"]\n\n'
    for n in range(count):
        wheelhouse.make_wheel(place.wheels, f"package_{n}-1.0", {f"package_{n}.py": b""})
    small_stack.write_spec(place.project, small_stack.UV, layers=layers)
    few_descriptors(place, "build", "--publish", "--jobs", "16", *LOCAL, place.spec, place.out)
    manifest = json.loads((place.out / "__venvstacks__" / "venvstacks.json").read_bytes())
    assert len(manifest["layers"]["frameworks"]) == count - 1
    few_descriptors(place, "build", "--jobs", "16", *LOCAL, place.spec, place.trees)


def test_small_stack_with_few_descriptors(locked_stack, fast_path):
    place = locked_stack.copy(fast_path / "place")
    few_descriptors(place, "publish", "--jobs", "64", *LOCAL, place.spec, place.out)
    few_descriptors(place, "publish", "--jobs", "1", *LOCAL, place.spec, place.folder / "again")
    assert files(place.out) == files(place.folder / "again")


def test_many_downloads_with_few_descriptors(data_stack):
    """A lock with URLs, so that no resolver is asked, which needs more of them."""
    place, count = data_stack, 100
    with web.serve() as server:
        index = Index(server, "many")
        for n in range(count):
            index.add(f"package-{n}")
        layers = small_stack.DATA_LAYERS.replace('["{package}"]', str([f"package-{n}" for n in range(count)]))
        small_stack.write_spec(place.project, small_stack.UV, layers=layers)
        place.spec.write_text(place.spec.read_text().replace("lock_urls = false", "lock_urls = true"))
        place.run("lock", place.spec, UV_DEFAULT_INDEX=index.url()).ok()
        few_descriptors(place, "publish", "--jobs", "16", place.spec, place.out)
        assert sorted(set(index.taken)) == sorted(f"package_{n}-1.0-py3-none-any.whl" for n in range(count))
