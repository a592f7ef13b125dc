"""The program dies at each of its named points, as by kill -9, while it publishes what it downloads; the next run makes good."""

from served_stack import HOST
from survive import check_readable, survives


def test_first_publish(served, killable, fast_path):
    def check(place, want):
        check_readable(place.out, [want["out"]])

    served.reset()
    points = survives(served.place.copy(fast_path / "before"), killable, fast_path,
        lambda place: ("publish", *HOST, place.spec, place.out), check, False)
    assert {"download: bytes written", "download: renamed", "archive: segment written", "folder: files flushed"} <= points
