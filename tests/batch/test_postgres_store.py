"""The tests of the store that unit tests run on SQLite, on PostgreSQL; and several processes at one run."""

import pytest

CONTRACT = ["flow", "ingest", "claim", "leases", "batches", "outcomes", "plans"]


@pytest.mark.parametrize("program", CONTRACT)
def test_contract(run, tool, postgres_server, program):
    result = run(tool(f"batch_test_runs_{program}"), env={"LM_TEST_POSTGRES": postgres_server.dsn})
    assert result.code == 0, result.out + result.err
