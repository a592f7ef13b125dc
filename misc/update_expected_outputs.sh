#!/bin/sh
# Make the committed expected outputs again: misc/update_expected_outputs.sh [FILE] [--tests ARG]...
# FILE gets the list of changed files too. `misc/expected_outputs.py --help` says what happens and when it fails.
exec python3 "$(dirname "$0")/expected_outputs.py" update "$@"
