#include "python/version.h"

#include "python/scan.h"

#include <string.h>

static bool
read_number(struct lm_scan *scan, uint64_t *out)
{
	size_t start = scan->at;
	while (lm_is_digit(lm_scan_peek(scan, 0)))
		scan->at++;
	return lm_parse_u64(lm_scan_since(scan, start), UINT64_MAX, out);
}

// A number where it may be left out, which means 0.
static bool
read_optional_number(struct lm_scan *scan, uint64_t *out)
{
	*out = 0;
	return !lm_is_digit(lm_scan_peek(scan, 0)) || read_number(scan, out);
}

static void
skip_separator(struct lm_scan *scan)
{
	char c = lm_scan_peek(scan, 0);
	if (c == '.' || c == '-' || c == '_')
		scan->at++;
}

static bool
read_release(struct lm_scan *scan, struct lm_version *out)
{
	uint64_t number = 0;
	if (!read_number(scan, &number))
		return false;
	if (lm_scan_byte(scan, '!')) {
		out->epoch = number;
		if (!read_number(scan, &number))
			return false;
	}
	out->release[out->release_count++] = number;
	while (lm_scan_peek(scan, 0) == '.' && lm_is_digit(lm_scan_peek(scan, 1))) {
		scan->at++;
		if (out->release_count == LM_VERSION_RELEASE_MAX || !read_number(scan, &number))
			return false;
		out->release[out->release_count++] = number;
	}
	return true;
}

static bool
read_pre(struct lm_scan *scan, struct lm_version *out)
{
	static const struct {
		const char *word; // a longer word before its own beginning
		char letter;
	} words[] = {
		{ "alpha", 'a' },
		{ "a", 'a' },
		{ "beta", 'b' },
		{ "b", 'b' },
		{ "preview", 'r' },
		{ "pre", 'r' },
		{ "c", 'r' },
		{ "rc", 'r' },
	};
	size_t start = scan->at;
	skip_separator(scan);
	for (size_t i = 0; i < LM_COUNT(words); i++) {
		if (!lm_scan_word(scan, words[i].word))
			continue;
		out->pre = words[i].letter;
		skip_separator(scan);
		return read_optional_number(scan, &out->pre_number);
	}
	scan->at = start;
	return true;
}

static bool
read_post(struct lm_scan *scan, struct lm_version *out)
{
	if (lm_scan_peek(scan, 0) == '-' && lm_is_digit(lm_scan_peek(scan, 1))) {
		scan->at++;
		out->has_post = true;
		return read_number(scan, &out->post);
	}
	size_t start = scan->at;
	skip_separator(scan);
	if (lm_scan_word(scan, "post") || lm_scan_word(scan, "rev") || lm_scan_word(scan, "r")) {
		out->has_post = true;
		skip_separator(scan);
		return read_optional_number(scan, &out->post);
	}
	scan->at = start;
	return true;
}

static bool
read_dev(struct lm_scan *scan, struct lm_version *out)
{
	size_t start = scan->at;
	skip_separator(scan);
	if (lm_scan_word(scan, "dev")) {
		out->has_dev = true;
		skip_separator(scan);
		return read_optional_number(scan, &out->dev);
	}
	scan->at = start;
	return true;
}

// One segment of the local part into out->local: lower case, numbers without leading zeros.
static bool
read_local_segment(struct lm_scan *scan, struct lm_version *out)
{
	size_t start = scan->at;
	bool number = true;
	while (lm_is_alnum(lm_scan_peek(scan, 0))) {
		number = number && lm_is_digit(lm_scan_peek(scan, 0));
		scan->at++;
	}
	struct lm_str segment = lm_scan_since(scan, start);
	while (number && segment.len > 1 && segment.ptr[0] == '0') {
		segment.ptr++;
		segment.len--;
	}
	size_t used = strlen(out->local);
	if (segment.len == 0 || used + segment.len + 2 > sizeof out->local)
		return false;
	if (used > 0)
		out->local[used++] = '.';
	for (size_t i = 0; i < segment.len; i++)
		out->local[used++] = lm_lower(segment.ptr[i]);
	out->local[used] = '\0';
	return true;
}

static bool
read_local(struct lm_scan *scan, struct lm_version *out)
{
	if (!lm_scan_byte(scan, '+'))
		return true;
	do {
		if (!read_local_segment(scan, out))
			return false;
	} while (lm_scan_byte(scan, '.') || lm_scan_byte(scan, '-') || lm_scan_byte(scan, '_'));
	return true;
}

bool
lm_version_parse(struct lm_str text, struct lm_version *out)
{
	struct lm_scan scan = { lm_str_trim(text), 0 };
	*out = (struct lm_version){};
	(void)lm_scan_word(&scan, "v");
	return read_release(&scan, out) && read_pre(&scan, out) && read_post(&scan, out) && read_dev(&scan, out) &&
		read_local(&scan, out) && lm_scan_end(&scan);
}

static int
compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_release(const struct lm_version *a, const struct lm_version *b)
{
	size_t count = a->release_count > b->release_count ? a->release_count : b->release_count;
	for (size_t i = 0; i < count; i++) {
		uint64_t x = i < a->release_count ? a->release[i] : 0, y = i < b->release_count ? b->release[i] : 0;
		if (x != y)
			return compare_u64(x, y);
	}
	return 0;
}

// A development release of the final one comes before its first alpha.
static int
pre_rank(const struct lm_version *version)
{
	switch (version->pre) {
	case 'a':
		return 1;
	case 'b':
		return 2;
	case 'r':
		return 3;
	default:
		return version->has_dev && !version->has_post ? 0 : 4;
	}
}

// Numbers are longer than text; both are normalised, so a longer number is a larger one.
static int
compare_local_segment(struct lm_str a, struct lm_str b)
{
	bool a_number = lm_is_digit(a.ptr[0]), b_number = lm_is_digit(b.ptr[0]);
	for (size_t i = 1; i < a.len; i++)
		a_number = a_number && lm_is_digit(a.ptr[i]);
	for (size_t i = 1; i < b.len; i++)
		b_number = b_number && lm_is_digit(b.ptr[i]);
	if (a_number != b_number)
		return a_number ? 1 : -1;
	if (a_number && a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return lm_str_compare(a, b);
}

static int
compare_local(const char *a, const char *b)
{
	struct lm_str x = lm_str_of(a), y = lm_str_of(b);
	while (x.len > 0 && y.len > 0) {
		int order = compare_local_segment(lm_str_cut(&x, '.'), lm_str_cut(&y, '.'));
		if (order != 0)
			return order;
	}
	return (x.len > 0) - (y.len > 0);
}

int
lm_version_compare(const struct lm_version *a, const struct lm_version *b)
{
	int order = compare_u64(a->epoch, b->epoch);
	if (order == 0)
		order = compare_release(a, b);
	if (order == 0)
		order = pre_rank(a) - pre_rank(b);
	if (order == 0)
		order = compare_u64(a->pre_number, b->pre_number);
	if (order == 0)
		order = a->has_post - b->has_post;
	if (order == 0)
		order = compare_u64(a->post, b->post);
	if (order == 0)
		order = b->has_dev - a->has_dev;
	if (order == 0)
		order = compare_u64(a->dev, b->dev);
	return order != 0 ? order : compare_local(a->local, b->local);
}

bool
lm_version_is_prerelease(const struct lm_version *version)
{
	return version->pre != 0 || version->has_dev;
}

void
lm_version_format(const struct lm_version *version, struct lm_buf *out)
{
	if (version->epoch != 0)
		lm_buf_format(out, "%llu!", (unsigned long long)version->epoch);
	for (size_t i = 0; i < version->release_count; i++)
		lm_buf_format(out, "%s%llu", i > 0 ? "." : "", (unsigned long long)version->release[i]);
	if (version->pre != 0)
		lm_buf_format(out, "%s%llu",
			version->pre == 'a'           ? "a"
				: version->pre == 'b' ? "b"
						      : "rc",
			(unsigned long long)version->pre_number);
	if (version->has_post)
		lm_buf_format(out, ".post%llu", (unsigned long long)version->post);
	if (version->has_dev)
		lm_buf_format(out, ".dev%llu", (unsigned long long)version->dev);
	if (version->local[0] != '\0')
		lm_buf_format(out, "+%s", version->local);
}
