#include "dotenv.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/path.h"

#include <string.h>

static bool
is_name_byte(char byte, bool first)
{
	return byte == '_' || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
		(!first && byte >= '0' && byte <= '9');
}

// What stands behind a value: nothing, or a comment.
static bool
is_rest(struct lm_str rest)
{
	rest = lm_str_trim(rest);
	return rest.len == 0 || rest.ptr[0] == '#';
}

// A value between quotes, over several lines where it has them (a private key, say); *text goes to the line behind it.
static bool
read_quoted(struct lm_str *text, struct lm_buf *out)
{
	char quote = text->ptr[0];
	for (size_t i = 1; i < text->len; i++) {
		char byte = text->ptr[i];
		if (byte == quote) {
			*text = (struct lm_str){ text->ptr + i + 1, text->len - i - 1 };
			return is_rest(lm_str_cut(text, '\n'));
		}
		if (byte == '\r' && i + 1 < text->len && text->ptr[i + 1] == '\n')
			continue;
		if (byte == '\\' && quote == '"' && i + 1 < text->len) {
			static const char from[] = "nrt\"\\$", to[] = "\n\r\t\"\\$";
			const char *at = strchr(from, text->ptr[i + 1]);
			if (at != nullptr && *at != '\0') {
				byte = to[at - from];
				i++;
			}
		}
		lm_buf_byte(out, byte);
	}
	return false;
}

// A value without quotes ends at " #" or at the end of the line.
static void
read_plain(struct lm_str text, struct lm_buf *out)
{
	size_t end = 0;
	while (end < text.len && !(text.ptr[end] == '#' && (end == 0 || text.ptr[end - 1] == ' ' || text.ptr[end - 1] == '\t')))
		end++;
	lm_buf_str(out, lm_str_trim((struct lm_str){ text.ptr, end }));
}

// One line, or as many as a value in quotes has, off the front of *text.
static bool
read_entry(struct lm_str *text, struct lm_strings *out)
{
	static const struct lm_str prefix = { "export ", 7 };
	LM_AUTO(lm_buf_release) struct lm_buf entry = {};
	struct lm_str all = *text, line = lm_str_trim(lm_str_cut(text, '\n'));
	if (line.len == 0 || line.ptr[0] == '#')
		return true;
	if (lm_str_starts(line, prefix))
		line = lm_str_trim((struct lm_str){ line.ptr + prefix.len, line.len - prefix.len });
	size_t equals = lm_str_find(line, '=');
	struct lm_str name = lm_str_trim((struct lm_str){ line.ptr, equals });
	if (equals == line.len || name.len == 0)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_byte(name.ptr[i], i == 0))
			return false;
	struct lm_str value = lm_str_trim((struct lm_str){ line.ptr + equals + 1, line.len - equals - 1 });
	lm_buf_str(&entry, name);
	lm_buf_byte(&entry, '=');
	if (value.len > 0 && (value.ptr[0] == '"' || value.ptr[0] == '\'')) {
		*text = (struct lm_str){ value.ptr, (size_t)(all.ptr + all.len - value.ptr) };
		if (!read_quoted(text, &entry))
			return false;
	} else {
		read_plain(value, &entry);
	}
	if (memchr(entry.ptr, '\0', entry.len) != nullptr)
		return false;
	lm_strings_add_str(out, lm_buf_view(&entry));
	return true;
}

static unsigned
lines_between(const char *begin, const char *end)
{
	unsigned count = 0;
	while ((begin = memchr(begin, '\n', (size_t)(end - begin))) != nullptr) {
		begin++;
		count++;
	}
	return count;
}

int
lm_dotenv_parse(struct lm_str text, struct lm_strings *out, struct lm_err *err)
{
	static const struct lm_str bom = { "\xef\xbb\xbf", 3 };
	if (lm_str_starts(text, bom))
		text = (struct lm_str){ text.ptr + bom.len, text.len - bom.len };
	for (unsigned line = 1; text.len > 0;) {
		const char *begin = text.ptr;
		if (!read_entry(&text, out))
			return lm_err_set(err, LM_E_USAGE, "line %u is not NAME=VALUE", line);
		line += lines_between(begin, text.ptr);
	}
	return 0;
}

int
lm_dotenv_find(const char *folder, struct lm_strings *out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *at = lm_path_absolute(folder);
	for (;;) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(at, ".env");
		LM_AUTO(lm_free_ptr) char *text = nullptr;
		size_t len = 0;
		struct lm_file_info info = {};
		if (lm_file_info(path, &info, err) == 0 && info.exists && !info.is_dir) {
			if (lm_file_read(path, LM_DOTENV_MAX_BYTES, &text, &len, err) < 0)
				return -1;
			return lm_dotenv_parse((struct lm_str){ text, len }, out, err) == 0 ? 0 : lm_err_wrap(err, "%s", path);
		}
		lm_err_clear(err);
		if (strcmp(at, "/") == 0)
			return 0;
		char *above = lm_path_parent(at);
		lm_free(at);
		at = above;
	}
}
