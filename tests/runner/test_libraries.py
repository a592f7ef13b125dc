"""What few runs need is loaded by those: without libpq and libmicrohttpd all else works."""

import pytest


@pytest.fixture
def broken(tmp_path):
    """A folder in which the loader finds these two, and neither is a library."""
    folder = tmp_path / "libraries"
    folder.mkdir()
    for name in ("libpq.so.5", "libmicrohttpd.so.12"):
        (folder / name).write_bytes(b"")
    return folder


def test_a_run_in_sqlite(runner, broken):
    runner.env["LD_LIBRARY_PATH"] = str(broken)
    assert runner.finished([{"id": "a", "text": "hello"}])["status"] == "completed"


@pytest.mark.parametrize("words, library", [(["status", "--run-id", "r", "--db-path", "postgresql:///nowhere"], "libpq.so.5"),
                                            (["fake-provider", "--port", "0"], "libmicrohttpd.so.12")])
def test_not_usable(alone, broken, words, library):
    told = alone(*words, env={"LD_LIBRARY_PATH": str(broken)})
    assert (told.code, told.out, told.err) == (1, "", f"lamina-batch: cannot load a library: {broken / library}: file too short\n")
