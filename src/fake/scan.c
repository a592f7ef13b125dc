#include "fake/scan.h"

#include <stdarg.h>
#include <string.h>

static void
skip_blanks(struct lm_scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
		scan->at++;
}

bool
lm_scan_byte(struct lm_scan *scan, char byte)
{
	skip_blanks(scan);
	if (scan->at == scan->end || *scan->at != byte)
		return false;
	scan->at++;
	return true;
}

static bool
is_digit(const struct lm_scan *scan)
{
	return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool
check_digits(struct lm_scan *scan)
{
	if (!is_digit(scan))
		return false;
	while (is_digit(scan))
		scan->at++;
	return true;
}

static bool
check_number(struct lm_scan *scan)
{
	if (scan->at < scan->end && *scan->at == '-')
		scan->at++;
	if (scan->at < scan->end && *scan->at == '0')
		scan->at++;
	else if (!check_digits(scan))
		return false;
	if (scan->at < scan->end && *scan->at == '.') {
		scan->at++;
		if (!check_digits(scan))
			return false;
	}
	if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
		scan->at++;
		if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
			scan->at++;
		return check_digits(scan);
	}
	return true;
}

static bool
check_escape(struct lm_scan *scan)
{
	if (scan->at == scan->end)
		return false;
	char letter = *scan->at++;
	if (letter != 'u')
		return letter != '\0' && strchr("\"\\/bfnrt", letter) != nullptr;
	for (int i = 0; i < 4; i++, scan->at++)
		if (scan->at == scan->end || *scan->at == '\0' || strchr("0123456789abcdefABCDEF", *scan->at) == nullptr)
			return false;
	return true;
}

// Behind the opening quote.
static bool
check_string(struct lm_scan *scan)
{
	const char *start = scan->at;
	bool ascii = true;

	while (scan->at < scan->end) {
		unsigned char byte = (unsigned char)*scan->at++;
		if (byte == '"')
			return ascii || lm_utf8_valid((struct lm_str){ start, (size_t)(scan->at - start) });
		if (byte < 0x20 || (byte == '\\' && !check_escape(scan)))
			return false;
		if (byte >= 0x80)
			ascii = false;
	}
	return false;
}

static bool
check_word(struct lm_scan *scan, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
		return false;
	scan->at += len;
	return true;
}

static bool check_value(struct lm_scan *scan, int depth);

static bool
check_members(struct lm_scan *scan, int depth)
{
	if (lm_scan_byte(scan, '}'))
		return true;
	do {
		if (!lm_scan_byte(scan, '"') || !check_string(scan) || !lm_scan_byte(scan, ':') || !check_value(scan, depth))
			return false;
	} while (lm_scan_byte(scan, ','));
	return lm_scan_byte(scan, '}');
}

static bool
check_elements(struct lm_scan *scan, int depth)
{
	if (lm_scan_byte(scan, ']'))
		return true;
	do {
		if (!check_value(scan, depth))
			return false;
	} while (lm_scan_byte(scan, ','));
	return lm_scan_byte(scan, ']');
}

static bool
check_value(struct lm_scan *scan, int depth)
{
	skip_blanks(scan);
	if (scan->at == scan->end || depth == LM_SCAN_MAX_DEPTH)
		return false;
	switch (*scan->at) {
	case '{':
		scan->at++;
		return check_members(scan, depth + 1);
	case '[':
		scan->at++;
		return check_elements(scan, depth + 1);
	case '"':
		scan->at++;
		return check_string(scan);
	case 't':
		return check_word(scan, "true");
	case 'f':
		return check_word(scan, "false");
	case 'n':
		return check_word(scan, "null");
	default:
		return check_number(scan);
	}
}

bool
lm_scan_checked_value(struct lm_scan *scan, struct lm_str *raw)
{
	skip_blanks(scan);
	const char *start = scan->at;
	if (!check_value(scan, 0))
		return false;
	*raw = (struct lm_str){ start, (size_t)(scan->at - start) };
	return true;
}

bool
lm_scan_check(struct lm_str text, struct lm_str *raw)
{
	struct lm_scan scan = { text.ptr, text.ptr + text.len };
	if (!lm_scan_checked_value(&scan, raw))
		return false;
	skip_blanks(&scan);
	return scan.at == scan.end;
}

// ---- what was checked

// At the opening quote. The end is found by quotes, the backslashes in front of one are counted.
static void
skip_string(struct lm_scan *scan)
{
	scan->at++;
	while (scan->at < scan->end) {
		const char *quote = memchr(scan->at, '"', (size_t)(scan->end - scan->at));
		if (quote == nullptr) {
			scan->at = scan->end;
			return;
		}
		size_t slashes = 0;
		while (quote - slashes > scan->at && quote[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		scan->at = quote + 1;
		if (slashes % 2 == 0)
			return;
	}
}

static void
skip_nested(struct lm_scan *scan)
{
	size_t depth = 0;
	while (scan->at < scan->end) {
		char byte = *scan->at;
		if (byte == '"') {
			skip_string(scan);
			continue;
		}
		scan->at++;
		if (byte == '{' || byte == '[')
			depth++;
		else if ((byte == '}' || byte == ']') && --depth == 0)
			return;
	}
}

static bool
skip_value(struct lm_scan *scan, struct lm_str *raw)
{
	skip_blanks(scan);
	const char *start = scan->at;
	if (start == scan->end)
		return false;
	if (*start == '"')
		skip_string(scan);
	else if (*start == '{' || *start == '[')
		skip_nested(scan);
	else
		while (scan->at < scan->end && memchr(",]} \t\r\n", *scan->at, 7) == nullptr)
			scan->at++;
	*raw = (struct lm_str){ start, (size_t)(scan->at - start) };
	return true;
}

bool
lm_scan_enter(struct lm_str raw, char open, struct lm_scan *inside)
{
	if (raw.len < 2 || raw.ptr[0] != open)
		return false;
	*inside = (struct lm_scan){ raw.ptr + 1, raw.ptr + raw.len - 1 };
	return true;
}

bool
lm_scan_element(struct lm_scan *inside, struct lm_str *value)
{
	(void)lm_scan_byte(inside, ',');
	return skip_value(inside, value);
}

bool
lm_scan_member(struct lm_scan *inside, struct lm_str *key, struct lm_str *value)
{
	struct lm_str quoted;
	if (!lm_scan_element(inside, &quoted) || !lm_scan_string(quoted, key))
		return false;
	return lm_scan_byte(inside, ':') && skip_value(inside, value);
}

struct lm_str
lm_scan_find(struct lm_str raw, const char *key)
{
	struct lm_scan inside;
	struct lm_str name, value, wanted = lm_str_of(key);

	if (lm_scan_enter(raw, '{', &inside))
		while (lm_scan_member(&inside, &name, &value))
			if (lm_str_equal(name, wanted))
				return value;
	return (struct lm_str){};
}

struct lm_str
lm_scan_path(struct lm_str raw, ...)
{
	va_list keys;
	va_start(keys, raw);
	for (const char *key = va_arg(keys, const char *); key != nullptr; key = va_arg(keys, const char *))
		raw = lm_scan_find(raw, key);
	va_end(keys);
	return raw;
}

bool
lm_scan_string(struct lm_str raw, struct lm_str *inner)
{
	if (raw.len < 2 || raw.ptr[0] != '"')
		return false;
	*inner = (struct lm_str){ raw.ptr + 1, raw.len - 2 };
	return true;
}
