// Stores: made, brought up to date, and told from databases of other programs.
#include "batch/runs_parts.h"

#include "base/mem.h"
#include "db/postgres/postgres.h"
#include "os/fd.h"

#include <string.h>
#include <unistd.h>

enum { LM_SQLITE_HEADER_BYTES = 100 };

static bool
is_postgres(const char *where)
{
	return lm_cstr_starts(where, "postgresql://") || lm_cstr_starts(where, "postgres://");
}

// Every statement here is for an index. Without statistics of tables that have just been filled, PostgreSQL would read them whole.
static int
open_postgres(struct lm_runs *runs, const char *where, const char *schema, struct lm_err *err)
{
	static const char *const settings[] = { "SET enable_seqscan = off", "SET enable_bitmapscan = off",
		"SET enable_hashjoin = off", "SET enable_mergejoin = off", "SET enable_material = off",
		"SET plan_cache_mode = force_generic_plan", "SET jit = off" };
	if (lm_db_open_postgres(&runs->db, where, schema == nullptr ? "lamina_batch" : schema, lm_runs_postgres_schema,
		    lm_runs_postgres_schema_count, err) < 0)
		return -1;
	for (size_t i = 0; i < LM_COUNT(settings); i++)
		if (lm_db_exec(runs->db, settings[i], err) < 0)
			return -1;
	runs->shared = true;
	return 0;
}

static uint32_t
number_at(const unsigned char *bytes, size_t at)
{
	return (uint32_t)bytes[at] << 24 | (uint32_t)bytes[at + 1] << 16 | (uint32_t)bytes[at + 2] << 8 | bytes[at + 3];
}

enum whose { OURS, FOREIGN, VERSION_1 };
enum { LM_SQLITE_WAL = 2 };

// Whose is the file, as far as its header says? Nothing is changed in it to find out. What is in its log (WAL) and not in the file yet
// cannot be seen here.
// SQLite, "The Database Header": version of the format at 18, of the schema at 40, user version at 60, application id at 68, big-endian
static enum whose
whose(const char *path, bool *wal)
{
	static const char magic[] = "SQLite format 3"; // with its NUL
	LM_AUTO(lm_fd_close) int fd = -1;
	unsigned char header[LM_SQLITE_HEADER_BYTES];
	struct lm_err ignored = {};
	struct stat status;

	if (lm_fd_open_regular(path, &fd, &status, &ignored) < 0 ||
		pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header || memcmp(header, magic, sizeof magic) != 0)
		return OURS; // new, or told by SQLite
	uint32_t tables = number_at(header, 40), version = number_at(header, 60), application = number_at(header, 68);
	if (application == LM_RUNS_APPLICATION_ID)
		return OURS;
	*wal = header[18] == LM_SQLITE_WAL;
	if (application == 0 && version == 1)
		return VERSION_1;
	// a database that is being made has nothing in its file yet
	return application != 0 || version > 1 || tables > 0 ? FOREIGN : OURS;
}

static int
has_log(const char *path, bool *has, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *log = lm_format("%s-wal", path);
	struct lm_file_info info = {};

	if (lm_file_info(log, &info, err) < 0)
		return -1;
	*has = info.exists && info.size_bytes > 0;
	return 0;
}

// Version 1 of ours had no id: such a file is known by its tables. One of another program must not even be put into WAL mode, or get its
// own journal rolled back. In WAL mode with nothing in the log, who only reads would leave an empty log behind.
static int
check_tables(const char *path, bool wal, bool *foreign, struct lm_err *err)
{
	static const char *const tables[] = { "runs", "items", "results", "errors", "batches", "ranges", "leases", "slices",
		"stamps", "scopes" };
	bool log = false, ours = false;

	if (has_log(path, &log, err) < 0 || lm_db_has_tables(path, !wal || log, tables, LM_COUNT(tables), &ours, err) < 0)
		return -1;
	*foreign = !ours;
	return 0;
}

// The same of a file that has a log: its tables may be there only.
static int
check_log(const char *path, bool *foreign, struct lm_err *err)
{
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	bool log = false;

	if (has_log(path, &log, err) < 0)
		return -1;
	if (!log)
		return 0;
	if (lm_db_open(&db, path, nullptr, 0, err) < 0) {
		if (err->code != LM_E_UNSUPPORTED)
			return -1;
		lm_err_clear(err); // it has a version: the migrations tell
		return 0;
	}
	if (lm_db_prepare(db, "SELECT count(*) FROM sqlite_schema", &stmt, err) < 0 || lm_stmt_step(stmt, err) < 0)
		return -1;
	*foreign = lm_stmt_i64(stmt, 0) > 0;
	return 0;
}

static int
refuse_foreign(const char *path, struct lm_err *err)
{
	return lm_err_set(
		err, LM_E_UNSUPPORTED, "'%s' is an SQLite database of another program: runs are not kept in it", path);
}

static int
open_sqlite(struct lm_runs *runs, const char *path, struct lm_err *err)
{
	bool wal = false;
	enum whose says = whose(path, &wal);
	bool foreign = says == FOREIGN;
	if ((says == VERSION_1 && check_tables(path, wal, &foreign, err) < 0) ||
		(!foreign && check_log(path, &foreign, err) < 0))
		return -1;
	if (foreign)
		return refuse_foreign(path, err);
	if (lm_db_open_newest(&runs->db, path, lm_runs_sqlite_newest, lm_runs_sqlite_schema, lm_runs_sqlite_schema_count, err) <
		0)
		return err->code == LM_E_SYNTAX ? refuse_foreign(path, err) : -1; // version 1, but it has not our tables
	// Ids in no order touch most pages of their index in every transaction, and each checkpoint writes them all to their places.
	if (lm_db_exec(runs->db, "PRAGMA wal_autocheckpoint = 8000", err) < 0)
		return -1;
	return lm_db_exec(runs->db, "PRAGMA cache_size = -16384", err);
}

int
lm_runs_open(struct lm_runs **out, const char *where, const char *schema, struct lm_err *err)
{
	LM_AUTO(lm_runs_close_ptr) struct lm_runs *runs = lm_alloc(sizeof *runs);
	if ((is_postgres(where) ? open_postgres(runs, where, schema, err) : open_sqlite(runs, where, err)) < 0)
		return -1;
	*out = lm_take(&runs);
	return 0;
}
