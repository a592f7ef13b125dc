// Rows of the sources into a run: a slice of a source, its rows on disk, then one transaction.
#include "batch/ingest.h"

#include "batch/ingest_parts.h"
#include "os/fd.h"
#include "os/kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LM_ROWS_CHUNK_BYTES = 1 << 20, // written at once
	LM_SLICE_BYTES_MAX = 64 << 20, // of a slice's rows, for few long ones
	LM_NAMES_TRIED_MAX = 3,
};

struct new_row {
	size_t id_at, id_len; // in ids
	uint64_t offset, line, check;
	uint32_t length;
};

struct intake {
	struct lm_runs *runs;
	const struct lm_lease *lease;
	const struct lm_batch_config *config;
	struct lm_source_env env;
	struct lm_prompts *prompts;
	struct lm_diags *faults;
	const struct lm_sink *sink;
	struct lm_ingest state; // as committed
	// rows.jsonl
	int fd;
	char *path;
	uint64_t written;   // what is in the file
	struct lm_buf rows; // what follows it
	// the slice
	struct lm_source *source;
	uint64_t read_to, size_bytes; // of it
	struct new_row *items;
	size_t count, cap;
	struct lm_buf ids;
	struct lm_ingest_texts texts;
};

static void
release(struct intake *in)
{
	lm_source_close(in->source);
	lm_prompts_free(in->prompts);
	lm_ingest_release(&in->state);
	lm_fd_close(&in->fd);
	lm_free(in->path);
	lm_buf_release(&in->rows);
	lm_free(in->items);
	lm_buf_release(&in->ids);
	lm_ingest_texts_release(&in->texts);
}

// ---- rows.jsonl

// Cut back to what was committed: what is behind it belongs to no item.
static int
open_rows(struct intake *in, struct lm_err *err)
{
	struct stat status;
	in->fd = open(in->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (in->fd < 0)
		return lm_fd_fail(err, errno, "open", in->path);
	if (fstat(in->fd, &status) < 0)
		return lm_fd_fail(err, errno, "read", in->path);
	if ((uint64_t)status.st_size < in->state.rows_bytes)
		return lm_err_set(err, LM_E_INTEGRITY, "'%s' has %lld bytes, fewer than the %" PRIu64 " that were recorded",
			in->path, (long long)status.st_size, in->state.rows_bytes);
	if (status.st_size == 0) { // perhaps new
		int sys = lm_fd_flush_folder(in->path);
		if (sys != 0)
			return lm_fd_fail(err, sys, "flush the folder of", in->path);
	} else if (ftruncate(in->fd, (off_t)in->state.rows_bytes) < 0) {
		return lm_fd_fail(err, errno, "cut", in->path);
	}
	if (lseek(in->fd, (off_t)in->state.rows_bytes, SEEK_SET) < 0)
		return lm_fd_fail(err, errno, "write", in->path);
	in->written = in->state.rows_bytes;
	return 0;
}

static int
write_bytes(struct intake *in, struct lm_str bytes, struct lm_err *err)
{
	int sys = bytes.len == 0 ? 0 : lm_fd_write_all(in->fd, bytes.ptr, bytes.len);
	if (sys != 0)
		return lm_fd_fail(err, sys, "write", in->path);
	in->written += bytes.len;
	return 0;
}

static int
write_rows(struct intake *in, struct lm_err *err)
{
	if (write_bytes(in, lm_buf_view(&in->rows), err) < 0)
		return -1;
	lm_buf_clear(&in->rows);
	return 0;
}

static int
flush_rows(struct intake *in, struct lm_err *err)
{
	if (write_rows(in, err) < 0)
		return -1;
	LM_KILL_POINT("ingest: rows written");
	if (fdatasync(in->fd) < 0)
		return lm_fd_fail(err, errno, "flush", in->path);
	LM_KILL_POINT("ingest: rows flushed");
	return 0;
}

// ---- a slice

// A long row goes to the file as it is: one more copy of it would be felt.
static int
add_row(struct intake *in, const struct lm_row *row, struct lm_err *err)
{
	bool is_long = row->json.len >= LM_ROWS_CHUNK_BYTES;
	if (is_long && write_rows(in, err) < 0)
		return -1;
	lm_grow(in->items, in->count, in->cap);
	in->items[in->count++] = (struct new_row){
		.id_at = in->ids.len,
		.id_len = row->id.len,
		.offset = in->written + in->rows.len,
		.line = row->line,
		.length = (uint32_t)row->json.len,
		.check = lm_line_check(row->json),
	};
	lm_buf_str(&in->ids, row->id);
	if (!is_long)
		lm_buf_str(&in->rows, row->json);
	else if (write_bytes(in, row->json, err) < 0)
		return -1;
	lm_buf_byte(&in->rows, '\n');
	return in->rows.len >= LM_ROWS_CHUNK_BYTES ? write_rows(in, err) : 0;
}

// Rows up to the size of a slice: 1 there is more, 0 the source's end. Faulty ones are told and left out.
static int
read_slice(struct intake *in, struct lm_err *err)
{
	const char *path = in->config->inputs[in->state.source].path;
	uint64_t first_byte = in->written + in->rows.len;
	in->count = 0;
	lm_buf_clear(&in->ids);
	while (in->count < LM_INGEST_SLICE_ITEMS && in->written + in->rows.len - first_byte < LM_SLICE_BYTES_MAX) {
		struct lm_row row;
		int rc = lm_ingest_next(in->source, path, in->prompts, &row, &in->texts, err);
		if (rc == 0)
			return 0;
		if (rc < 0 && err->code != LM_E_SYNTAX)
			return -1;
		if (rc < 0 && !lm_ingest_fault(in->faults, path, err))
			return 0;
		if (rc < 0 || in->faults->errors > 0)
			continue; // nothing of it is kept any more
		if (add_row(in, &row, err) < 0)
			return -1;
	}
	return 1;
}

static struct lm_str
id_of(const struct intake *in, size_t i)
{
	return (struct lm_str){ in->ids.ptr + in->items[i].id_at, in->items[i].id_len };
}

// Where the row stands that has this id first; 0 when it cannot be told. Reads the source again: there is a fault to explain.
static uint64_t
line_of_first(const struct intake *in, struct lm_str id)
{
	LM_AUTO(lm_source_close_ptr) struct lm_source *source = nullptr;
	const struct lm_batch_input *input = &in->config->inputs[in->state.source];
	struct lm_err err = {};
	struct lm_row row;
	if (lm_source_open(&source, input, in->config->id_field, &in->env, nullptr, &err) < 0)
		return 0;
	for (;;) {
		int rc = lm_source_next(source, &row, &err);
		if (rc == 0 || (rc < 0 && err.code != LM_E_SYNTAX))
			return 0;
		if (rc == 1 && lm_str_equal(row.id, id))
			return row.line;
	}
}

static bool
tell_duplicate(struct intake *in, size_t i)
{
	const char *path = in->config->inputs[in->state.source].path;
	struct lm_str id = id_of(in, i);
	LM_AUTO(lm_free_ptr) char *copy = lm_strndup(id.ptr, id.len);
	uint64_t line = line_of_first(in, lm_str_of(copy));
	struct lm_err fault = {};
	if (line > 0)
		(void)lm_err_set(&fault, LM_E_SYNTAX, "%s:%" PRIu64 ": duplicate item_id: '%s', first in line %" PRIu64, path,
			in->items[i].line, copy, line);
	else
		(void)lm_err_set(&fault, LM_E_SYNTAX, "%s:%" PRIu64 ": duplicate item_id: '%s'", path, in->items[i].line, copy);
	return lm_ingest_fault(in->faults, path, &fault);
}

static int
by_id(const void *a, const void *b, void *context)
{
	const struct intake *in = context;
	const size_t *x = a, *y = b;
	int order = lm_str_compare(id_of(in, *x), id_of(in, *y));
	return order != 0 ? order : *x < *y ? -1 : *x > *y;
}

// Ids that are in the slice twice: true of each but the first.
static void
find_repeats(struct intake *in, bool *repeats)
{
	LM_AUTO(lm_free_ptr) size_t *order = lm_alloc_array(in->count, sizeof *order);
	for (size_t i = 0; i < in->count; i++)
		order[i] = i;
	qsort_r(order, in->count, sizeof *order, by_id, in);
	for (size_t i = 1; i < in->count; i++)
		repeats[order[i]] = lm_str_equal(id_of(in, order[i - 1]), id_of(in, order[i]));
}

// The slice has ids that were there: of this source, a fault; of another one, they get a name of their own.
static int
settle_duplicates(struct intake *in, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) bool *repeats = lm_alloc_array(in->count, sizeof *repeats);
	LM_AUTO(lm_free_ptr) uint32_t *sources = lm_alloc_array(in->count, sizeof *sources);
	LM_AUTO(lm_free_ptr) struct lm_str *ids = lm_alloc_array(in->count, sizeof *ids);
	for (size_t i = 0; i < in->count; i++)
		ids[i] = id_of(in, i);
	find_repeats(in, repeats);
	if (lm_runs_known_ids(in->runs, in->lease->run, ids, in->count, sources, err) < 0)
		return -1;
	for (size_t i = 0; i < in->count; i++) {
		if (repeats[i] || sources[i] == in->state.source) {
			if (!tell_duplicate(in, i))
				return 0;
		} else if (sources[i] != UINT32_MAX) {
			LM_AUTO(lm_buf_release) struct lm_buf name = {};
			lm_ingest_namespaced(in->config, in->state.source, id_of(in, i), &name);
			in->items[i].id_at = in->ids.len;
			in->items[i].id_len = name.len;
			lm_buf_str(&in->ids, lm_buf_view(&name));
		}
	}
	return 0;
}

// 1 committed; 0 there are duplicates to settle first.
static int
commit(struct intake *in, struct lm_ingest_slice *slice, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_new_item *items = lm_alloc_array(in->count, sizeof *items);
	size_t duplicate = SIZE_MAX;
	uint32_t first_source = 0;
	for (size_t i = 0; i < in->count; i++)
		items[i] = (struct lm_new_item){ id_of(in, i), in->items[i].offset, in->items[i].length, in->items[i].check };
	slice->items = items;
	slice->count = in->count;
	if (lm_runs_add_slice(in->runs, in->lease, slice, &duplicate, &first_source, err) == 0)
		return 1;
	return err->code == LM_E_CONFLICT && duplicate != SIZE_MAX ? 0 : -1;
}

static int
commit_slice(struct intake *in, bool at_end, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf checkpoint = {};
	struct lm_ingest_slice slice = {
		.source = in->state.source,
		.complete = at_end && in->state.source + 1 == in->config->input_count,
	};
	lm_source_slice(in->source, &slice.begin, &slice.end, &slice.digest);
	in->read_to = slice.end;
	lm_source_checkpoint(in->source, &checkpoint);
	slice.checkpoint = at_end ? nullptr : lm_buf_cstr(&checkpoint);
	if (flush_rows(in, err) < 0)
		return -1;
	slice.rows_bytes = in->written;
	for (int tries = 0;; tries++) {
		int rc = commit(in, &slice, err);
		if (rc != 0) {
			LM_KILL_POINT("ingest: slice committed");
			return rc < 0 ? -1 : 0;
		}
		if (tries == LM_NAMES_TRIED_MAX) // inputs have the very names that we make
			return -1;
		if (settle_duplicates(in, err) < 0)
			return -1;
		if (in->faults->errors > 0)
			return 0;
	}
}

// ---- a source

static int
open_source(struct intake *in, struct lm_err *err)
{
	uint32_t at = in->state.source;
	const struct lm_batch_input *input = &in->config->inputs[at];
	struct lm_source_stamp stamp = {};
	if (lm_ingest_stamp(input->path, &stamp, err) < 0)
		return -1;
	int rc = in->state.checkpoint != nullptr
		? lm_ingest_same(in->runs, in->lease->run, in->config, at, &in->env, false, err)
		: lm_runs_set_stamp(in->runs, in->lease->run, at, &stamp, err);
	if (rc < 0)
		return -1;
	in->size_bytes = stamp.size_bytes;
	LM_KILL_POINT("ingest: source stamped");
	lm_emit_begin(in->sink, "read", input->path, stamp.size_bytes);
	return lm_source_open(&in->source, input, in->config->id_field, &in->env, in->state.checkpoint, err);
}

// The whole of a source: 0 done (or faults), 1 stopped between slices.
static int
read_source(struct intake *in, bool (*stop)(void *context), void *context, struct lm_err *err)
{
	const struct lm_batch_input *input = &in->config->inputs[in->state.source];
	uint64_t rows = 0;
	for (int more = 1; more == 1;) {
		if (stop != nullptr && stop(context))
			return 1;
		more = read_slice(in, err);
		if (more < 0)
			return -1;
		if (in->faults->errors > 0)
			continue;
		if (more == 0 &&
			lm_ingest_same(in->runs, in->lease->run, in->config, in->state.source, &in->env, false, err) < 0)
			return -1; // it changed while it was read
		if (commit_slice(in, more == 0, err) < 0)
			return -1;
		rows += in->count;
		if (input->kind != LM_INPUT_PARQUET)
			lm_emit_progress(in->sink, "read", input->path, in->read_to, in->size_bytes);
	}
	lm_source_close(lm_take(&in->source));
	if (in->faults->errors == 0)
		lm_emit_end(in->sink, "read", input->path, "%" PRIu64 " row%s", rows, rows == 1 ? "" : "s");
	return 0;
}

static int
read_sources(struct intake *in, bool (*stop)(void *context), void *context, struct lm_err *err)
{
	while (in->state.source < in->config->input_count) {
		if (open_source(in, err) < 0)
			return -1;
		int rc = read_source(in, stop, context, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (in->faults->errors >= LM_INGEST_FAULTS_MAX)
			break;
		in->state.source++;
		lm_free(lm_take(&in->state.checkpoint));
	}
	return in->faults->errors > 0 ? lm_ingest_refuse(in->faults, err) : 0;
}

int
lm_ingest_run(struct lm_runs *runs, const struct lm_lease *lease, const struct lm_batch_config *config,
	const struct lm_run_folder *folder, const struct lm_source_env *env, bool (*stop)(void *context), void *context,
	struct lm_diags *faults, const struct lm_sink *sink, struct lm_err *err)
{
	LM_AUTO(release)
	struct intake in = {
		.runs = runs,
		.lease = lease,
		.config = config,
		.faults = faults,
		.sink = sink,
		.fd = -1,
		.path = lm_run_folder_rows(folder),
	};
	if (lm_runs_ingest(runs, lease->run, &in.state, err) < 0)
		return -1;
	if (in.state.complete)
		return 0;
	if (lm_prompts_new(&in.prompts, config, err) < 0 || open_rows(&in, err) < 0)
		return -1;
	in.env = lm_ingest_env(env, in.prompts);
	return read_sources(&in, stop, context, err);
}
