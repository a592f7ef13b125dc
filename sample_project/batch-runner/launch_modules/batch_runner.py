"""Starts lamina-batch of this layer, with this layer's Python for what needs one (Parquet, pydantic models)."""

import os
import sys
from pathlib import Path


def main():
    program = Path(sys.prefix) / "bin" / "lamina-batch"
    os.environ.setdefault("LAMINA_BATCH_PYTHON", sys.executable)
    os.execv(program, [str(program), *sys.argv[1:]])


if __name__ == "__main__":
    main()
