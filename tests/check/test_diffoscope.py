"""lamina diff --diffoscope: only the files that differ are handed over; and what happens when it is not there or fails."""

import hashlib
import json
import os

import pytest

from handmade import Entry, folder, link, rewrite, write

A = [folder("app"), Entry("app/same.txt", b"same\n"), Entry("app/x.txt", b"one\ntwo\nthree\n"), Entry("app/gone.txt", b"gone\n"),
    link("app/l", "x.txt"), Entry("app/m", b"mode")]
B = [folder("app"), Entry("app/same.txt", b"same\n"), Entry("app/x.txt", b"one\n2\nthree\n"), link("app/l", "same.txt"),
    Entry("app/m", b"mode", mode=0o755)]


@pytest.fixture
def stub(tmp_path):
    """A diffoscope that writes down its arguments and what it was given, and ends as told."""

    def make(code=1, says="1 difference\n"):
        log = tmp_path / "log"
        bin_folder = tmp_path / "bin"
        bin_folder.mkdir()
        program = bin_folder / "diffoscope"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{log}'\nfind . -type f -exec sha256sum {{}} + | sort -k 2 >> '{log}'\n"
            f"printf '{says}'\necho trouble >&2\nexit {code}\n")
        program.chmod(0o755)
        return log, {"PATH": f"{bin_folder}:{os.environ['PATH']}"}

    return make


def test_only_what_differs(run_lamina, tmp_path, stub, private_environment):
    log, env = stub()
    write(tmp_path / "a.tar.zst", A)
    write(tmp_path / "b.zip", B)
    result = run_lamina("diff", "--diffoscope", "a.tar.zst", "b.zip", cwd=tmp_path, env=env)
    assert result.code == 3
    assert result.out.endswith("  changed  x.txt: bytes, size 14 -> 12\n1 difference\n1 of 1 layer differs\n")
    lines = log.read_text().splitlines()
    assert lines[:6] == ["--no-progress", "--exclude-directory-metadata=yes", "--text", "-", "a", "b"]
    assert lines[6:] == [f"{hashlib.sha256(body).hexdigest()}  {name}" for name, body in (
        ("./a/gone.txt", A[3].body), ("./a/x.txt", A[2].body), ("./b/x.txt", B[2].body))]
    assert list((private_environment / "tmp").iterdir()) == []  # nothing is left behind


def test_json(run_lamina, tmp_path, stub):
    _, env = stub()
    write(tmp_path / "a.tar", A)
    write(tmp_path / "b.tar", B)
    result = run_lamina("diff", "--json", "--diffoscope", "a.tar", "b.tar", cwd=tmp_path, env=env)
    assert json.loads(result.out)["layers"][0]["diffoscope"] == "1 difference\n"


def test_nothing_to_look_into(run_lamina, tmp_path, stub):
    """Modes and links are told already: there are no bytes to compare."""
    log, env = stub()
    write(tmp_path / "a.tar", A)
    write(tmp_path / "b.tar", [entry.but(mode=0o755) if entry.name == "app/m" else entry for entry in A])
    result = run_lamina("diff", "--diffoscope", "a.tar", "b.tar", cwd=tmp_path, env=env)
    assert (result.code, log.exists()) == (3, False)
    assert run_lamina("diff", "--diffoscope", "a.tar", "a.tar", cwd=tmp_path, env=env).code == 0


def test_it_fails(run_lamina, tmp_path, stub):
    _, env = stub(code=2)
    write(tmp_path / "a.tar", A)
    write(tmp_path / "b.tar", B)
    result = run_lamina("diff", "--diffoscope", "a.tar", "b.tar", cwd=tmp_path, env=env)
    assert (result.code, result.out, result.err) == (1, "", "lamina: diffoscope failed with exit code 2: trouble\n")


def test_it_is_not_there(run_lamina, tmp_path):
    write(tmp_path / "a.tar", A)
    result = run_lamina("diff", "--diffoscope", "a.tar", "a.tar", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert (result.code, result.err) == (1, "lamina: there is no program 'diffoscope' in PATH, which --diffoscope needs\n")


def test_archives_that_are_not_here(run_lamina, small, b, stub):
    _, env = stub()
    rewrite(b, "app-one", lambda entries: [*entries[:-1], entries[-1].but(body=b"other")])
    (b / "app-one.tar.zst").unlink()
    result = run_lamina("diff", "--diffoscope", small.out, b, env=env)
    assert (result.code, result.err) == (1, "lamina: diffoscope cannot look into layer 'app-one': an archive of it is not here\n")


def test_names_that_lead_out(run_lamina, tmp_path, stub, private_environment):
    """Nothing is written outside of the scratch folder; what has such a name is not handed over."""
    log, env = stub()
    write(tmp_path / "a.tar", [Entry("x", b"1")])
    write(tmp_path / "b.tar", [Entry("x", b"2"), Entry("../../../../out", b"1"), Entry("/" + str(tmp_path / "abs"), b"1")])
    assert run_lamina("diff", "--diffoscope", "a.tar", "b.tar", cwd=tmp_path, env=env).code == 3
    assert [line.split("  ")[1] for line in log.read_text().splitlines()[6:]] == ["./a/x", "./b/x"]
    assert not (tmp_path / "abs").exists() and not list(private_environment.rglob("out"))


def test_a_file_where_another_needs_a_folder(run_lamina, tmp_path, stub):
    _, env = stub()
    write(tmp_path / "a.tar", [Entry("x", b"1")])
    write(tmp_path / "b.tar", [Entry("x", b"2"), Entry("x/y", b"1")])
    result = run_lamina("diff", "--diffoscope", "a.tar", "b.tar", cwd=tmp_path, env=env)
    assert (result.code, result.out) == (1, "") and result.err.count("\n") == 1


def test_the_real_one(run_lamina, tmp_path):
    write(tmp_path / "a.tar", A)
    write(tmp_path / "b.tar", B)
    result = run_lamina("diff", "--diffoscope", "a.tar", "b.tar", cwd=tmp_path)
    assert result.code == 3
    assert "│ -two\n│ +2\n" in result.out and "gone.txt" in result.out
