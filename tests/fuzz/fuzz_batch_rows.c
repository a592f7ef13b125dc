// Sources: the first byte says which, the second after how many rows to go on elsewhere. From a checkpoint on the same rows come as
// in one go, a slice has the digest of its bytes, and every row is one line of JSON.
#include "batch/source.h"
#include "fuzz.h"
#include "text/json_scan.h"

#include <string.h>

// The rows that follow, as text; *checkpoint after so many of them.
static void
read_rows(struct lm_source *source, size_t stop, struct lm_buf *rows, struct lm_buf *checkpoint)
{
	struct lm_json_scan scan = {};
	for (size_t count = 0;;) {
		struct lm_err err = {};
		struct lm_row row = {};
		int rc = lm_source_next(source, &row, &err);
		if (rc == 0)
			break;
		if (rc < 0) {
			FUZZ_MUST(err.code == LM_E_SYNTAX && lm_utf8_valid(lm_str_of(err.text)));
			lm_buf_format(rows, "%s\n", err.text);
			fuzz_accepted = false;
			continue;
		}
		FUZZ_MUST(memchr(row.json.ptr, '\n', row.json.len) == nullptr);
		FUZZ_MUST(lm_json_scan(&scan, row.json, &err) == 0 && scan.value.kind == LM_JSON_OBJECT);
		FUZZ_MUST(row.id.len > 0 && lm_utf8_valid(row.id));
		lm_buf_format(rows, "%llu ", (unsigned long long)row.line);
		lm_buf_str(rows, row.json);
		lm_buf_byte(rows, '\n');
		if (++count == stop) {
			lm_source_checkpoint(source, checkpoint);
			lm_buf_clear(rows); // only what comes after it
		}
	}
	lm_json_scan_release(&scan);
}

static void
check_slice(struct lm_source *source, const uint8_t *bytes, size_t len)
{
	struct lm_digest digest, want;
	uint64_t begin = 0, end = 0;
	lm_source_slice(source, &begin, &end, &digest);
	FUZZ_MUST(begin <= end && end <= len);
	lm_sha256_bytes(bytes + begin, (size_t)(end - begin), &want);
	FUZZ_MUST(lm_digest_equal(&digest, &want));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (len < 2)
		return 0;
	char path[32];
	(void)snprintf(path, sizeof path, "%s", fuzz_file(bytes + 2, len - 2));
	struct lm_batch_input input = { bytes[0] % 2 == 0 ? LM_INPUT_JSONL : LM_INPUT_CSV, path };
	struct lm_source_env env = {};
	struct lm_err err = {};
	LM_AUTO(lm_source_close_ptr) struct lm_source *whole = nullptr, *rest = nullptr;
	LM_AUTO(lm_buf_release) struct lm_buf rows = {}, again = {}, checkpoint = {}, unused = {};
	if (lm_source_open(&whole, &input, "id", &env, nullptr, &err) < 0)
		return 0;
	fuzz_accepted = true;
	read_rows(whole, (size_t)bytes[1] + 1, &rows, &checkpoint);
	check_slice(whole, bytes + 2, len - 2);
	if (checkpoint.len == 0)
		return 0;
	FUZZ_MUST(lm_source_open(&rest, &input, "id", &env, checkpoint.ptr, &err) == 0);
	read_rows(rest, SIZE_MAX, &again, &unused);
	check_slice(rest, bytes + 2, len - 2);
	FUZZ_MUST(lm_str_equal(lm_buf_view(&rows), lm_buf_view(&again)));
	return 0;
}
