#include "batch/runs_parts.h"

#include <string.h>

int
lm_runs_prepare(struct lm_runs *runs, struct lm_stmt **out, struct lm_err *err, const char *sql, const struct lm_value *values,
	size_t count)
{
	if (lm_db_prepare(runs->db, sql, out, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int index = (int)i + 1;
		switch (values[i].kind) {
		case LM_VALUE_I64:
			lm_stmt_bind_i64(*out, index, values[i].number);
			break;
		case LM_VALUE_TEXT:
			lm_stmt_bind_text(*out, index, values[i].text);
			break;
		case LM_VALUE_DIGEST:
			lm_stmt_bind_digest(*out, index, values[i].digest);
			break;
		}
	}
	return 0;
}

int
lm_runs_run(struct lm_runs *runs, uint64_t *changes, struct lm_err *err, const char *sql, const struct lm_value *values,
	size_t count)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_runs_prepare(runs, &stmt, err, sql, values, count) < 0)
		return -1;
	int rc = 1;
	while (rc == 1)
		rc = lm_stmt_step(stmt, err);
	if (rc == 0 && changes != nullptr)
		*changes = lm_stmt_changes(stmt);
	return rc;
}

char *
lm_stmt_dup(struct lm_stmt *stmt, int column)
{
	const char *text = lm_stmt_text(stmt, column);
	return text == nullptr ? nullptr : lm_strdup(text);
}

uint64_t
lm_stmt_u64(struct lm_stmt *stmt, int column)
{
	return (uint64_t)lm_stmt_i64(stmt, column);
}

char *
lm_runs_clean(const char *text, size_t max)
{
	static const char more[] = "...";
	if (text == nullptr)
		return nullptr;
	size_t len = strnlen(text, max + 1);
	bool cut = len > max;
	if (cut) {
		len = max - (sizeof more - 1);
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	char *clean = lm_format("%.*s%s", (int)len, text, cut ? more : "");
	if (!lm_utf8_valid(lm_str_of(clean))) {
		for (char *c = clean; *c != '\0'; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
	}
	return clean;
}
