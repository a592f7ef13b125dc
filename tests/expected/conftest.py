from artifacts import exports, pytest_runtest_makereport, pytest_terminal_summary  # noqa: F401
