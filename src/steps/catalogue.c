#include "steps/catalogue.h"

#include "db/db.h"
#include "os/cancel.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

// What was published at the same place after it. Ids go up: a row that is recorded again gets a new one.
#define LATER "EXISTS (SELECT 1 FROM artifacts AS later WHERE later.place = artifacts.place AND later.id > artifacts.id)"

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
		    "INSERT OR REPLACE INTO artifacts (layer, install_target, platform, place, archive_digest, content_hash,"
		    " inputs_hash, size_bytes, archive_build, lock_version, published_at)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
		    " AND lock_version = ? AND NOT " LATER,
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

static char *
catalogue_path(const char *state_folder)
{
	return lm_path_join(state_folder, "catalogue.sqlite");
}

static int
open_catalogue(struct lm_db **db, const char *path, struct lm_err *err)
{
	return lm_db_open(db, path, migrations, LM_COUNT(migrations), err);
}

int
lm_catalogue_record(const struct lm_project *project, const struct lm_artifact *artifacts, size_t count, struct lm_err *err)
{
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	LM_AUTO(lm_free_ptr) char *path = catalogue_path(project->settings.state_folder);
	if (count == 0)
		return 0;
	if (lm_dir_make(project->settings.state_folder, err) < 0 || open_catalogue(&db, path, err) < 0)
		return lm_err_wrap(err, "opening the catalogue");
	if (record_missing(db, artifacts, count, err) == 0)
		return 0;
	lm_db_rollback(db);
	return lm_err_wrap(err, "writing the catalogue");
}

static enum lm_artifact_state
state_of(const struct lm_artifact *artifact, bool replaced)
{
	struct lm_file_info info = {};
	struct lm_err ignored = {};
	if (replaced)
		return LM_ARTIFACT_REPLACED;
	bool there =
		lm_file_info(artifact->place, &info, &ignored) == 0 && info.is_file && info.size_bytes == artifact->size_bytes;
	return there ? LM_ARTIFACT_PUBLISHED : LM_ARTIFACT_GONE;
}

static int
read_number(struct lm_stmt *stmt, int column, uint64_t *out)
{
	int64_t value = lm_stmt_i64(stmt, column);
	*out = (uint64_t)value;
	return value < 0 ? -1 : 0;
}

// Of a row of the query below. LM_E_INTEGRITY when it is none that we wrote: a damaged database may have anything.
static int
read_row(struct lm_stmt *stmt, struct lm_arena *arena, struct lm_catalogued *out, struct lm_err *err)
{
	enum { TEXTS = 7, DIGEST = TEXTS, SIZE, BUILD, LOCK, REPLACED };
	struct lm_artifact *artifact = &out->artifact;
	const char **texts[TEXTS] = { &artifact->layer, &artifact->install_target, &artifact->platform, &artifact->place,
		&artifact->content_hash, &artifact->inputs_hash, &out->published_at };
	const char *digest = lm_stmt_text(stmt, DIGEST);
	bool good = digest != nullptr && lm_digest_parse(lm_str_of(digest), &artifact->archive_digest);
	for (int i = 0; i < TEXTS; i++) {
		const char *text = lm_stmt_text(stmt, i);
		good = good && text != nullptr;
		*texts[i] = lm_arena_strdup(arena, text != nullptr ? text : "");
	}
	if (!good || read_number(stmt, SIZE, &artifact->size_bytes) < 0 ||
		read_number(stmt, BUILD, &artifact->archive_build) < 0 || read_number(stmt, LOCK, &artifact->lock_version) < 0)
		return lm_err_set(err, LM_E_INTEGRITY, "the row of '%s' is none of lamina's; remove the file", artifact->place);
	out->state = state_of(artifact, lm_stmt_i64(stmt, REPLACED) != 0);
	return lm_cancel_check(err);
}

static int
read_rows(struct lm_db *db, struct lm_catalogue *out, struct lm_err *err)
{
	struct lm_stmt *stmt = nullptr;
	int rc = lm_db_prepare(db,
		"SELECT layer, install_target, platform, place, content_hash, inputs_hash, published_at, archive_digest,"
		" size_bytes, archive_build, lock_version, " LATER " FROM artifacts ORDER BY layer, platform, id DESC",
		&stmt, err);
	if (rc < 0 && err->code == LM_E_SYNTAX)
		return lm_err_set(err, LM_E_INTEGRITY, "it has not the tables of a catalogue; remove the file");
	while (rc >= 0 && (rc = lm_stmt_step(stmt, err)) == 1) {
		lm_grow(out->items, out->count, out->cap);
		rc = read_row(stmt, &out->arena, &out->items[out->count++], err);
	}
	lm_stmt_done(stmt);
	return rc;
}

int
lm_catalogue_read(const char *state_folder, struct lm_catalogue *out, struct lm_err *err)
{
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	LM_AUTO(lm_free_ptr) char *path = catalogue_path(state_folder);
	struct lm_file_info info = {}, folder = {};
	*out = (struct lm_catalogue){};
	if (lm_file_info(state_folder, &folder, err) < 0)
		return lm_err_wrap(err, "opening the catalogue");
	if (folder.is_file)
		return lm_err_set(err, LM_E_IO, "opening the catalogue: '%s' is a file, no folder", state_folder);
	if (lm_file_info(path, &info, err) < 0 || (info.exists && open_catalogue(&db, path, err) < 0))
		return lm_err_wrap(err, "opening the catalogue");
	if (!info.exists || read_rows(db, out, err) == 0)
		return 0;
	lm_catalogue_release(out);
	return err->code == LM_E_INTERRUPTED ? -1 : lm_err_wrap(err, "reading the catalogue '%s'", path);
}

void
lm_catalogue_release(struct lm_catalogue *catalogue)
{
	lm_free(catalogue->items);
	lm_arena_release(&catalogue->arena);
	*catalogue = (struct lm_catalogue){};
}
