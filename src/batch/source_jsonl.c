// JSON Lines: a JSON object on each line.
#include "batch/source_parts.h"

#include <inttypes.h>
#include <string.h>

// The next line, without LF and CR LF; 1, or 0 at the end. Valid until the window moves.
static int
next_line(struct lm_source *source, struct lm_str *line, struct lm_err *err)
{
	struct lm_source_window *window = &source->window;
	size_t seen = 0; // of this line, without a line end
	for (;;) {
		const char *begin = window->bytes == nullptr ? "" : window->bytes + window->at; // nothing was read yet
		size_t left = window->len - window->at;
		const char *end = left > seen ? memchr(begin + seen, '\n', left - seen) : nullptr;
		if (end == nullptr && !window->at_end) {
			seen = left;
			if (lm_window_more(window, source->path, err) < 0)
				return err->code == LM_E_LIMIT ? lm_source_fail(source, source->line, err) : -1;
			continue;
		}
		if (left == 0)
			return 0;
		*line = (struct lm_str){ begin, end == nullptr ? left : (size_t)(end - begin) };
		window->at += line->len + (end != nullptr);
		if (line->len > 0 && line->ptr[line->len - 1] == '\r')
			line->len--;
		return 1;
	}
}

static bool
is_blank(struct lm_str line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
			return false;
	return true;
}

static int
next(struct lm_source *source, struct lm_row *row, struct lm_err *err)
{
	struct lm_str line;
	for (;;) {
		uint64_t offset = lm_window_offset(&source->window);
		int rc = next_line(source, &line, err);
		if (rc <= 0)
			return rc;
		uint64_t number = source->line++;
		if (offset == 0 && lm_str_starts(line, LM_STR("\xEF\xBB\xBF"))) {
			line.ptr += 3;
			line.len -= 3;
		}
		if (line.len > LM_ROW_MAX_BYTES) {
			(void)lm_err_set(err, LM_E_LIMIT, "row of more than %d bytes", LM_ROW_MAX_BYTES);
			return lm_source_fail(source, number, err);
		}
		if (!is_blank(line))
			return lm_source_take_json(source, line, number, row, err);
	}
}

static void
checkpoint(const struct lm_source *source, struct lm_buf *out)
{
	lm_buf_format(out, "{\"line\":%" PRIu64 ",\"offset\":%" PRIu64 "}", source->line, lm_window_offset(&source->window));
}

static void
slice(struct lm_source *source, uint64_t *begin, uint64_t *end, struct lm_digest *digest)
{
	lm_window_slice(&source->window, begin, end, digest);
}

static void
release(struct lm_source *source)
{
	(void)source;
}

int
lm_source_open_jsonl(struct lm_source *source, const char *text, struct lm_err *err)
{
	static const struct lm_source_kind kind = { next, checkpoint, slice, release };
	uint64_t offset = 0;
	source->line = 1;
	source->kind = &kind;
	if (text != nullptr &&
		(lm_checkpoint_number(lm_str_of(text), "offset", &offset, err) < 0 ||
			lm_checkpoint_number(lm_str_of(text), "line", &source->line, err) < 0))
		return -1;
	return lm_window_open(&source->window, source->path, offset, err);
}
