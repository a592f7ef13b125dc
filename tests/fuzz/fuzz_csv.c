// CSV: a row that is written again reads as the same fields.
#include "fuzz.h"
#include "text/csv.h"

#include <string.h>

static void
write_row(struct lm_buf *out, const struct lm_csv_reader *reader)
{
	for (size_t i = 0; i < reader->count; i++) {
		if (i > 0)
			lm_buf_byte(out, ',');
		lm_csv_write_field(out, reader->fields[i]);
	}
	lm_buf_text(out, "\r\n");
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	LM_AUTO(lm_csv_release) struct lm_csv_reader reader = {}, again = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	int more = 0;
	lm_csv_init(&reader, (struct lm_str){ (const char *)bytes, len });
	while ((more = lm_csv_next(&reader, &err)) > 0) {
		if (reader.count == 0 || (reader.count == 1 && reader.fields[0].len == 0))
			continue;
		lm_buf_clear(&text);
		write_row(&text, &reader);
		lm_csv_init(&again, lm_buf_view(&text));
		FUZZ_MUST(lm_csv_next(&again, &err) == 1 && again.count == reader.count);
		for (size_t i = 0; i < again.count; i++)
			FUZZ_MUST(lm_str_equal(again.fields[i], reader.fields[i]));
		lm_csv_release(&again);
		again = (struct lm_csv_reader){};
	}
	fuzz_accepted = more == 0;
	FUZZ_MUST(more == 0 || err.text[0] != '\0');
	return 0;
}
