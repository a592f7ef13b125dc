"""What unit tests of the store check on SQLite, on PostgreSQL."""

import pytest

PROGRAMS = ["db_engines", "runs_flow", "runs_ingest", "runs_claim", "runs_leases", "runs_batches", "runs_outcomes", "runs_plans"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_on_postgres(run, tool, postgres_server, program):
    schemas = "SELECT count(*) FROM pg_namespace"
    before = int(postgres_server.sql(schemas)[0][0])
    result = run(tool(f"batch_test_{program}"), env={"LM_TEST_POSTGRES": postgres_server.dsn})
    assert result.code == 0, result.out + result.err
    assert int(postgres_server.sql(schemas)[0][0]) > before  # it was there, and not in a file
