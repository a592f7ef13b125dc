"""The program dies at each of its named points, as by kill -9, while it publishes; the next run makes good."""

from small_stack import LOCAL
from survive import check_readable, files, survives

def test_first_publish(locked_stack, killable, fast_path):
    def check(place, want):
        check_readable(place.out, [want["out"]])

    survives(locked_stack.copy(fast_path / "before"), killable, fast_path,
        lambda place: ("publish", *LOCAL, place.spec, place.out), check, True)


def test_publish_again(published, killable, fast_path):
    old = files(published.out)

    def check(place, want):
        check_readable(place.out, [old, want["out"]])

    published.settings["SOURCE_DATE_EPOCH"] = "1000000000"  # every archive becomes another one
    survives(published, killable, fast_path, lambda place: ("publish", *LOCAL, place.spec, place.out), check, True)
