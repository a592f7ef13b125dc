"""Seeds of the fuzz targets, beside those in tests/fuzz/corpus, which are what once broke a reader, and whole files.

`python tests/support/fuzz_seeds.py FOLDER` writes them, for a look, as FOLDER/<target>/<name>."""

import sys
from pathlib import Path

import seeds_archives
import seeds_batch
import seeds_python
import seeds_text

SEEDS = {
    "fuzz_batch_prompt": seeds_batch.PROMPT, "fuzz_batch_rows": seeds_batch.ROWS, "fuzz_batch_schema": seeds_batch.SCHEMA,
    "fuzz_csv": seeds_text.CSV, "fuzz_json": seeds_text.JSON, "fuzz_marker": seeds_python.MARKER, "fuzz_pylock": seeds_python.PYLOCK,
    "fuzz_record": seeds_python.RECORD, "fuzz_tar": seeds_archives.TAR, "fuzz_toml": seeds_text.TOML, "fuzz_wheel": seeds_archives.WHEEL,
    "fuzz_zip": seeds_archives.ZIP,
}


def write(target, folder):
    """The seeds of one target as files. Returns their paths, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS[target].items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return sorted(folder / name for name in SEEDS[target])


if __name__ == "__main__":
    for one in SEEDS:
        write(one, Path(sys.argv[1], one))
