"""The program dies at each of its named points, as by kill -9, while it writes trees; the next run makes good."""

import json

from small_stack import LOCAL
from survive import files, survives

def test_build_again(published, killable, fast_path):
    old = files(published.trees)

    def check(place, want):
        """Of each layer there is the old tree, as a whole, or something that no state calls ready."""
        now = files(place.trees)
        for state in (place.trees / "__lamina__").glob("*.json"):
            target = json.loads(state.read_bytes())["install_target"]
            tree = {name: digest for name, digest in now.items() if name.startswith(f"{target}/")}
            assert any(tree == {name: digest for name, digest in whole.items() if name.startswith(f"{target}/")}
                for whole in (old, want["trees"])), f"{target} is neither the old tree nor the new one"

    survives(published, killable, fast_path, lambda place: ("build", *LOCAL, place.spec, place.trees), check, False)


def test_export_again(published, killable, fast_path):
    published.run("local-export", *LOCAL, published.spec, published.trees / "export", SOURCE_DATE_EPOCH="1000000000").ok()

    def check(place, want):
        json.loads((place.trees / "export" / "__venvstacks__" / "venvstacks.json").read_bytes())

    survives(published, killable, fast_path, lambda place: ("local-export", *LOCAL, place.spec, place.trees / "export"), check,
        False)
