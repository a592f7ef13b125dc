// No statement of a run reads a large table whole: whatever a day in the life of a run has prepared is explained by the database itself.
#include "run_store.h"

#include "batch/runs_parts.h"
#include "db/backend.h"

// Every call that is made for items and batches; most statements are prepared once and stay in the connection.
static void
live(struct run_store *store)
{
	struct lm_lease lease = store_claim_lease(store), batch = {};
	struct lm_batch_row *rows = nullptr;
	struct lm_slice_mark *marks = nullptr;
	struct lm_source_stamp stamp = {};
	char holder[64];
	int64_t until = 0;
	size_t count = 0;
	uint64_t again = 0;
	uint32_t source = 0;
	bool has = false;
	store_add(store, 0, 0, 40, nullptr, true);
	must(store, lm_runs_set_stamp(store->runs, store->row.key, 0, &stamp, &store->err));
	must(store, lm_runs_stamp(store->runs, store->row.key, 0, &stamp, &has, &store->err));
	must(store, lm_runs_slice_marks(store->runs, store->row.key, 0, &marks, &count, &store->err));
	lm_free(marks);
	must(store, lm_runs_known_ids(store->runs, store->row.key, &LM_STR("item-1"), 1, &source, &store->err));
	for (int i = 0; i < 3; i++) {
		struct batch_work work = store_claim(store, 10);
		store_fetch(store, &work);
		struct lm_outcome outcomes[] = { outcome_done(work.items[0].index, 1),
			outcome_failed(work.items[1].index, 1, LM_ITEM_PERMANENT, true) };
		store_consume(store, &work, outcomes, 2);
		store_finish(store, &work, i == 1);
		work_release(&work);
	}
	struct batch_work work = store_claim(store, 5), next = store_claim(store, 5);
	must(store, lm_batch_release(store->runs, &work.lease, work.seq, &store->err));
	work_release(&work);
	work = store_claim(store, 5); // looks for the free number
	store_ready(store, &next, 5);
	must(store, lm_batch_creating(store->runs, &next.lease, next.seq, "f", "s", 10, 1, &store->err));
	must(store, lm_batch_unknown(store->runs, &next.lease, next.seq, "x", &store->err));
	must(store, lm_batch_not_created(store->runs, &next.lease, next.seq, &store->err));
	must(store, lm_lease_renew(store->runs, &next.lease, 3000, &store->err));
	must(store, lm_lease_take(store->runs, store->row.key, next.seq, "o", 4000, 5000, &batch, holder, &until, &store->err));
	lm_lease_drop(store->runs, &batch);
	for (unsigned states = 1; states < 256; states = states << 1 | 1)
		must(store, lm_runs_batches(store->runs, store->row.key, states, 1'000, 5, &rows, &count, &store->err));
	must(store, lm_runs_backoff(store->runs, &lease, "c", "t", 1, &store->err));
	must_items(store, 40, 1, false, "");
	must_items(store, 40, 1, true, "");
	must(store, lm_runs_retry(store->runs, store->row.key, &again, &store->err));
	must(store, lm_runs_control(store->runs, store->row.key, LM_CONTROL_CANCELLED, "manual", &store->err));
	must(store, lm_runs_finish_cancel(store->runs, &lease, &store->err));
	work_release(&work);
	work_release(&next);
}

// How the database goes about a statement: lines, separated by "; ".
static void
explain(struct run_store *store, const struct lm_stmt *stmt, unsigned number, struct lm_buf *out)
{
	struct lm_db *db = store->runs->db;
	struct lm_buf sql = {};
	struct lm_stmt *plan = nullptr;
	bool postgres = lm_db_is_postgres(db);
	if (postgres) {
		lm_buf_format(&sql, "EXPLAIN (COSTS OFF) EXECUTE lm%u", number); // as the connection named it
		int values = 0;
		for (const char *c = stmt->sql; *c != '\0'; c++)
			if (*c == '?')
				lm_buf_text(&sql, values++ == 0 ? " (NULL" : ", NULL");
		if (values > 0)
			lm_buf_byte(&sql, ')');
	} else {
		lm_buf_format(&sql, "EXPLAIN QUERY PLAN %s", stmt->sql);
	}
	must(store, lm_db_prepare(db, lm_buf_cstr(&sql), &plan, &store->err));
	int rc = 0;
	while ((rc = lm_stmt_step(plan, &store->err)) == 1)
		lm_buf_format(out, "%s%s", out->len == 0 ? "" : "; ", lm_stmt_text(plan, postgres ? 0 : 3));
	assert_int_equal(rc, 0);
	lm_stmt_done(plan);
	lm_buf_release(&sql);
}

static const struct {
	const char *sql; // begins with
	const char *sqlite;
} hot[] = {
	{ "SELECT idx, row_offset, row_length, attempts, status, row_check FROM items INDEXED BY items_again WHERE run = ? AND "
	  "status IN",
		"SEARCH items USING INDEX items_again (run=?)" },
	{ "SELECT idx, row_offset, row_length, attempts, status, row_check FROM items WHERE run = ? AND idx >= ? ORDER",
		"SEARCH items USING PRIMARY KEY (run=? AND idx>?)" },
	{ "UPDATE items SET status = 1, batch = ? WHERE", "SEARCH items USING PRIMARY KEY (run=? AND idx>? AND idx<?)" },
	{ "UPDATE items SET status = ?, batch = 0 WHERE", "SEARCH items USING PRIMARY KEY (run=? AND idx>? AND idx<?)" },
	{ "SELECT attempts, returns FROM items WHERE", "SEARCH items USING PRIMARY KEY (run=? AND idx=?)" },
	{ "UPDATE items SET status = ?, attempts = ?, returns = ?", "SEARCH items USING PRIMARY KEY (run=? AND idx=?)" },
	{ "SELECT idx, attempts, returns, status FROM items WHERE run = ? AND idx BETWEEN",
		"SEARCH items USING PRIMARY KEY (run=? AND idx>? AND idx<?)" },
	{ "SELECT idx, attempts, returns, status FROM items INDEXED BY",
		"SEARCH items USING INDEX items_again (run=? AND idx>?)" },
	{ "SELECT first, last FROM ranges", "SEARCH ranges USING PRIMARY KEY (run=? AND batch=?)" },
};

// The same where PostgreSQL could think that a table it knows nothing about is small: a part of the plan.
static const struct {
	const char *sql, *postgres;
} joins[] = {
	{ "UPDATE items SET status = n.status", "Tid Scan on items" },
	{ "UPDATE items SET status = n.status", "Index Cond: ((run = $7) AND (idx = a.idx))" },
	{ "SELECT n.at, i.attempts",
		"Index Scan using items_pkey on items;         Index Cond: ((run = $2) AND (idx = n.idx))" },
	{ "SELECT idx, row_offset, row_length, attempts, status, row_check FROM items WHERE run = ? AND status",
		"Index Scan using items_again" },
	{ "SELECT idx, row_offset, row_length, attempts, status, row_check FROM items WHERE run = ? AND idx >=",
		"Index Scan using items_pkey on items;         Index Cond: ((run = $1) AND (idx >= $2))" },
	{ "UPDATE items SET status = 1", "Index Cond: ((run = $2) AND (idx >= $3) AND (idx <= $4))" },
	{ "UPDATE items SET status = ?, batch = 0", "Index Cond: ((run = $2) AND (idx >= $3) AND (idx <= $4))" },
};

static unsigned
must_plan_postgres(const char *sql, const char *plan)
{
	if (strstr(sql, "FROM results r CROSS JOIN items i") != nullptr)
		row_true(plan,
			strstr(plan, "Index Scan using results_pkey on results r") != nullptr &&
				strstr(plan, "Index Scan using items_pkey on items i") != nullptr &&
				strstr(plan, "Sort") == nullptr);
	if (strstr(sql, "FROM items i LEFT JOIN results r") != nullptr)
		row_true(plan,
			strstr(plan, "Index Scan using items_pkey on items i") != nullptr &&
				strstr(plan, "Index Scan using results_pkey on results r") != nullptr &&
				strstr(plan, "Sort") == nullptr);
	unsigned seen = 0;
	for (size_t i = 0; i < LM_COUNT(joins); i++) {
		if (!lm_cstr_starts(sql, joins[i].sql))
			continue;
		seen++;
		if (strstr(plan, joins[i].postgres) == nullptr)
			fail_msg("'%s': %s", sql, plan);
	}
	return seen;
}

static unsigned
must_plan(const char *sql, const char *plan)
{
	unsigned seen = 0;
	for (size_t i = 0; i < LM_COUNT(hot); i++) {
		if (!lm_cstr_starts(sql, hot[i].sql))
			continue;
		seen++;
		row_str_equal(sql, plan, hot[i].sqlite);
	}
	if (strstr(sql, "FROM batches INDEXED BY") != nullptr)
		row_true(plan, lm_cstr_starts(plan, "SEARCH batches USING INDEX batches_open (run=? AND seq>?)"));
	if (strstr(sql, "FROM items i LEFT JOIN results r") != nullptr)
		row_true(plan,
			lm_cstr_starts(plan,
				"SEARCH i USING PRIMARY KEY (run=? AND idx>?); SEARCH r USING PRIMARY KEY (run=? AND"
				" sequence=?)"));
	if (strstr(sql, "FROM results r CROSS JOIN items i") != nullptr)
		row_true(plan,
			lm_cstr_starts(plan,
				"SEARCH r USING PRIMARY KEY (run=? AND sequence>?); SEARCH i USING PRIMARY KEY (run=? AND"
				" idx=?)"));
	// a step of its own to sort means that the order does not come from an index
	row_true(sql, strstr(plan, "TEMP B-TREE") == nullptr || lm_cstr_starts(sql, "SELECT key, run_id"));
	return seen;
}

static bool
is_seen(const char *plan, const char *scan)
{
	const char *at = strstr(plan, scan);
	return at != nullptr && !lm_cstr_starts(at + strlen(scan), "runs") && !lm_cstr_starts(at + strlen(scan), "unnest") &&
		!lm_cstr_starts(at + strlen(scan), "CONSTANT");
}

static void
no_table_is_read_whole(void **)
{
	struct run_store *store = store_with_run();
	live(store);
	bool postgres = lm_runs_shared(store->runs);
	unsigned number = 0, seen = 0;
	for (struct lm_stmt *stmt = store->runs->db->stmts; stmt != nullptr; stmt = stmt->next)
		number++; // the latest is first
	for (struct lm_stmt *stmt = store->runs->db->stmts; stmt != nullptr; stmt = stmt->next, number--) {
		if (!lm_cstr_starts(stmt->sql, "SELECT") && !lm_cstr_starts(stmt->sql, "UPDATE") &&
			!lm_cstr_starts(stmt->sql, "DELETE") && !lm_cstr_starts(stmt->sql, "INSERT"))
			continue;
		struct lm_buf plan = {};
		explain(store, stmt, number, &plan);
		if (is_seen(lm_buf_cstr(&plan), postgres ? "Seq Scan on " : "SCAN "))
			fail_msg("'%s': %s", stmt->sql, lm_buf_cstr(&plan));
		seen += (postgres ? must_plan_postgres : must_plan)(stmt->sql, lm_buf_cstr(&plan));
		lm_buf_release(&plan);
	}
	assert_int_equal(seen, postgres ? LM_COUNT(joins) : LM_COUNT(hot)); // each of them was there
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_table_is_read_whole),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
