"""A provider of lamina-batch in the hands of a test, through tests/tools/batch_provider_tool.c."""

import contextlib
import json
import os
import subprocess
import time

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


def intent(number=1, count=3, **more):
    return {**INTENT, "intent_id": f"{number:08x}" + INTENT["intent_id"][8:], "item_count": count, "created_at_s": int(time.time()),
        **more}


class Batch:
    """A request file with `count` prompts, and its way."""

    def __init__(self, provider, folder, number=1, count=3):
        for name in "requests", "answers":
            (folder / name).mkdir(exist_ok=True)
        self.provider, self.intent = provider, intent(number, count, seq=number)
        self.path, self.answers = folder / "requests" / f"{number:06}.jsonl", folder / "answers" / f"{number:06}_output.jsonl"
        ids = [f"{i}-a1-{self.intent['intent_id'][:8]}" for i in range(count)]
        self.path.write_text("".join(provider.render(f"prompt {i}\n\"é\"", custom_id=id) for i, id in enumerate(ids)))
        self.ref = None

    def do(self, what, **more):
        return self.provider.do(what, path=str(self.path), ref=self.ref or "", intent=self.intent, **more)

    def upload(self):
        got = self.do("upload")
        assert got["rc"] == 0, got
        self.ref = got["got"]
        return self

    def create(self):
        return self.upload().do("create")

    def find(self):
        got = self.do("find")
        assert got["rc"] == 0, got
        return got["found"], got["got"]

    def poll(self, batch_id):
        got = self.provider.do("poll", batch_id=batch_id)
        assert got["rc"] == 0, got
        return got

    def end(self, batch_id):
        while not (got := self.poll(batch_id))["ended"]:
            pass
        return got

    def fetch(self, ref):
        got = self.provider.do("fetch", ref=ref, path=str(self.answers))
        assert (got["rc"], got["bytes"]) == (0, self.answers.stat().st_size), got
        return [self.provider.read(line) for line in self.answers.read_text().splitlines()]


@contextlib.contextmanager
def at_fake(tool, fake, kind, **config):
    with opened(tool, provider=kind, model="m", base_url=fake.url, **config) as provider:
        assert provider.opened["rc"] == 0, provider.opened
        yield provider
