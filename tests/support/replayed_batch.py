"""A small batch that is run in three ways: over the fake provider (recording), from the committed cassettes, and for real."""

import difflib
import json
import os
import re

import paths

CASSETTES = paths.TESTS / "live" / "cassettes"
SENTENCE = "The quick brown fox jumps over the lazy dog."
# id, prompt, the answer in the cassettes, how like it a real one has to be (1: the same)
ITEMS = [
    ("fox", f"Repeat this sentence, and write nothing else: {SENTENCE}", SENTENCE, 0.85),
    ("sum", "What is 2 + 2? Answer with one digit and nothing else.", "4", 1),
    ("sky", "Complete with one word, and write nothing else: on a clear day the sky is ...", "blue", 0.6),
]
# What a real provider is asked with: cheap models that anybody with a key has; the environment may name others.
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}
# For the fake provider, so that it answers as a good model would.
FAULTS = {"faults": [{"on": "row", "do": "text", "text": answer, "contains": prompt[:30]} for _, prompt, answer, _ in ITEMS]
    + [{"on": "batch", "do": "wait", "polls": 2}]}


def likeness(a, b):
    """From 0 to 1, case, blanks and full stops at the end aside."""
    a, b = (re.sub(r"\s+", " ", text).strip(" .").lower() for text in (a, b))
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


def run_batch(run, folder, *options, env=None, timeout_s=90):
    """start, wait, results with these options. Returns what `results` printed, and all that was printed."""
    program = paths.BUILD / "bin" / "lamina-batch"
    (folder / "items.jsonl").write_text("".join(json.dumps({"id": id, "prompt": prompt}) + "\n" for id, prompt, _, _ in ITEMS))
    env = {"no_proxy": "127.0.0.1", **(env or {})}
    common = ["--run-id", "live", "--db-path", "runs.sqlite3"]
    started = run(program, "start", *common, "--input", "items.jsonl", "--id-field", "id", "--prompt-field", "prompt", *options,
        cwd=folder, env=env).ok()
    waited = run(program, "wait", *common, cwd=folder, env=env, timeout_s=timeout_s).ok()
    results = run(program, "results", *common, cwd=folder, env=env).ok()
    return results.out, [started, waited, results]


def texts(results):
    return {row["item_id"]: row["output_text"] for row in map(json.loads, results.splitlines())}


def environment(provider, key):
    return {KEYS[provider]: key, "OPENAI_BASE_URL": None, "ANTHROPIC_BASE_URL": None}


def model_of(provider):
    return os.environ.get(f"LAMINA_LIVE_{provider.upper()}_MODEL", MODELS[provider])
