"""Rows of a Parquet file as lines for lamina-batch, from a row number on; with pyarrow.

arguments: FILE FIRST_ROW [COLUMN...]   (no columns: all of them)
output:    a line for each row: its row group, its number in there, and a JSON object (or `!` and why there is none);
           at the end a line `end` with the number of rows
Exit code 3 with one sentence on standard error when there can be no rows.
"""

import base64
import datetime
import decimal
import json
import sys
import uuid

BATCH_ROWS = 1000


def fail(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    raise SystemExit(3)


def plain(value):
    """Values of Arrow types that JSON does not have, as text; keys of maps, too."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"{value} is not JSON")
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise ValueError(f"a value of type {type(value).__name__} is not JSON")


class Unusable:
    """A value that Python has no type for, and why."""

    def __init__(self, reason):
        self.reason = reason


def column(name, value):
    if isinstance(value, Unusable):
        raise ValueError(f"column '{name}': {value.reason}")
    try:
        return plain(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"column '{name}': {error}") from None


def line_of(row):
    try:
        made = {name: column(name, value) for name, value in row.items()}
        return json.dumps(made, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        return "!" + " ".join(str(error).split())


def exact(pyarrow, scalar):
    """A value as Python has it; nanoseconds, which it has not, as text with nine digits, or as seconds."""
    try:
        return scalar.as_py()
    except (ValueError, OverflowError) as error:
        kind = scalar.type
        if getattr(kind, "unit", None) != "ns":
            return Unusable(error)
        micros, nanos = divmod(scalar.value, 1000)
        if pyarrow.types.is_duration(kind):
            return scalar.value / 10**9
        if pyarrow.types.is_timestamp(kind):
            made = pyarrow.scalar(micros, pyarrow.timestamp("us", kind.tz))
        else:
            made = pyarrow.scalar(micros, pyarrow.time64("us"))
        head, tail = made.as_py().isoformat(timespec="microseconds").split(".")
        return f"{head}.{tail[:6]}{nanos:03}{tail[6:]}"


def rows_of(pyarrow, batch):
    try:
        return batch.to_pylist()
    except (ValueError, OverflowError):  # of one value; which one is not said
        columns = [[exact(pyarrow, scalar) for scalar in values] for values in batch.columns]
        return [dict(zip(batch.schema.names, row)) for row in zip(*columns)]


def main(path, first, wanted):
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        fail(f"{sys.executable} has no pyarrow ({error})")
    try:
        file = pyarrow.parquet.ParquetFile(path, memory_map=False)
        names = file.schema_arrow.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            fail(f"it has the column '{twice[0]}' twice")
        columns = [name for name in wanted if name in names] if wanted else None
        out = sys.stdout.buffer
        begin = 0  # first row of the group
        for group in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            skip, at = max(first - begin, 0), 0
            begin += count
            if skip >= count:
                continue
            for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=[group], columns=columns):
                if at + batch.num_rows > skip:
                    rows = batch.slice(max(skip - at, 0))
                    number = at + batch.num_rows - rows.num_rows
                    lines = [f"{group} {number + i} {line_of(row)}\n" for i, row in enumerate(rows_of(pyarrow, rows))]
                    out.write("".join(lines).encode("utf-8", "surrogatepass"))
                at += batch.num_rows
        out.write(f"end {begin}\n".encode())
        out.flush()
    except BrokenPipeError:
        raise SystemExit(0) from None
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        fail(" ".join(str(error).split()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
