"""The program dies at each of its named points, as by kill -9, while it locks; the next run makes good."""

import small_stack
import web
from small_stack import LOCAL, UV
from survive import files, survives

def test_lock(unlocked_stack, killable, fast_path):
    def check(place, want):
        now = files(place.project)
        for name, digest in now.items():
            assert digest == want["project"][name], f"{name} is not whole"
        # a lock of which only some files are there is none
        for layer in place.run("show", "--json", place.spec).json()["runtimes"]:
            if layer["has_valid_lock"]:
                assert all(name in now for name in want["project"] if layer["name"] in name)

    survives(unlocked_stack.copy(fast_path / "before"), killable, fast_path, lambda place: ("lock", *LOCAL, place.spec), check, False)


def test_download(unlocked_stack, killable, fast_path):
    with web.serve() as server:
        place = unlocked_stack.copy(fast_path / "before")
        small_stack.write_spec(place.project, UV, server.url("/runtime.tar"), [("large.bin", small_stack.noise(3 << 20))])
        server.answers["/runtime.tar"] = [web.content((place.project / "runtime.tar").read_bytes())]
        passed = survives(place, killable, fast_path, lambda place: ("lock", *LOCAL, place.spec), lambda place, want: None, False)
    assert {"download: made", "download: bytes written", "download: complete", "download: renamed"} <= passed
