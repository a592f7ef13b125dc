#!/bin/sh
# Compare two folders of artifacts (or two files) in depth: misc/compare_artifacts.sh A B [REPORTS]
# diffoscope looks into archives, programs and libraries, and writes REPORTS/diff.html and REPORTS/diff.txt (REPORTS: by
# default out/compare in the checkout). Exit code: 0 equal, 1 they differ, 2 the comparison could not be made.
# `lamina diff A B` says in a second which entries differ; this says how their bytes do.
set -eu
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
	echo "usage: misc/compare_artifacts.sh A B [REPORTS]" >&2
	exit 2
fi
for side in "$1" "$2"; do
	if [ ! -e "$side" ]; then
		echo "compare_artifacts: there is no '$side'" >&2
		exit 2
	fi
done
if ! command -v diffoscope >/dev/null; then
	echo "compare_artifacts: diffoscope is not installed: apt-get install diffoscope-minimal" >&2
	exit 2
fi
reports=${3:-$(dirname "$0")/../out/compare}
mkdir -p "$reports"
rm -f "$reports/diff.html" "$reports/diff.txt"
# only what is in the files: their times and owners on this disk are not in question
code=0
diffoscope --no-progress --exclude-directory-metadata=yes --html "$reports/diff.html" --text "$reports/diff.txt" -- "$1" "$2" || code=$?
case $code in
0) echo "equal" ;;
1) echo "they differ: $reports/diff.txt and $reports/diff.html" ;;
*) echo "compare_artifacts: diffoscope failed with exit code $code" >&2; code=2 ;;
esac
exit "$code"
