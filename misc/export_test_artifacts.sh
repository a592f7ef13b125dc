#!/bin/sh
# Put what the comparison with expected_outputs/ makes into a folder: misc/export_test_artifacts.sh DIR
# DIR gets a folder for each platform, with archives and metadata, and one with the locks; what it had of these is replaced.
# The exit code is that of the tests: the export is made even when they fail.
set -eu
if [ $# -ne 1 ] || [ -z "$1" ]; then
	echo "usage: misc/export_test_artifacts.sh DIR" >&2
	exit 2
fi
mkdir -p "$1"
LAMINA_EXPORT_TEST_ARTIFACTS=$(cd "$1" && pwd)
LAMINA_FORCE_TEST_EXPORT=1
export LAMINA_EXPORT_TEST_ARTIFACTS LAMINA_FORCE_TEST_EXPORT
exec "$(dirname "$0")/../check" test -- tests/expected/test_published.py
