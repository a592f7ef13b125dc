"""The batch runner's stack, published, deployed into a fresh folder and run there, against the committed results."""

import os

import paths
import pytest

pytestmark = [pytest.mark.expected_output, pytest.mark.network]


@pytest.fixture
def sample(run, runtimes, warm_store, program, lamina):
    env = {"LAMINA": lamina, "LAMINA_BATCH": program, "LAMINA_STORE": warm_store, "PATH": os.environ["PATH"]}
    return lambda *args: run(paths.ROOT / "misc" / "run_batch_sample.sh", *args, env=env)


def test_results_export_and_status_are_as_committed(sample):
    result = sample().ok()
    assert result.out == ""
    assert result.err.endswith("run_batch_sample: results, export and status are as expected\n")


def test_a_wrong_call_says_how(sample):
    result = sample("--updat")
    assert (result.code, result.out) == (2, "")
    assert "misc/run_batch_sample.sh --update" in result.err
