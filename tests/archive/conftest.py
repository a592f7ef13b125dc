"""One tree with every kind of name and size, and its archive in each format."""

import json
import subprocess

import pytest

import trees




@pytest.fixture(scope="session")
def nasty():
    return trees.nasty()


@pytest.fixture(scope="session")
def nasty_folder(nasty, tmp_path_factory):
    return trees.write(tmp_path_factory.mktemp("nasty"), nasty)


@pytest.fixture(scope="session")
def archive(nasty_folder, tool, tmp_path_factory):
    """archive(format) -> (path, result): the nasty tree, written once."""
    made = {}

    def write(format):
        if format not in made:
            path = tmp_path_factory.mktemp("archive") / f"nasty.{format}"
            done = subprocess.run([tool("archive_tool"), *trees.fast(format), "--prefix", trees.PREFIX, "--mtime",
                str(trees.MTIME), nasty_folder, path], check=True, capture_output=True)
            assert done.stderr == b""
            made[format] = path, json.loads(done.stdout)
        return made[format]

    return write


@pytest.fixture
def write(tool, run):
    """write(source, out, *options, **run_options) -> Result of archive_tool."""

    def write(source, out, *options, **run_options):
        return run(tool("archive_tool"), *options, source, *([out] if out else []), **run_options)

    return write
