#include "rows.h"

#include "archive/pipeline.h"
#include "base/base.h"
#include "os/cancel.h"

#include <stdatomic.h>

enum { COUNT = 200 };

struct work {
	size_t make_fails[2], write_fails; // SIZE_MAX: none
	size_t written;
	_Atomic size_t write_at, ahead; // ahead: how far the making was in front of the writing
	size_t turn;
	bool turns;
	_Atomic size_t made;   // pieces that were begun to be made
	size_t began[COUNT];   // how many were when this one was
};

static int
make(void *context, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece, struct lm_err *err)
{
	struct work *work = context;
	size_t at = atomic_load(&work->write_at);
	work->began[index] = atomic_fetch_add(&work->made, 1);
	if (index > at && index - at > work->ahead)
		work->ahead = index - at; // a race may lose a larger one, but make none up
	if (work->turns) {
		if (lm_pipeline_wait_turn(pipeline, index, &work->turn, index, err) < 0)
			return -1;
		if (work->turn != index)
			return lm_err_set(err, LM_E_USAGE, "not the turn of %zu", index);
	}
	if (index == work->make_fails[0] || index == work->make_fails[1])
		return lm_err_set(err, LM_E_SYNTAX, "making %zu failed", index);
	if (work->turns)
		lm_pipeline_pass_turn(pipeline, &work->turn);
	lm_buf_format(&piece->bytes, "piece %zu", index);
	return 0;
}

static int
write(void *context, size_t index, struct lm_piece *piece, struct lm_err *err)
{
	struct work *work = context;
	char want[32];
	(void)snprintf(want, sizeof(want), "piece %zu", index);
	if (index != work->written || strcmp(lm_buf_cstr(&piece->bytes), want) != 0)
		return lm_err_set(err, LM_E_USAGE, "piece %zu is '%s'", index, lm_buf_cstr(&piece->bytes));
	if (index == work->write_fails)
		return lm_err_set(err, LM_E_IO, "writing %zu failed", index);
	work->written++;
	atomic_store(&work->write_at, work->written);
	return 0;
}

static void
runs(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		size_t make_fails[2], write_fails;
		size_t written;
		const char *text;
	} rows[] = {
		{ "all", { SIZE_MAX, SIZE_MAX }, SIZE_MAX, COUNT, "" },
		{ "first piece", { 0, SIZE_MAX }, SIZE_MAX, 0, "making 0 failed" },
		{ "some piece", { 77, SIZE_MAX }, SIZE_MAX, 77, "making 77 failed" },
		{ "last piece", { COUNT - 1, SIZE_MAX }, SIZE_MAX, COUNT - 1, "making 199 failed" },
		{ "the lower of two", { 51, 50 }, SIZE_MAX, 50, "making 50 failed" },
		{ "first write", { SIZE_MAX, SIZE_MAX }, 0, 0, "writing 0 failed" },
		{ "some write", { SIZE_MAX, SIZE_MAX }, 42, 42, "writing 42 failed" },
		{ "write before piece", { 60, SIZE_MAX }, 59, 59, "writing 59 failed" },
		{ "piece before write", { 60, SIZE_MAX }, 61, 60, "making 60 failed" },
	};
	static const unsigned jobs[] = { 1, 2, 5, 16 };
	for (size_t i = 0; i < 2 * LM_COUNT(rows) * LM_COUNT(jobs); i++) {
		size_t row = i / 2 % LM_COUNT(rows);
		unsigned threads = jobs[i / 2 / LM_COUNT(rows)];
		struct work work = { .make_fails = { rows[row].make_fails[0], rows[row].make_fails[1] },
			.write_fails = rows[row].write_fails,
			.turns = i % 2 == 1 };
		struct lm_err err = {};
		struct lm_pipeline_work calls = { .make = make, .write = write, .context = &work };
		int rc = lm_pipeline_run(threads, COUNT, &calls, &err);
		row_int_equal(rows[row].row, rc, rows[row].text[0] == '\0' ? 0 : -1);
		row_str_equal(rows[row].row, err.text, rows[row].text);
		row_int_equal(rows[row].row, work.written, rows[row].written);
		row_true(rows[row].row, work.ahead <= 2 * threads + 2);
	}
}

// Long pieces are begun before their turn, no more of them than leave room for the others, and all are written in order.
static void
long_ones_first(void **state)
{
	(void)state;
	enum { MANY = 100 };
	size_t many[MANY];
	for (size_t i = 0; i < MANY; i++)
		many[i] = COUNT - MANY + i;
	const struct {
		const char *row;
		const size_t *pieces;
		size_t count, make_fails[2], write_fails, written;
		const char *text;
		size_t early; // of them, with one thread
	} rows[] = {
		{ "last", (const size_t[]){ 199 }, 1, { SIZE_MAX, SIZE_MAX }, SIZE_MAX, COUNT, "", 1 },
		{ "first", (const size_t[]){ 0 }, 1, { SIZE_MAX, SIZE_MAX }, SIZE_MAX, COUNT, "", 1 },
		{ "two", (const size_t[]){ 150, 170 }, 2, { SIZE_MAX, SIZE_MAX }, SIZE_MAX, COUNT, "", 2 },
		{ "as many as may", (const size_t[]){ 0, 100, 101, 102 }, 4, { SIZE_MAX, SIZE_MAX }, SIZE_MAX, COUNT, "", 3 },
		{ "many", many, MANY, { SIZE_MAX, SIZE_MAX }, SIZE_MAX, COUNT, "", 2 },
		{ "it fails", (const size_t[]){ 150 }, 1, { 150, SIZE_MAX }, SIZE_MAX, 150, "making 150 failed", 1 },
		{ "it fails, and one before", (const size_t[]){ 150 }, 1, { 150, 20 }, SIZE_MAX, 20, "making 20 failed", 1 },
		{ "it fails, and one after", (const size_t[]){ 150 }, 1, { 150, 151 }, SIZE_MAX, 150, "making 150 failed", 1 },
		{ "two fail", many, MANY, { 110, 100 }, SIZE_MAX, 100, "making 100 failed", 1 },
		{ "a write fails", many, MANY, { SIZE_MAX, SIZE_MAX }, 60, 60, "writing 60 failed", 2 },
	};
	static const unsigned jobs[] = { 1, 2, 5, 16 };
	for (size_t i = 0; i < LM_COUNT(rows) * LM_COUNT(jobs); i++) {
		size_t row = i % LM_COUNT(rows);
		unsigned threads = jobs[i / LM_COUNT(rows)];
		struct work work = { .make_fails = { rows[row].make_fails[0], rows[row].make_fails[1] },
			.write_fails = rows[row].write_fails };
		struct lm_err err = {};
		struct lm_pipeline_work calls = { .make = make,
			.write = write,
			.context = &work,
			.long_pieces = rows[row].pieces,
			.long_count = rows[row].count };
		int rc = lm_pipeline_run(threads, COUNT, &calls, &err);
		row_int_equal(rows[row].row, rc, rows[row].text[0] == '\0' ? 0 : -1);
		row_str_equal(rows[row].row, err.text, rows[row].text);
		row_int_equal(rows[row].row, work.written, rows[row].written);
		for (size_t k = 0; threads == 1 && k < rows[row].early; k++)
			row_int_equal(rows[row].row, work.began[rows[row].pieces[k]], k);
		if (threads == 1 && rc == 0 && rows[row].early < rows[row].count)
			row_true(rows[row].row, work.began[rows[row].pieces[rows[row].early]] > rows[row].early);
	}
}

static void
interrupted(void **state)
{
	(void)state;
	struct work work = { .make_fails = { SIZE_MAX, SIZE_MAX }, .write_fails = SIZE_MAX };
	struct lm_pipeline_work calls = { .make = make, .write = write, .context = &work };
	struct lm_err err = {};
	lm_cancel_request();
	assert_int_equal(lm_pipeline_run(2, COUNT, &calls, &err), -1);
	lm_cancel_reset();
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_int_equal(work.written, 0);
}

static void
nothing(void **state)
{
	(void)state;
	struct work work = {};
	struct lm_pipeline_work calls = { .make = make, .write = write, .context = &work };
	struct lm_err err = {};
	assert_int_equal(lm_pipeline_run(3, 0, &calls, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),
		cmocka_unit_test(long_ones_first),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(nothing),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
