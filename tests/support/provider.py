"""A provider of lamina-batch in the hands of a test, through tests/tools/batch_provider_tool.c."""

import contextlib
import json
import os
import subprocess

NO_PROXY = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
CANARY = "sk-canary-7f3a91c2"  # the key; it must never be seen

INTENT = {"run_id": "run-1", "intent_id": "0123456789abcdef01234567", "seq": 1, "item_count": 2, "created_at_s": 1_800_000_000}


class Provider:
    def __init__(self, process, opened):
        self.process, self.opened = process, opened

    def do(self, what, **more):
        """One step; what the tool says of it. Nothing of it shows the key."""
        self.process.stdin.write(json.dumps({"do": what, "intent": INTENT, **more}, ensure_ascii=True) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert CANARY not in line or what == "render"
        return json.loads(line)

    def render(self, prompt="p", system=None, custom_id="0-a1-01234567"):
        return self.do("render", custom_id=custom_id, prompt=prompt, system=system)["line"]

    def read(self, line, error_file=False):
        if not isinstance(line, str):
            line = json.dumps(line)
        return self.do("read", line=line, error_file=error_file)


@contextlib.contextmanager
def opened(tool, key=CANARY, record=None, trust=None, **config):
    """A Provider with these fields of its configuration, until the end of the block."""
    process = subprocess.Popen([tool("batch_provider_tool")], text=True, encoding="utf-8", stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, **NO_PROXY})
    try:
        first = {"config": {"id_field": "id", "prompt_field": "p", **config}, "key": key, "record": record and str(record),
            "trust": trust and str(trust)}
        process.stdin.write(json.dumps(first) + "\n")
        process.stdin.flush()
        yield Provider(process, json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.stdout.close()
        assert process.wait(30) == 0
