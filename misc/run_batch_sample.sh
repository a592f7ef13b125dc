#!/usr/bin/env bash
# The batch runner as its users have it: build it, publish its stack, deploy that into a fresh folder with tar alone, run the sample
# inputs there against recorded exchanges, and compare results, export and status with expected_outputs/batch/.
#
#   misc/run_batch_sample.sh                  compare: exit status 1 and a diff when something differs
#   misc/run_batch_sample.sh --update [DIR]   make expected_outputs/batch/ (or DIR) again instead
#   misc/run_batch_sample.sh --record         record the exchanges again first, with the fake provider; then as --update
#
# LAMINA, LAMINA_BATCH: the programs (default: those of zig-out/bin, built if need be). LAMINA_STORE is used where it is set.
set -euo pipefail
umask 022

top=$(cd "$(dirname "$0")/.." && pwd)
stack=$top/sample_project/batch-runner
expected=${2:-$top/expected_outputs/batch}
mode=${1:-compare}
case $mode in
compare | --update | --record) ;;
*)
	sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

work=$(mktemp -d)
server=
clean_up() {
	if [[ -n $server ]]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap clean_up EXIT

if [[ -z ${LAMINA:-} || -z ${LAMINA_BATCH:-} ]]; then
	(cd "$top" && PATH="$top/.tools/bin:$PATH" zig build -Doptimize=safe)
fi
lamina=${LAMINA:-$top/zig-out/bin/lamina}
batch=${LAMINA_BATCH:-$top/zig-out/bin/lamina-batch}

say() {
	printf 'run_batch_sample: %s\n' "$*" >&2
}

# ---- build and publish: in a copy, since the locks of the application and the program in bin/ are not of git
mkdir "$work/sample_project"
cp -R "$stack" "$work/sample_project/batch-runner"
cp -R --reflink=auto "$top/sample_project/runtimes" "$work/sample_project/runtimes"
mkdir -p "$work/sample_project/batch-runner/bin"
cp "$batch" "$work/sample_project/batch-runner/bin/lamina-batch"
say 'build and publish'
"$lamina" build -q --publish --platform linux_x86_64 "$work/sample_project/batch-runner/venvstacks.toml" "$work/published" >/dev/null

# ---- deploy, as on a machine without lamina
say 'deploy'
mkdir "$work/deployed"
for archive in "$work"/published/*.tar.zst; do
	tar --zstd -xf "$archive" -C "$work/deployed"
done
for layer in "$work"/deployed/*/; do
	"$work/deployed/cpython-3.11/bin/python" "$layer/postinstall.py"
done

run_batch() {
	(cd "$work/run" && env -i HOME="$work/home" PATH=/usr/bin:/bin ${keys+"${keys[@]}"} \
		"$work/deployed/app-batch-runner/bin/python" -m batch_runner "$@")
}

# start, wait, results, export, status: what is asked for is the same when recording and when replaying
run_all() { # PROVIDER-OPTION...
	rm -rf "${work:?}/run" "${work:?}/home"
	mkdir "$work/run" "$work/home"
	cp -R "$stack/inputs" "$work/run/inputs"
	cp -R "$work/cassette" "$work/run/cassette"
	local db=(--db-path runs.sqlite3 --run-id sample)
	run_batch start "${db[@]}" "$@" --cassette cassette --model gpt-5-mini \
		--input inputs/letters.jsonl --input inputs/mails.jsonl --input inputs/forms.csv --input inputs/calls.parquet \
		--id-field id --prompt-template 'Sum up in one line: {title}: {body}' \
		--system-prompt 'You sort letters of customers.' --max-requests 6 --poll-interval-sec 0 >"$work/run/start.json"
	run_batch wait "${db[@]}" >"$work/run/wait.json"
	run_batch results "${db[@]}" --output results.jsonl >"$work/run/results.json"
	run_batch results "${db[@]}" --format csv --output results.csv >/dev/null
	run_batch export-artifacts "${db[@]}" --destination-dir export >"$work/run/export.json"
	run_batch status "${db[@]}" >"$work/run/status.json"
}

if [[ $mode == --record ]]; then
	say 'record'
	mkdir "$work/cassette"
	"$batch" fake-provider --port 0 >"$work/url" &
	server=$!
	until grep -q '^listening on ' "$work/url"; do
		kill -0 "$server"
	done
	keys=(OPENAI_API_KEY=fake RECORD_NEW_FIXTURES=1)
	run_all --provider openai --base-url "$(sed -n 's/^listening on //p' "$work/url")"
	unset keys
	rm -rf "$stack/cassette"
	cp -R "$work/run/cassette" "$stack/cassette"
	rm -rf "$work/cassette"
fi

cp -R "$stack/cassette" "$work/cassette"
say 'run'
run_all --provider replay

mkdir "$work/got"
cp "$work/run/results.jsonl" "$work/run/results.csv" "$work/run/status.json" "$work/run/export.json" "$work/got/"
cp -R "$work/run/export" "$work/got/export"
if [[ $mode != compare ]]; then
	rm -rf "$expected"
	cp -R "$work/got" "$expected"
	say "made again: ${expected#"$top"/}"
elif diff -r "$expected" "$work/got"; then
	say 'results, export and status are as expected'
else
	say "they differ from ${expected#"$top"/}; misc/run_batch_sample.sh --update accepts them"
	exit 1
fi
