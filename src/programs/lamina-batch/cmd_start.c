#include "cli.h"

#include "base/mem.h"
#include "batch/ingest.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/path.h"

#include <string.h>

enum { NONCE_DIGITS = 16, TAIL_DIGITS = 8, RUN_ID_MAX = 200 };

// "batch_20261121T090000Z_1a2b3c4d"
static char *
make_run_id(void)
{
	char time[LM_TIME_TEXT], tail[TAIL_DIGITS + 1];
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_time_format(lm_clock_now_s(), time);
	lm_random_hex(tail, TAIL_DIGITS);
	lm_buf_text(&text, "batch_");
	for (const char *at = time; *at != '\0'; at++)
		if (*at != '-' && *at != ':')
			lm_buf_byte(&text, *at);
	lm_buf_format(&text, "_%s", tail);
	return lm_strdup(lm_buf_cstr(&text));
}

// What makes the ids of submissions unique. Where exchanges are replayed they must repeat, so there it comes from the run's id.
static void
make_nonce(const struct lm_batch_run *run, const char *run_id, char nonce[NONCE_DIGITS + 1])
{
	if (run->config.cassette == nullptr) {
		lm_random_hex(nonce, NONCE_DIGITS);
		return;
	}
	struct lm_digest digest = {};
	char hex[LM_DIGEST_HEX];
	lm_sha256_bytes(run_id, strlen(run_id), &digest);
	lm_digest_hex(&digest, hex);
	memcpy(nonce, hex, NONCE_DIGITS);
	nonce[NONCE_DIGITS] = '\0';
}

static int
check_run_id(const char *run_id, struct lm_err *err)
{
	if (strlen(run_id) > RUN_ID_MAX)
		return lm_err_set(err, LM_E_USAGE, "--run-id is longer than %d bytes", RUN_ID_MAX);
	if (lm_path_check_name(run_id, err) < 0) {
		err->code = LM_E_USAGE;
		return lm_err_wrap(err, "--run-id");
	}
	return 0;
}

// A run that is there already must be asked for the same.
static int
match(struct lm_batch_run *run, struct lm_err *err)
{
	struct lm_batch_config before = {};
	LM_AUTO(lm_buf_release) struct lm_buf differences = {}, text = {};
	int rc = lm_batch_config_parse(lm_str_of(run->row.config_json), &before, err);
	if (rc == 0)
		lm_batch_config_differences(&before, &run->config, &differences);
	lm_batch_config_release(&before);
	if (rc < 0)
		return -1;
	struct lm_str shown = lm_str_trim(lm_buf_view(&differences));
	if (shown.len > 0 && !run->cli.allow_change)
		return lm_err_set(err, LM_E_CONFLICT,
			"run '%s' was started with something else; --allow-change overrides:\n%.*s", run->row.run_id,
			LM_STR_ARG(shown));
	run->python = run->cli.python != nullptr ? run->cli.python : lm_batch_env(run, "LAMINA_BATCH_PYTHON");
	struct lm_source_env env = { .python = run->python };
	if (!run->cli.allow_change && lm_ingest_unchanged(run->runs, run->row.key, &run->config, &env, err) < 0) {
		lm_err_append(err, "; --allow-change overrides");
		return -1;
	}
	if (run->cli.allow_change && lm_ingest_accept(run->runs, run->row.key, &run->config, err) < 0)
		return -1;
	lm_batch_config_format(&run->config, &text);
	return lm_runs_set_config(run->runs, run->row.key, lm_buf_cstr(&text), err);
}

static int
find_or_make(struct lm_batch_run *run, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *made = run->cli.run_id == nullptr ? make_run_id() : nullptr;
	const char *run_id = made != nullptr ? made : run->cli.run_id;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	char nonce[NONCE_DIGITS + 1];
	if (check_run_id(run_id, err) < 0)
		return -1;
	if (lm_runs_load(run->runs, run_id, &run->row, err) == 0)
		return match(run, err);
	if (err->code != LM_E_NOT_FOUND)
		return -1;
	lm_err_clear(err);
	make_nonce(run, run_id, nonce);
	lm_batch_config_format(&run->config, &text);
	run->made = lm_runs_create(run->runs, run_id, nonce, lm_buf_cstr(&text), lm_clock_now_s(), err) == 0;
	if (!run->made && err->code != LM_E_CONFLICT)
		return -1;
	lm_err_clear(err); // another process was faster
	if (lm_runs_load(run->runs, run_id, &run->row, err) < 0)
		return -1;
	return run->made ? 0 : match(run, err);
}

// A run that was made just now and has no item yet is not worth keeping: its inputs cannot be read.
static void
forget_empty_run(struct lm_batch_run *run)
{
	struct lm_run_row row = {};
	struct lm_err ignored = {};
	if (lm_runs_load(run->runs, run->row.run_id, &row, &ignored) == 0 && row.item_count == 0 && !row.ingest_complete &&
		lm_runs_drop(run->runs, row.key, &ignored) == 0)
		(void)lm_dir_remove(run->folder.path, &ignored);
	lm_run_row_release(&row);
}

static int
go_on(struct lm_batch_run *run, struct lm_engine *engine, struct lm_err *err)
{
	struct lm_engine_progress progress = {};
	if (lm_engine_ingest(engine, err) == 0)
		return lm_engine_step(engine, &progress, err);
	if (run->made && err->code != LM_E_INTERRUPTED)
		forget_empty_run(run);
	return -1;
}

int
lm_batch_start(struct lm_batch_run *run, struct lm_err *err)
{
	LM_AUTO(lm_engine_close_ptr) struct lm_engine *engine = nullptr;
	char holder[64] = "";
	if (lm_batch_config(run, err) < 0 || lm_batch_provider(run, true, err) < 0 || lm_batch_open(run, err) < 0 ||
		find_or_make(run, err) < 0 || lm_run_folder_open(&run->folder, run->artifacts, run->row.run_id, true, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *hint = lm_format("run %s", run->row.run_id);
	lm_ui_hint(run->ui, hint);
	int rc = lm_batch_engine(run, &engine, holder, err);
	if (rc > 0)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' is being worked on by %s; 'lamina-batch wait' waits for it",
			run->row.run_id, holder);
	if (rc < 0 || go_on(run, engine, err) < 0)
		return -1;
	return lm_batch_summary(run, err);
}
