#include "text/number.h"
#include "text/toml.h"

#include <inttypes.h>
#include <string.h>

void
lm_toml_write_string(struct lm_buf *out, struct lm_str text)
{
	static const char special[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	lm_buf_byte(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		const char *found = c == '\0' ? nullptr : strchr(special, c);
		if (found != nullptr) {
			lm_buf_byte(out, '\\');
			lm_buf_byte(out, letters[found - special]);
		} else if ((unsigned char)c < 0x20 || c == 0x7F) {
			lm_buf_format(out, "\\u%04X", (unsigned)(unsigned char)c);
		} else {
			lm_buf_byte(out, c);
		}
	}
	lm_buf_byte(out, '"');
}

void
lm_toml_write_key(struct lm_buf *out, struct lm_str key)
{
	bool bare = key.len > 0;
	for (size_t i = 0; i < key.len && bare; i++) {
		char c = key.ptr[i];
		bare = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
	}
	if (bare)
		lm_buf_str(out, key);
	else
		lm_toml_write_string(out, key);
}

static void
write_array(struct lm_buf *out, const struct lm_toml *value)
{
	lm_buf_byte(out, '[');
	for (size_t i = 0; i < value->array.count; i++) {
		if (i > 0)
			lm_buf_text(out, ", ");
		lm_toml_write_value(out, &value->array.items[i]);
	}
	lm_buf_byte(out, ']');
}

static void
write_table(struct lm_buf *out, const struct lm_toml *value)
{
	lm_buf_byte(out, '{');
	for (size_t i = 0; i < value->table.count; i++) {
		lm_buf_text(out, i > 0 ? ", " : " ");
		lm_toml_write_key(out, value->table.pairs[i].key);
		lm_buf_text(out, " = ");
		lm_toml_write_value(out, &value->table.pairs[i].value);
	}
	lm_buf_text(out, value->table.count > 0 ? " }" : "}");
}

void
lm_toml_write_value(struct lm_buf *out, const struct lm_toml *value)
{
	switch (value->type) {
	case LM_TOML_STRING:
		lm_toml_write_string(out, value->string);
		break;
	case LM_TOML_INTEGER:
		lm_buf_format(out, "%" PRId64, value->integer);
		break;
	case LM_TOML_FLOAT:
		lm_number_format(out, value->number);
		break;
	case LM_TOML_BOOL:
		lm_buf_text(out, value->boolean ? "true" : "false");
		break;
	case LM_TOML_DATETIME:
	case LM_TOML_DATETIME_LOCAL:
	case LM_TOML_DATE_LOCAL:
	case LM_TOML_TIME_LOCAL:
		lm_buf_str(out, value->time);
		break;
	case LM_TOML_ARRAY:
		write_array(out, value);
		break;
	case LM_TOML_TABLE:
		write_table(out, value);
		break;
	}
}
