// Results row by row: an item's place in rows.jsonl and in its answer file leads to what is written. Values are copied as they
// stand there; only the text of an answer is taken apart.
#include "batch/results.h"

#include "base/mem.h"
#include "batch/answer_files.h"
#include "batch/schema.h"
#include "text/csv.h"
#include "text/json_scan.h"

#include <string.h>

enum {
	PAGE_ITEMS = 2000,
	PIECE_BYTES = 64 << 10, // handed on at once: memory that was touched already is quicker than fewer calls
};

struct writer {
	const struct lm_results *results;
	const struct lm_result_options *options;
	struct lm_line_reader rows;
	struct lm_answer_files answers;
	struct lm_answer answer; // of the item in hand
	bool answered;
	struct lm_str row, line;
	struct lm_buf out;
	lm_result_write *write;
	void *context;
	struct lm_err *err; // of a write that failed
	bool failed;
};

static void
release(struct writer *writer)
{
	lm_line_reader_close(&writer->rows);
	lm_answer_files_close(&writer->answers);
	lm_answer_release(&writer->answer);
	lm_buf_release(&writer->out);
}

static int
look_up(struct writer *writer, const struct lm_item *item, struct lm_err *err)
{
	if (lm_line_reader_at(&writer->rows, item->row_offset, item->row_length, item->row_check, &writer->row, err) < 0)
		return -1;
	writer->answered = item->length > 0;
	if (!writer->answered)
		return 0;
	if (lm_answer_files_line(
		    &writer->answers, item->batch, item->file, item->offset, item->length, item->check, &writer->line, err) < 0)
		return -1;
	// with a check, it is what was taken in; older runs have none
	return (item->check != 0 ? lm_provider_read_again : lm_provider_read)(
		writer->results->provider, writer->line, item->file != 0, &writer->answer, err);
}

// ---- out: some rows at a time, and what is long in pieces, so that no copy of a whole answer is made for it

static int
hand_on(struct writer *writer, size_t above)
{
	if (writer->failed || writer->out.len <= above)
		return writer->failed ? -1 : 0;
	writer->failed = writer->write(writer->context, lm_buf_view(&writer->out), writer->err) < 0;
	lm_buf_clear(&writer->out);
	return writer->failed ? -1 : 0;
}

static void
put_long(struct writer *writer, struct lm_str bytes)
{
	if (bytes.len < PIECE_BYTES)
		lm_buf_str(&writer->out, bytes);
	else if (hand_on(writer, 0) == 0)
		writer->failed = writer->write(writer->context, bytes, writer->err) < 0;
}

static void
quote_long(struct writer *writer, struct lm_str text)
{
	lm_buf_byte(&writer->out, '"');
	while (text.len > PIECE_BYTES) {
		size_t len = PIECE_BYTES;
		while (len > PIECE_BYTES - 4 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) // not within a character
			len--;
		lm_json_escape(&writer->out, (struct lm_str){ text.ptr, len });
		text = (struct lm_str){ text.ptr + len, text.len - len };
		(void)hand_on(writer, PIECE_BYTES);
	}
	lm_json_escape(&writer->out, text);
	lm_buf_byte(&writer->out, '"');
}

static void
put_string(struct lm_buf *out, const char *text)
{
	if (text == nullptr)
		lm_buf_text(out, "null");
	else
		lm_json_quote(out, lm_str_of(text));
}

// The provider's record as it came, but for its id of the request: that is ours and differs from run to run. There it says
// "<item id>:a<attempt>".
struct record {
	struct lm_str before, behind; // the id, in the record
	struct lm_buf id;
};

static void
release_record(struct record *record)
{
	lm_buf_release(&record->id);
}

static void
take_record(const struct writer *writer, const struct lm_item *item, struct record *out)
{
	static const struct lm_str mark = { "-a", 2 };
	struct lm_str line = writer->line, id = writer->answer.custom_id;
	const char *at = id.len > 0 ? memmem(id.ptr, id.len, mark.ptr, mark.len) : nullptr;
	*out = (struct record){ .before = line };
	if (at == nullptr || id.ptr < line.ptr || id.ptr + id.len > line.ptr + line.len)
		return;
	struct lm_str rest = { at + mark.len, (size_t)(id.ptr + id.len - at) - mark.len };
	struct lm_str attempt = lm_str_cut(&rest, '-');
	out->before = (struct lm_str){ line.ptr, (size_t)(id.ptr - line.ptr) };
	lm_json_escape(&out->id, lm_str_of(item->item_id));
	lm_buf_format(&out->id, ":a%.*s", LM_STR_ARG(attempt));
	out->behind = (struct lm_str){ id.ptr + id.len, (size_t)(line.ptr + line.len - (id.ptr + id.len)) };
}

static void
put_record(struct writer *writer, const struct lm_item *item)
{
	LM_AUTO(release_record) struct record record = {};
	take_record(writer, item, &record);
	put_long(writer, record.before);
	lm_buf_str(&writer->out, lm_buf_view(&record.id));
	put_long(writer, record.behind);
}

// {"error_class":...,"message":...,"retryable":...,"raw_error":...} or null.
static void
put_error(struct writer *writer, const struct lm_item *item)
{
	struct lm_buf *out = &writer->out;
	if (item->error_class == nullptr || item->status == LM_ITEM_COMPLETED) {
		lm_buf_text(out, "null");
		return;
	}
	lm_buf_text(out, "{\"error_class\":");
	put_string(out, item->error_class);
	lm_buf_text(out, ",\"message\":");
	put_string(out, item->error_text);
	lm_buf_text(out, item->status == LM_ITEM_RETRYABLE ? ",\"retryable\":true" : ",\"retryable\":false");
	lm_buf_text(out, ",\"raw_error\":");
	if (writer->answered && !writer->answer.ok)
		put_record(writer, item);
	else
		lm_buf_text(out, "null");
	lm_buf_byte(out, '}');
}

// What a completed item of a structured run gave: its answer as JSON, the spelling of numbers kept.
static void
put_output(struct writer *writer, const struct lm_item *item)
{
	if (item->status == LM_ITEM_COMPLETED && writer->answered)
		lm_json_compact(lm_schema_answer_json(lm_buf_view(&writer->answer.text)), &writer->out);
	else
		lm_buf_text(&writer->out, "null");
}

static void
put_json(struct writer *writer, const struct lm_item *item)
{
	struct lm_buf *out = &writer->out;
	lm_buf_text(out, "{\"item_id\":");
	put_string(out, item->item_id);
	lm_buf_format(out, ",\"status\":\"%s\",\"attempt_count\":%u,\"metadata\":", lm_item_status_name(item->status),
		item->attempts);
	put_long(writer, writer->row);
	lm_buf_text(out, ",\"output_text\":");
	if (writer->answered && writer->answer.ok)
		quote_long(writer, lm_buf_view(&writer->answer.text));
	else
		lm_buf_text(out, "null");
	lm_buf_text(out, ",\"raw_response\":");
	if (writer->answered && writer->answer.ok)
		put_record(writer, item);
	else
		lm_buf_text(out, "null");
	lm_buf_text(out, ",\"error\":");
	put_error(writer, item);
	if (writer->results->structured) {
		lm_buf_format(out, ",\"%s\":", writer->options->output_key);
		put_output(writer, item);
	}
	if (writer->options->by_sequence)
		lm_buf_format(out, ",\"sequence\":%llu", (unsigned long long)item->sequence);
	lm_buf_text(out, "}\n");
}

static void
put_field(struct writer *writer, struct lm_str text)
{
	lm_buf_byte(&writer->out, ',');
	lm_csv_write_field(&writer->out, text);
	(void)hand_on(writer, PIECE_BYTES);
}

// The record is one field: its parts have to be put together.
static void
put_record_field(struct writer *writer, const struct lm_item *item)
{
	LM_AUTO(release_record) struct record record = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	take_record(writer, item, &record);
	lm_buf_str(&text, record.before);
	lm_buf_str(&text, lm_buf_view(&record.id));
	lm_buf_str(&text, record.behind);
	put_field(writer, lm_buf_view(&text));
}

static void
put_header(struct writer *writer)
{
	lm_buf_text(&writer->out, "item_id,status,attempt_count,metadata,output_text,raw_response,error_class,error_message");
	if (writer->results->structured)
		lm_buf_format(&writer->out, ",%s", writer->options->output_key);
	lm_buf_text(&writer->out, writer->options->by_sequence ? ",sequence\r\n" : "\r\n");
}

static void
put_csv(struct writer *writer, const struct lm_item *item)
{
	struct lm_buf *out = &writer->out;
	bool ok = writer->answered && writer->answer.ok, failed = item->status != LM_ITEM_COMPLETED;
	lm_csv_write_field(out, lm_str_of(item->item_id));
	lm_buf_format(out, ",%s,%u", lm_item_status_name(item->status), item->attempts);
	put_field(writer, writer->row);
	put_field(writer, ok ? lm_buf_view(&writer->answer.text) : LM_STR(""));
	if (ok)
		put_record_field(writer, item);
	else
		put_field(writer, LM_STR(""));
	put_field(writer, lm_str_of(failed ? item->error_class : nullptr));
	put_field(writer, lm_str_of(failed ? item->error_text : nullptr));
	if (writer->results->structured) {
		LM_AUTO(lm_buf_release) struct lm_buf json = {};
		if (ok && !failed)
			lm_json_compact(lm_schema_answer_json(lm_buf_view(&writer->answer.text)), &json);
		put_field(writer, lm_buf_view(&json));
	}
	if (writer->options->by_sequence)
		lm_buf_format(out, ",%llu", (unsigned long long)item->sequence);
	lm_buf_text(out, "\r\n");
}

static int
put_item(struct writer *writer, const struct lm_item *item, struct lm_err *err)
{
	if (look_up(writer, item, err) < 0)
		return lm_err_wrap(err, "result of item '%s'", item->item_id);
	if (writer->options->format == LM_RESULT_CSV)
		put_csv(writer, item);
	else
		put_json(writer, item);
	return 0;
}

// The next page: items from `*from` on, by index, or above it, by sequence.
static int
next_page(const struct lm_results *results, bool by_sequence, uint64_t *from, size_t limit, struct lm_items *page,
	struct lm_err *err)
{
	int rc = by_sequence ? lm_runs_results(results->runs, results->run->key, *from, limit, page, err)
			     : lm_runs_items(results->runs, results->run->key, *from, limit, page, err);
	if (rc == 0 && page->count > 0)
		*from = by_sequence ? page->rows[page->count - 1].sequence : page->rows[page->count - 1].index + 1;
	return rc;
}

static int
write_all(struct writer *writer, uint64_t *count, uint64_t *next, struct lm_err *err)
{
	const struct lm_result_options *options = writer->options;
	LM_AUTO(lm_items_release) struct lm_items page = {};
	uint64_t from = options->by_sequence ? options->after_sequence : 0,
		 left = options->limit > 0 ? options->limit : UINT64_MAX;
	if (options->format == LM_RESULT_CSV)
		put_header(writer);
	do {
		if (next_page(writer->results, options->by_sequence, &from, left < PAGE_ITEMS ? (size_t)left : PAGE_ITEMS,
			    &page, err) < 0)
			return -1;
		for (size_t i = 0; i < page.count; i++)
			if (put_item(writer, &page.rows[i], err) < 0 || hand_on(writer, PIECE_BYTES) < 0)
				return -1;
		*count += page.count;
		left -= page.count;
	} while (page.count > 0 && left > 0);
	*next = from;
	return hand_on(writer, 0);
}

int
lm_results_write(const struct lm_results *results, const struct lm_result_options *options, lm_result_write *write,
	void *context, uint64_t *count, uint64_t *next_after_sequence, struct lm_err *err)
{
	LM_AUTO(release)
	struct writer writer = {
		.results = results,
		.options = options,
		.write = write,
		.context = context,
		.err = err,
	};
	LM_AUTO(lm_free_ptr) char *rows = lm_run_folder_rows(results->folder);
	*count = 0;
	writer.answers.folder = results->folder;
	if (results->run->item_count > 0 && lm_line_reader_open(&writer.rows, rows, err) < 0)
		return -1;
	return write_all(&writer, count, next_after_sequence, err);
}
