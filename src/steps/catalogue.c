#include "steps/catalogue.h"

#include "db/db.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/path.h"

static const char *const migrations[] = {
	"CREATE TABLE artifacts ("
	" id INTEGER PRIMARY KEY,"
	" layer TEXT NOT NULL,"
	" install_target TEXT NOT NULL,"
	" platform TEXT NOT NULL,"
	" place TEXT NOT NULL,"
	" archive_digest TEXT NOT NULL,"
	" content_hash TEXT NOT NULL,"
	" inputs_hash TEXT NOT NULL,"
	" size_bytes INTEGER NOT NULL,"
	" archive_build INTEGER NOT NULL,"
	" lock_version INTEGER NOT NULL,"
	" published_at TEXT NOT NULL,"
	" UNIQUE (place, archive_digest));"
	"CREATE INDEX artifacts_by_content ON artifacts (content_hash);",
};

static int
record(struct lm_db *db, const struct lm_artifact *artifact, const char *now, struct lm_err *err)
{
	struct lm_stmt *stmt = nullptr;
	if (lm_db_prepare(db,
		    "INSERT INTO artifacts (layer, install_target, platform, place, archive_digest, content_hash, inputs_hash,"
		    " size_bytes, archive_build, lock_version, published_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		    " ON CONFLICT (place, archive_digest) DO UPDATE SET inputs_hash = excluded.inputs_hash,"
		    " archive_build = excluded.archive_build, lock_version = excluded.lock_version,"
		    " published_at = excluded.published_at",
		    &stmt, err) < 0)
		return -1;
	lm_stmt_bind_text(stmt, 1, artifact->layer);
	lm_stmt_bind_text(stmt, 2, artifact->install_target);
	lm_stmt_bind_text(stmt, 3, artifact->platform);
	lm_stmt_bind_text(stmt, 4, artifact->place);
	lm_stmt_bind_digest(stmt, 5, &artifact->archive_digest);
	lm_stmt_bind_text(stmt, 6, artifact->content_hash);
	lm_stmt_bind_text(stmt, 7, artifact->inputs_hash);
	lm_stmt_bind_i64(stmt, 8, (int64_t)artifact->size_bytes);
	lm_stmt_bind_i64(stmt, 9, (int64_t)artifact->archive_build);
	lm_stmt_bind_i64(stmt, 10, (int64_t)artifact->lock_version);
	lm_stmt_bind_text(stmt, 11, now);
	int rc = lm_stmt_step(stmt, err);
	lm_stmt_done(stmt);
	return rc < 0 ? -1 : 0;
}

static int
is_recorded(struct lm_db *db, const struct lm_artifact *artifact, bool *recorded, struct lm_err *err)
{
	struct lm_stmt *stmt = nullptr;
	if (lm_db_prepare(db,
		    "SELECT 1 FROM artifacts WHERE place = ? AND archive_digest = ? AND inputs_hash = ? AND archive_build = ?"
		    " AND lock_version = ?",
		    &stmt, err) < 0)
		return -1;
	lm_stmt_bind_text(stmt, 1, artifact->place);
	lm_stmt_bind_digest(stmt, 2, &artifact->archive_digest);
	lm_stmt_bind_text(stmt, 3, artifact->inputs_hash);
	lm_stmt_bind_i64(stmt, 4, (int64_t)artifact->archive_build);
	lm_stmt_bind_i64(stmt, 5, (int64_t)artifact->lock_version);
	int rc = lm_stmt_step(stmt, err);
	lm_stmt_done(stmt);
	*recorded = rc == 1;
	return rc < 0 ? -1 : 0;
}

static int
record_missing(struct lm_db *db, const struct lm_artifact *artifacts, size_t count, struct lm_err *err)
{
	char now[LM_TIME_TEXT];
	bool begun = false;
	lm_time_format(lm_clock_now_s(), now);
	for (size_t i = 0; i < count; i++) {
		bool recorded = false;
		if (is_recorded(db, &artifacts[i], &recorded, err) < 0)
			return -1;
		if (recorded)
			continue;
		if (!begun && lm_db_begin(db, err) < 0)
			return -1;
		begun = true;
		if (record(db, &artifacts[i], now, err) < 0)
			return -1;
	}
	return begun ? lm_db_commit(db, err) : 0;
}

int
lm_catalogue_record(const struct lm_project *project, const struct lm_artifact *artifacts, size_t count, struct lm_err *err)
{
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(project->settings.state_folder, "catalogue.sqlite");
	if (count == 0)
		return 0;
	if (lm_dir_make(project->settings.state_folder, err) < 0 ||
		lm_db_open(&db, path, migrations, LM_COUNT(migrations), err) < 0)
		return lm_err_wrap(err, "opening the catalogue");
	if (record_missing(db, artifacts, count, err) == 0)
		return 0;
	lm_db_rollback(db);
	return lm_err_wrap(err, "writing the catalogue");
}
