"""lamina-batch results, export-artifacts and prune-artifacts, read by Python's own json, csv and hashlib."""

import contextlib
import csv
import fcntl
import hashlib
import io
import json
import os
import subprocess

import pytest

ROWS = [
    {"id": "plain", "text": "one"},
    {"id": "quotes", "text": 'a "b", c\nd'},
    {"id": "letters", "text": "häß €𝄞 \u2028"},
    {"id": "fails", "text": "no such luck"},
    {"id": "numbers", "text": "x", "big": 12345678901234567890123, "real": 1.10},
    {"id": "spaces", "text": "  in and out  "},
]
KEYS = ["item_id", "status", "attempt_count", "metadata", "output_text", "raw_response", "error"]
FAULTS = ({"on": "row", "contains": "no such luck", "do": "error", "status": 400, "error": "invalid_request",
           "message": "No, \"never\""},)


def said(result, code=1):
    assert (result.code, result.out) == (code, ""), result
    return result.err.rstrip("\n").splitlines()[-1].removeprefix("lamina-batch: ")


@pytest.fixture
def done(runner, provider):
    """A run that is through, one item of which failed."""
    provider.faults(*FAULTS)
    summary = runner.finished(ROWS, max_requests=4, max_attempts=2, base_backoff_sec=0.001)
    assert (summary["status"], summary["completed_items"], summary["failed_items"]) == ("completed_with_failures", 5, 1)
    return runner


def lines(result):
    return [json.loads(line) for line in result.ok().out.split("\n")[:-1]]


def check(rows):
    """These are the results that the fake provider's answers (an echo) come to."""
    assert [row["item_id"] for row in rows] == [row["id"] for row in ROWS]
    for row, asked in zip(rows, ROWS):
        assert list(row) == KEYS
        assert row["metadata"] == asked
        if asked["id"] == "fails":
            assert (row["status"], row["attempt_count"], row["output_text"], row["raw_response"]) == ("failed_permanent", 2, None, None)
            assert list(row["error"]) == ["error_class", "message", "retryable", "raw_error"]
            assert row["error"]["retryable"] is False
            assert 'No, "never"' in row["error"]["message"]
            assert row["error"]["raw_error"]["custom_id"] == "fails:a2"
        else:
            assert (row["status"], row["attempt_count"], row["error"]) == ("completed", 1, None)
            assert row["output_text"] == asked["text"]
            assert row["raw_response"]["custom_id"] == f"{asked['id']}:a1"
            assert row["raw_response"]["response"]["body"]["output"][0]["content"][0]["text"] == asked["text"]


def test_results_are_what_was_asked_and_answered(done):
    check(lines(done("results", run_id="r")))


def test_numbers_keep_their_spelling(done):
    assert '"big":12345678901234567890123,"real":1.1}' in done("results", run_id="r").ok().out.replace(" ", "")


def test_csv(done):
    done("results", run_id="r", format="csv", output="results.csv").ok()
    text = (done.folder / "results.csv").read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    wanted = lines(done("results", run_id="r"))
    assert len(rows) == len(ROWS)
    for row, want in zip(rows, wanted):
        assert (row["item_id"], row["status"], int(row["attempt_count"])) == (want["item_id"], want["status"], want["attempt_count"])
        assert json.loads(row["metadata"]) == want["metadata"]
        assert row["output_text"] == (want["output_text"] or "")
        assert (json.loads(row["raw_response"]) if row["raw_response"] else None) == want["raw_response"]
        error = want["error"] or {"error_class": "", "message": ""}
        assert (row["error_class"], row["error_message"]) == (error["error_class"], error["message"])


def test_pages_are_repeatable_and_cover_everything(done):
    seen, after = [], 0
    while page := lines(done("results", run_id="r", after_sequence=after, limit=2)):
        assert lines(done("results", run_id="r", after_sequence=after, limit=2)) == page
        assert len(page) <= 2
        seen += page
        after = page[-1]["sequence"]
    assert [row["sequence"] for row in seen] == sorted({row["sequence"] for row in seen})
    assert after == done("status", run_id="r").json()["last_sequence"]
    places = [row["id"] for row in ROWS]
    check([{key: row[key] for key in KEYS} for row in sorted(seen, key=lambda row: places.index(row["item_id"]))])


def test_results_while_the_run_goes_on(runner, provider):
    provider.faults({"on": "batch", "nth": 2, "do": "wait", "polls": 1000})
    runner.start([{"id": str(n), "text": str(n)} for n in range(4)], max_requests=2).ok()
    runner("step", run_id="r").ok()
    assert said(runner("results", run_id="r")) == "run 'r' is not finished; '--after-sequence 0' gives the results so far"
    first = runner("results", run_id="r", after_sequence=0, output="page.jsonl").json()
    assert first == {"run_id": "r", "status": "running", "result_count": 2, "output_path": "page.jsonl", "next_after_sequence": 2}
    page = (runner.folder / "page.jsonl").read_bytes()
    provider.faults()
    runner("cancel", run_id="r").ok()
    assert runner("results", run_id="r", after_sequence=0, limit=2).ok().out.encode() == page
    assert runner("results", run_id="r", after_sequence=2).ok().out == ""


def test_an_output_file_appears_whole(done):
    (done.folder / "file").write_text("")
    assert said(done("results", run_id="r", output="file/results.jsonl")) == "cannot make folder 'file': Not a directory"
    told = done("results", run_id="r", output="a/new/folder/results.jsonl").json()
    assert told["output_path"] == "a/new/folder/results.jsonl"
    assert (done.folder / "a" / "new" / "folder" / "results.jsonl").read_text(encoding="utf-8") == done("results", run_id="r").out
    told = done("results", run_id="r", output="results.jsonl").json()
    assert told == {"run_id": "r", "status": "completed_with_failures", "result_count": 6, "output_path": "results.jsonl"}
    assert (done.folder / "results.jsonl").read_text(encoding="utf-8") == done("results", run_id="r").out
    (done.folder / "results.jsonl").write_text("old")
    answers = done.folder / "runs_artifacts" / "r" / "answers"
    kept = {path: path.read_bytes() for path in answers.iterdir()}
    for path in kept:  # the same file has two names: write another one
        path.unlink()
        path.write_bytes(b"")
    result = done("results", run_id="r", output="results.jsonl")
    assert said(result).startswith("result of item 'plain': no line of ")
    assert (done.folder / "results.jsonl").read_text() == "old"
    assert [path.name for path in done.folder.iterdir() if "results.jsonl" in path.name] == ["results.jsonl"]


def test_a_reader_that_leaves(runner, program):
    runner.finished([{"id": str(n), "text": "x" * 2000} for n in range(400)])
    process = subprocess.Popen([program, "results", "--run-id", "r"], cwd=runner.folder, env={**os.environ, **runner.env},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["item_id"] == "0"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 1


# ---- export


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def export(runner, destination="out", **options):
    return runner("export-artifacts", run_id="r", destination_dir=destination, **options)


def test_an_export(done):
    told = export(done).json()
    files = tree(done.folder / "out" / "r")
    manifest = json.loads(files["manifest.json"])
    assert list(told) == ["run_id", "destination_dir", "manifest_path", "results_path", "exported_artifact_paths"]
    assert (told["run_id"], told["destination_dir"]) == ("r", "out/r")
    assert (told["manifest_path"], told["results_path"]) == ("out/r/manifest.json", "out/r/results.jsonl")
    assert (manifest["run_id"], manifest["results_path"], manifest["result_count"]) == ("r", "results.jsonl", 6)
    listed = [manifest[f"{kind}_artifact_paths"] for kind in ("request", "output", "error")]
    assert listed[0] == ["requests/000001.jsonl", "requests/000002.jsonl", "requests/000003.jsonl"]
    assert set(sum(listed, [])) == set(files) - {"manifest.json", "results.jsonl"}
    assert told["exported_artifact_paths"] == sum(listed, [])
    assert manifest["files"] == {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                                 for name, data in files.items() if name != "manifest.json"}
    rows = [json.loads(line) for line in files["results.jsonl"].splitlines()]
    check(rows)
    assert sum(len(files[name].splitlines()) for name in listed[0]) == 7  # one was sent twice
    assert oct((done.folder / "out" / "r" / "results.jsonl").stat().st_mode & 0o777) == "0o600"


def test_the_same_bytes_again(done):
    export(done).ok()
    first = tree(done.folder / "out")
    export(done).ok()
    export(done, "other/place").ok()
    assert tree(done.folder / "out") == first == tree(done.folder / "other" / "place")


def test_an_export_as_csv(done):
    told = export(done, format="csv").json()
    assert told["results_path"] == "out/r/results.csv"
    text = (done.folder / "out" / "r" / "results.csv").read_bytes()
    done("results", run_id="r", format="csv", output="results.csv").ok()
    assert text == (done.folder / "results.csv").read_bytes()
    assert json.loads((done.folder / "out" / "r" / "manifest.json").read_text())["files"]["results.csv"]["size"] == len(text)


def test_structured_answers_are_called_output_json_there(runner):
    (runner.folder / "schema.json").write_text(json.dumps({"type": "object", "properties": {"x": {"type": "string"}},
        "required": ["x"], "additionalProperties": False}))
    runner.finished(ROWS[:2], structured_output_schema="schema.json")
    export(runner).ok()
    rows = [json.loads(line) for line in (runner.folder / "out" / "r" / "results.jsonl").read_text().splitlines()]
    assert [row["output_json"] for row in rows] == [{"x": "one"}, {"x": 'a "b", c\nd'}]
    assert list(rows[0]) == [*KEYS, "output_json"]


def test_only_an_export_of_the_run_is_replaced(done):
    (done.folder / "out" / "r").mkdir(parents=True)
    (done.folder / "out" / "r" / "precious").write_text("x")
    assert said(export(done)) == "'out/r' is no export of run 'r': it is not replaced"
    assert tree(done.folder / "out") == {"r/precious": b"x"}
    before = tree(done.folder / "runs_artifacts")
    assert said(export(done, "runs_artifacts")) == "'runs_artifacts/r' is no export of run 'r': it is not replaced"
    assert tree(done.folder / "runs_artifacts") == before


def test_what_killed_exports_left_is_removed(done):
    export(done).ok()
    first = tree(done.folder / "out")
    out, dead, alive = done.folder / "out", ".r.export.0123456789abcdef", ".r.export.fedcba9876543210"
    others = [".r.export.notes", ".r.export.0123456789abcdeg", ".r.export.0123456789abcdef.new", ".r2.export.0123456789abcdef"]
    for name in [dead, alive, *others]:
        (out / name / "outputs").mkdir(parents=True)
        (out / name / "outputs" / "000001_output.jsonl").write_text("half")
    (out / (dead + ".old")).mkdir()
    with held(out / alive):
        export(done).ok()
    assert sorted(path.name for path in out.iterdir()) == sorted([alive, *others, "r"])
    export(done).ok()
    assert sorted(path.name for path in out.iterdir()) == sorted([*others, "r"])
    assert {name: data for name, data in tree(out).items() if name.startswith("r/")} == first


@contextlib.contextmanager
def held(folder):
    """Locked, as by the process that fills it."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(number, fcntl.LOCK_EX)
    yield
    os.close(number)


def test_an_export_that_was_put_aside_comes_back(done):
    export(done).ok()
    first = tree(done.folder / "out")
    prune(done, include_raw_output_artifacts=True).ok()
    (done.folder / "out" / "r").rename(done.folder / "out" / ".r.export.0123456789abcdef.old")
    export(done).ok()
    assert tree(done.folder / "out") == first


def test_an_export_that_fails_leaves_nothing(done):
    export(done, "old").ok()
    first = tree(done.folder / "old")
    (done.folder / "mine" / "empty").mkdir(parents=True)
    (done.folder / "runs_artifacts" / "r" / "rows.jsonl").unlink()
    for destination in ("new/and/deep", "mine/new", "mine/empty", "old"):
        assert said(export(done, destination)) == f"cannot open '{done.folder}/runs_artifacts/r/rows.jsonl': No such file or directory"
    assert not (done.folder / "new").exists()
    assert [path.name for path in (done.folder / "mine").rglob("*")] == ["empty"]
    assert tree(done.folder / "old") == first


def test_a_run_that_is_not_finished(runner, provider):
    provider.faults({"on": "batch", "do": "wait", "polls": 1000})
    runner.start(ROWS).ok()
    assert said(export(runner)) == "run 'r' is not finished"
    assert said(runner("prune-artifacts", run_id="r")) == "run 'r' is not finished"
    assert not (runner.folder / "out").exists()


# ---- prune


def prune(runner, *args, **options):
    return runner("prune-artifacts", *args, run_id="r", **options)


def test_requests_can_go_at_once_and_raw_answers_after_an_export(done):
    results, raw = done("results", run_id="r").out, "raw answers of run 'r' were not exported yet; --force removes them all the same"
    told = prune(done).json()
    assert list(told) == ["run_id", "removed_artifact_paths", "missing_artifact_paths", "cleared_item_pointers", "cleared_batch_pointers"]
    assert told["removed_artifact_paths"] == [f"requests/00000{n}.jsonl" for n in (1, 2, 3)]
    assert (told["missing_artifact_paths"], told["cleared_item_pointers"], told["cleared_batch_pointers"]) == ([], 7, 0)
    assert said(prune(done, include_raw_output_artifacts=True)) == raw
    assert done("results", run_id="r").out == results
    export(done).ok()
    told = prune(done, include_raw_output_artifacts=True).json()
    assert told["cleared_batch_pointers"] == len(told["removed_artifact_paths"]) >= 3
    assert all(name.startswith("outputs/") for name in told["removed_artifact_paths"])
    assert done("results", run_id="r").out == results
    assert prune(done, include_raw_output_artifacts=True).json() == {"run_id": "r", "removed_artifact_paths": [],
        "missing_artifact_paths": [], "cleared_item_pointers": 0, "cleared_batch_pointers": 0}


def test_pruned_files_stay_in_the_export(done):
    export(done).ok()
    first = tree(done.folder / "out")
    prune(done, include_raw_output_artifacts=True).ok()
    export(done).ok()
    assert tree(done.folder / "out") == first
    export(done, "new").ok()
    assert set(tree(done.folder / "new")) == {"r/manifest.json", "r/results.jsonl"}


def test_force_removes_what_was_not_exported(done):
    results = done("results", run_id="r").out
    told = prune(done, include_raw_output_artifacts=True, force=True).json()
    assert any(name.startswith("outputs/") for name in told["removed_artifact_paths"])
    assert done("results", run_id="r").out == results


def test_a_file_that_somebody_else_removed_is_told(done):
    (done.folder / "runs_artifacts" / "r" / "requests" / "000002.jsonl").unlink()
    told = prune(done).json()
    assert told["missing_artifact_paths"] == ["requests/000002.jsonl"]
    assert told["removed_artifact_paths"] == ["requests/000001.jsonl", "requests/000003.jsonl"]


def test_output_to_a_pipe(done):
    pipe = done.folder / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        told = done("results", run_id="r", output=pipe).ok().json()
        assert reader.stdout.read() == done("results", run_id="r").out
    assert told["output_path"] == str(pipe) and pipe.is_fifo()


def test_output_to_a_device(done):
    link = done.folder / "link"
    link.symlink_to("/dev/full")
    told = done("results", run_id="r", output=link)
    assert (told.code, told.out, told.err) == (1, "", f"lamina-batch: cannot write '{link}': No space left on device\n")
    assert link.is_symlink() and os.path.exists("/dev/full") and not os.path.isfile("/dev/full")


def test_output_through_a_link(done):
    (done.folder / "deep").mkdir()
    (done.folder / "deep" / "file").write_text("old")
    (done.folder / "link").symlink_to("deep/file")
    done("results", run_id="r", output="link").ok()
    assert (done.folder / "deep" / "file").read_text() == done("results", run_id="r").out
    assert os.readlink(done.folder / "link") == "deep/file"
    assert os.listdir(done.folder / "deep") == ["file"]


def test_output_to_a_folder(done):
    told = done("results", run_id="r", output=done.folder)
    assert (told.code, told.out, told.err) == (1, "", f"lamina-batch: cannot write '{done.folder}': Is a directory\n")


def test_raw_files_can_be_switched_off(runner):
    runner.finished(ROWS, no_raw_artifacts=True)
    assert not list((runner.folder / "runs_artifacts" / "r").glob("outputs/*"))
    export(runner).ok()
    assert set(tree(runner.folder / "out" / "r")) == {"manifest.json", "results.jsonl", "requests/000001.jsonl"}
    assert [row["output_text"] for row in runner.results()] == [row["text"] for row in ROWS]
