#include "run_store.h"

static int
add(struct run_store *store, const struct lm_ingest_slice *slice, size_t *duplicate, uint32_t *first_source)
{
	store->err = (struct lm_err){};
	*duplicate = 99;
	*first_source = 99;
	return lm_runs_add_slice(store->runs, &store->lease, slice, duplicate, first_source, &store->err);
}

static void
where_reading_is(
	struct run_store *store, uint32_t source, const char *checkpoint, uint64_t rows_bytes, uint64_t next, bool complete)
{
	struct lm_ingest ingest = {};
	must(store, lm_runs_ingest(store->runs, store->row.key, &ingest, &store->err));
	assert_int_equal(ingest.source, source);
	row_str_equal("checkpoint", ingest.checkpoint == nullptr ? "(none)" : ingest.checkpoint, checkpoint);
	assert_int_equal(ingest.rows_bytes, rows_bytes);
	assert_int_equal(ingest.next_index, next);
	assert_int_equal(ingest.complete, complete);
	lm_ingest_release(&ingest);
}

static void
slices_and_checkpoints(void **)
{
	struct run_store *store = store_with_run();
	where_reading_is(store, 0, "(none)", 0, 0, false);
	store_add(store, 0, 0, 3, "{\"offset\":150}", false);
	where_reading_is(store, 0, "{\"offset\":150}", 300, 3, false);
	store_add(store, 0, 3, 2, nullptr, false);
	where_reading_is(store, 1, "(none)", 500, 5, false);
	store_add(store, 1, 5, 1, "x", false);
	store_add(store, 1, 6, 0, nullptr, true); // a source may end with nothing more to tell
	where_reading_is(store, 2, "(none)", 600, 6, true);
	must_count(store, "6,0,0,0,0,0");

	struct lm_slice_mark *marks = nullptr;
	size_t count = 0;
	must(store, lm_runs_slice_marks(store->runs, store->row.key, 0, &marks, &count, &store->err));
	assert_int_equal(count, 2);
	assert_int_equal(marks[0].begin, 0);
	assert_int_equal(marks[0].end, 150);
	assert_int_equal(marks[1].begin, 150);
	assert_int_equal(marks[1].end, 250);
	lm_free(marks);
	must(store, lm_runs_slice_marks(store->runs, store->row.key, 7, &marks, &count, &store->err));
	assert_int_equal(count, 0);
	lm_free(marks);

	struct lm_items items = {};
	must(store, lm_runs_items(store->runs, store->row.key, 4, UINT64_MAX, &items, &store->err));
	assert_int_equal(items.count, 2);
	assert_string_equal(items.rows[0].item_id, "item-4");
	assert_int_equal(items.rows[0].source, 0);
	assert_int_equal(items.rows[1].source, 1);
	assert_int_equal(items.rows[1].row_offset, 500);
	assert_int_equal(items.rows[1].row_length, 99);
	must(store, lm_runs_items(store->runs, store->row.key, UINT64_MAX, 10, &items, &store->err));
	assert_int_equal(items.count, 0);
	lm_items_release(&items);
	store_close(store);
}

static void
digests_of_slices(void **)
{
	struct run_store *store = store_with_run();
	struct lm_ingest_slice slice = { .checkpoint = "1", .digest = { { 0xab, [31] = 0xcd } } };
	size_t duplicate = 0, count = 0;
	uint32_t first = 0;
	struct lm_slice_mark *marks = nullptr;
	assert_int_equal(add(store, &slice, &duplicate, &first), 0);
	must(store, lm_runs_slice_marks(store->runs, store->row.key, 0, &marks, &count, &store->err));
	assert_int_equal(count, 1);
	assert_memory_equal(&marks[0].digest, &slice.digest, sizeof slice.digest);
	lm_free(marks);
	store_close(store);
}

static void
an_id_that_is_there_already(void **)
{
	struct run_store *store = store_with_run();
	size_t duplicate = 0;
	uint32_t first = 0;
	store_add(store, 0, 0, 3, nullptr, false);
	struct lm_new_item items[] = { { LM_STR("new"), 300, 9, 7 }, { LM_STR("item-1"), 310, 9, 7 },
		{ LM_STR("item-0"), 320, 9, 7 } };
	struct lm_ingest_slice slice = { .source = 1, .items = items, .count = 3, .checkpoint = "3", .rows_bytes = 330 };
	assert_int_equal(add(store, &slice, &duplicate, &first), -1);
	assert_int_equal(store->err.code, LM_E_CONFLICT);
	assert_string_equal(store->err.text, "item id 'item-1' is there twice");
	assert_int_equal(duplicate, 1);
	assert_int_equal(first, 0);
	where_reading_is(store, 1, "(none)", 300, 3, false); // nothing of it was taken
	items[1].id = LM_STR("other");
	items[2].id = LM_STR("new"); // twice in one slice
	assert_int_equal(add(store, &slice, &duplicate, &first), -1);
	assert_string_equal(store->err.text, "item id 'new' is there twice");
	assert_int_equal(duplicate, 2);
	assert_int_equal(first, 1);
	items[2].id = LM_STR("New"); // bytes count, and nothing else
	items[1].id = LM_STR("quo\"te \\ {,} 'x' \xc3\xbc");
	assert_int_equal(add(store, &slice, &duplicate, &first), 0);
	struct lm_str ids[] = { LM_STR("NEW"), LM_STR("item-2"), LM_STR("new"), items[1].id };
	uint32_t sources[4];
	must(store, lm_runs_known_ids(store->runs, store->row.key, ids, 4, sources, &store->err));
	assert_true(sources[0] == UINT32_MAX);
	assert_int_equal(sources[1], 0);
	assert_int_equal(sources[2], 1);
	assert_int_equal(sources[3], 1);
	struct lm_items read = {};
	must(store, lm_runs_items(store->runs, store->row.key, 4, 2, &read, &store->err));
	assert_string_equal(read.rows[0].item_id, "quo\"te \\ {,} 'x' \xc3\xbc");
	assert_string_equal(read.rows[1].item_id, "New");
	lm_items_release(&read);
	store_close(store);
}

static void
ids_that_cannot_be(void **)
{
	static char long_id[1025];
	memset(long_id, 'x', sizeof long_id);
	static const struct {
		const char *row;
		struct lm_str id;
		enum lm_code code;
		const char *text;
	} rows[] = {
		{ "empty", { "", 0 }, LM_E_SYNTAX, "item id '' is empty, has a NUL byte or is not UTF-8" },
		{ "NUL", { "a\0b", 3 }, LM_E_SYNTAX, "item id 'a' is empty, has a NUL byte or is not UTF-8" },
		{ "bytes", { "a\xff", 2 }, LM_E_SYNTAX, "item id 'a\xff' is empty, has a NUL byte or is not UTF-8" },
		{ "long", { long_id, sizeof long_id }, LM_E_LIMIT,
			"item id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' has more than 1024 bytes" },
	};
	struct run_store *store = store_with_run();
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_new_item item = { rows[i].id, 0, 9, 7 };
		struct lm_ingest_slice slice = { .items = &item, .count = 1, .checkpoint = "1" };
		size_t duplicate = 0;
		uint32_t first = 0;
		row_int_equal(rows[i].row, add(store, &slice, &duplicate, &first), -1);
		row_int_equal(rows[i].row, store->err.code, rows[i].code);
		row_str_equal(rows[i].row, store->err.text, rows[i].text);
		row_true(rows[i].row, duplicate == SIZE_MAX);
	}
	struct lm_new_item item = { { long_id, 1024 }, 0, 9, 7 };
	struct lm_ingest_slice slice = { .items = &item, .count = 1, .checkpoint = "1" };
	size_t duplicate = 0;
	uint32_t first = 0;
	assert_int_equal(add(store, &slice, &duplicate, &first), 0);
	store_close(store);
}

static void
rows_nobody_waits_for(void **)
{
	struct run_store *store = store_with_run();
	struct lm_new_item item = { LM_STR("a"), 0, 9, 7 };
	struct lm_ingest_slice slice = { .source = 1, .items = &item, .count = 1, .checkpoint = "1" };
	size_t duplicate = 0;
	uint32_t first = 0;
	assert_int_equal(add(store, &slice, &duplicate, &first), -1);
	assert_string_equal(store->err.text, "run 'r1' does not wait for rows of input 2");
	assert_int_equal(store->err.code, LM_E_CONFLICT);
	assert_true(duplicate == SIZE_MAX);
	store_add(store, 0, 0, 1, nullptr, true);
	assert_int_equal(add(store, &slice, &duplicate, &first), -1);
	assert_string_equal(store->err.text, "run 'r1' does not wait for rows of input 2");
	store_close(store);
}

static void
stamps_of_sources(void **)
{
	struct run_store *store = store_with_run();
	struct lm_source_stamp stamp = { 10, -5, 999'999'999, UINT64_MAX }, got = {};
	bool has = true;
	must(store, lm_runs_stamp(store->runs, store->row.key, 1, &got, &has, &store->err));
	assert_false(has);
	for (int i = 0; i < 2; i++) {
		stamp.size_bytes += 5;
		must(store, lm_runs_set_stamp(store->runs, store->row.key, 1, &stamp, &store->err));
		must(store, lm_runs_stamp(store->runs, store->row.key, 1, &got, &has, &store->err));
		assert_true(has);
		assert_int_equal(got.size_bytes, 15 + 5 * i);
		assert_int_equal(got.mtime_s, -5);
		assert_int_equal(got.mtime_ns, 999'999'999);
		assert_true(got.inode == UINT64_MAX);
	}
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_and_checkpoints),
		cmocka_unit_test(digests_of_slices),
		cmocka_unit_test(an_id_that_is_there_already),
		cmocka_unit_test(ids_that_cannot_be),
		cmocka_unit_test(rows_nobody_waits_for),
		cmocka_unit_test(stamps_of_sources),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
