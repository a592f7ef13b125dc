"""Inputs that mean no good (tests/cases/batch/hostile): what `validate` says of each is in the file beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CASES = sorted(path for path in (Path(__file__).resolve().parent.parent / "cases" / "batch" / "hostile").iterdir() if path.suffix != ".want")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_hostile(tool, path):
    kind = path.suffix[1:]
    config = {"inputs": [{"kind": kind, "path": path.name}], "id_field": "id", "prompt_field": "text", "model": "m"}
    done = subprocess.run([tool("batch_ingest_tool"), "survey", "-", "-", json.dumps(config), sys.executable], capture_output=True, cwd=path.parent, timeout=60)
    lines = done.stdout.decode().splitlines(keepends=True)
    facts = json.loads(lines.pop())
    said = "".join(lines) + done.stderr.decode() if done.returncode != 0 else f"ok {facts['rows']}\n"
    assert done.returncode in (0, 1)
    want = (path.parent / f"{path.name}.want").read_text(encoding="utf-8").replace("FILE", path.name)
    if kind == "parquet":  # how it goes on is pyarrow's
        said, want = said[: len(want) - 1], want[:-1]
    assert said == want
