"""Providers are still as we assume: the batch of the committed cassettes, for real. Costs some hundredths of a cent and up to a day.

    LAMINA_RUN_LIVE_TESTS=1 ./check test -- -m live_drift tests/live/test_providers.py

Keys are OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY; a provider without a key is skipped. With RECORD_NEW_FIXTURES=1 what the
providers said replaces the committed cassettes. LAMINA_LIVE_OPENAI_MODEL and the like name another model.
"""

import os
import shutil

import pytest

from replayed_batch import CASSETTES, ITEMS, KEYS, environment, likeness, model_of, run_batch, texts

A_DAY_S = 26 * 3600
# as it was when pytest began: each test gets an environment of its own
TESTER = dict(os.environ)


@pytest.mark.skipif(TESTER.get("LAMINA_RUN_LIVE_TESTS") != "1", reason="LAMINA_RUN_LIVE_TESTS is not 1")
@pytest.mark.parametrize("provider", sorted(KEYS))
def test_answers_are_like_those_of_the_cassette(run, tmp_path, provider):
    key, recording = TESTER.get(KEYS[provider]), TESTER.get("RECORD_NEW_FIXTURES") == "1"
    if not key:
        pytest.skip(f"{KEYS[provider]} is not set")
    env = environment(provider, key)
    options = ["--provider", provider, "--model", model_of(provider), "--poll-interval-sec", "30"]
    if recording:
        env["RECORD_NEW_FIXTURES"] = "1"
        options += ["--cassette", tmp_path / "tape"]
    out, _ = run_batch(run, tmp_path, *options, env=env, timeout_s=A_DAY_S)
    got = texts(out)
    for item_id, _, answer, least in ITEMS:
        assert likeness(got[item_id], answer) >= least, (item_id, got[item_id], answer)
    if recording:
        shutil.rmtree(CASSETTES / provider, ignore_errors=True)
        shutil.copytree(tmp_path / "tape", CASSETTES / provider)
