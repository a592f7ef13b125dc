// PostgreSQL behind the calls of db/db.h. A folder of its own, for programs that want it.
#pragma once

#include "db/db.h"

// Connect, and bring the tables of a schema up to date.
//   dsn         "postgresql://..." or what else libpq takes; a password in it is never part of a message
//   schema      made when it is not there; all statements see only it. At most 63 bytes
//   migrations  as for lm_db_open; table schema_version of the schema says how many have been applied. Once, also when several
//               processes connect at the same time.
// LM_E_UNSUPPORTED when libpq is not installed.
// Placeholders are '?' as with SQLite; where PostgreSQL cannot tell the type of one, the statement says it with a cast. Transactions are
// READ COMMITTED; who waits 30 seconds for a row gets LM_E_IO ("another process holds it"), and a connection that does nothing within a
// transaction for a minute is closed by the server. Commits are flushed as the server is configured.
[[nodiscard]] int lm_db_open_postgres(struct lm_db **out, const char *dsn, const char *schema, const char *const *migrations,
	size_t migration_count, struct lm_err *err);
