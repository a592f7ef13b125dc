#include "python/marker.h"

#include <string.h>

static const struct {
	const char *name;
	enum lm_variable variable;
} names[] = {
	// the current names first: they are the ones written
	{ "os_name", LM_VAR_OS_NAME },
	{ "sys_platform", LM_VAR_SYS_PLATFORM },
	{ "platform_machine", LM_VAR_PLATFORM_MACHINE },
	{ "platform_python_implementation", LM_VAR_PLATFORM_PYTHON_IMPLEMENTATION },
	{ "platform_release", LM_VAR_PLATFORM_RELEASE },
	{ "platform_system", LM_VAR_PLATFORM_SYSTEM },
	{ "platform_version", LM_VAR_PLATFORM_VERSION },
	{ "python_version", LM_VAR_PYTHON_VERSION },
	{ "python_full_version", LM_VAR_PYTHON_FULL_VERSION },
	{ "implementation_name", LM_VAR_IMPLEMENTATION_NAME },
	{ "implementation_version", LM_VAR_IMPLEMENTATION_VERSION },
	{ "extra", LM_VAR_EXTRA },
	{ "extras", LM_VAR_EXTRAS },
	{ "dependency_groups", LM_VAR_DEPENDENCY_GROUPS },
	{ "os.name", LM_VAR_OS_NAME },
	{ "sys.platform", LM_VAR_SYS_PLATFORM },
	{ "platform.version", LM_VAR_PLATFORM_VERSION },
	{ "platform.machine", LM_VAR_PLATFORM_MACHINE },
	{ "platform.python_implementation", LM_VAR_PLATFORM_PYTHON_IMPLEMENTATION },
	{ "python_implementation", LM_VAR_PLATFORM_PYTHON_IMPLEMENTATION },
};

const char *
lm_variable_name(enum lm_variable variable)
{
	for (size_t i = 0; i < LM_COUNT(names); i++)
		if (names[i].variable == variable)
			return names[i].name;
	return "";
}

static bool
is_word_byte(char c)
{
	return lm_is_alnum(c) || c == '_';
}

// The word that is next: letters, digits, '_' and '.'.
static struct lm_str
peek_word(const struct lm_scan *scan)
{
	struct lm_str rest = lm_scan_rest(scan);
	size_t len = 0;
	while (len < rest.len && (is_word_byte(rest.ptr[len]) || rest.ptr[len] == '.'))
		len++;
	return (struct lm_str){ rest.ptr, len };
}

static bool
read_keyword(struct lm_scan *scan, const char *keyword)
{
	struct lm_str word = peek_word(scan);
	if (!lm_str_equal(word, lm_str_of(keyword)))
		return false;
	scan->at += word.len;
	return true;
}

static int
read_literal(struct lm_reader *reader, struct lm_operand *out)
{
	struct lm_scan *scan = &reader->scan;
	char quote = lm_scan_peek(scan, 0);
	size_t open = scan->at++, start = scan->at;
	while (!lm_scan_end(scan) && lm_scan_peek(scan, 0) != quote) {
		if (lm_scan_peek(scan, 0) == '\\')
			return lm_reader_fail(reader, scan->at, "a marker string cannot hold a backslash");
		scan->at++;
	}
	if (lm_scan_end(scan))
		return lm_reader_fail(reader, open, "the string is never closed");
	struct lm_str text = lm_scan_since(scan, start);
	out->text = lm_arena_strndup(reader->arena, text.ptr, text.len);
	scan->at++;
	return 0;
}

static int
read_operand(struct lm_reader *reader, struct lm_operand *out)
{
	struct lm_scan *scan = &reader->scan;
	*out = (struct lm_operand){ .at = scan->at };
	if (lm_scan_peek(scan, 0) == '\'' || lm_scan_peek(scan, 0) == '"')
		return read_literal(reader, out);
	struct lm_str word = peek_word(scan);
	for (size_t i = 0; i < LM_COUNT(names); i++) {
		if (!lm_str_equal(word, lm_str_of(names[i].name)))
			continue;
		out->variable = names[i].variable;
		scan->at += word.len;
		return 0;
	}
	if (word.len > 0)
		return lm_reader_fail(reader, scan->at, "'%.*s' is not a marker variable", LM_STR_ARG(word));
	return lm_reader_fail(
		reader, scan->at, "expected a marker variable or a quoted string, found %s", lm_reader_found(reader, scan->at));
}

static int
read_comparison(struct lm_reader *reader, int *out)
{
	struct lm_scan *scan = &reader->scan;
	size_t start = scan->at;
	if (read_keyword(scan, "in")) {
		*out = LM_IN;
		return 0;
	}
	if (read_keyword(scan, "not")) {
		*out = LM_NOT_IN;
		lm_scan_blanks(scan);
		if (!read_keyword(scan, "in"))
			return lm_reader_fail(
				reader, scan->at, "expected 'in' after 'not', found %s", lm_reader_found(reader, scan->at));
		return 0;
	}
	*out = (int)lm_operator_scan(scan);
	if (*out != LM_OPERATOR_NONE)
		return 0;
	return lm_reader_fail(reader, start, "expected a comparison (<, <=, ==, !=, >=, >, ~=, ===, in, not in), found %s",
		lm_reader_found(reader, start));
}

static bool
is_set(const struct lm_operand *operand)
{
	return operand->variable == LM_VAR_EXTRAS || operand->variable == LM_VAR_DEPENDENCY_GROUPS;
}

static void
normalize_literal(struct lm_operand *literal, struct lm_arena *arena)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_name_normalize(lm_str_of(literal->text), &text);
	literal->text = lm_arena_strndup(arena, lm_buf_cstr(&text), text.len);
}

static int
check_operands(struct lm_reader *reader, struct lm_marker *marker)
{
	struct lm_operand *left = &marker->left, *right = &marker->right;
	bool membership = marker->comparison == LM_IN || marker->comparison == LM_NOT_IN;
	if (left->variable == LM_VAR_LITERAL && right->variable == LM_VAR_LITERAL)
		return lm_reader_fail(reader, left->at, "a marker cannot compare two strings");
	if (left->variable != LM_VAR_LITERAL && right->variable != LM_VAR_LITERAL)
		return lm_reader_fail(reader, left->at, "a marker cannot compare two variables");
	if (is_set(left) || (is_set(right) && !membership))
		return lm_reader_fail(reader, left->at, "'extras' and 'dependency_groups' can only follow 'in' or 'not in'");
	if (left->variable == LM_VAR_EXTRA)
		normalize_literal(right, reader->arena);
	if (right->variable == LM_VAR_EXTRA || is_set(right))
		normalize_literal(left, reader->arena);
	return 0;
}

static struct lm_marker *
new_marker(struct lm_reader *reader)
{
	return lm_arena_alloc(reader->arena, sizeof(struct lm_marker));
}

static int
read_item(struct lm_reader *reader, struct lm_marker **out)
{
	struct lm_marker *marker = *out = new_marker(reader);
	if (read_operand(reader, &marker->left) < 0)
		return -1;
	lm_scan_blanks(&reader->scan);
	if (read_comparison(reader, &marker->comparison) < 0)
		return -1;
	lm_scan_blanks(&reader->scan);
	if (read_operand(reader, &marker->right) < 0)
		return -1;
	return check_operands(reader, marker);
}

static int read_list(struct lm_reader *reader, unsigned depth, struct lm_marker **out);

static int
read_atom(struct lm_reader *reader, unsigned depth, struct lm_marker **out)
{
	struct lm_scan *scan = &reader->scan;
	lm_scan_blanks(scan);
	size_t open = scan->at;
	if (!lm_scan_byte(scan, '(')) {
		if (read_item(reader, out) < 0)
			return -1;
	} else {
		if (depth == LM_MARKER_MAX_DEPTH)
			return lm_reader_fail(reader, open, "parentheses nested deeper than %d", LM_MARKER_MAX_DEPTH);
		if (read_list(reader, depth + 1, out) < 0)
			return -1;
		if (lm_scan_end(scan))
			return lm_reader_fail(reader, open, "'(' is never closed");
		if (!lm_scan_byte(scan, ')'))
			return lm_reader_fail(
				reader, scan->at, "expected 'and', 'or' or ')', found %s", lm_reader_found(reader, scan->at));
	}
	lm_scan_blanks(scan);
	return 0;
}

// One atom alone stands for itself, so redundant parentheses vanish.
static int
read_list(struct lm_reader *reader, unsigned depth, struct lm_marker **out)
{
	struct lm_marker *first = nullptr;
	if (read_atom(reader, depth, &first) < 0)
		return -1;
	*out = first;

	LM_AUTO(lm_free_ptr) struct lm_marker_item *items = nullptr;
	size_t count = 0, cap = 0;
	bool after_or = false;
	do {
		struct lm_marker *next = first;
		if (count > 0 && read_atom(reader, depth, &next) < 0)
			return -1;
		lm_grow(items, count, cap);
		items[count++] = (struct lm_marker_item){ next, after_or };
		after_or = read_keyword(&reader->scan, "or");
	} while (after_or || read_keyword(&reader->scan, "and"));
	if (count == 1)
		return 0;
	struct lm_marker *list = *out = new_marker(reader);
	list->count = count;
	list->items = lm_arena_alloc(reader->arena, count * sizeof *items);
	memcpy(list->items, items, count * sizeof *items);
	return 0;
}

int
lm_reader_marker(struct lm_reader *reader, struct lm_marker **out)
{
	return read_list(reader, 0, out);
}

int
lm_marker_parse(struct lm_str text, struct lm_arena *arena, struct lm_marker **out, struct lm_err *err)
{
	struct lm_reader reader;
	if (lm_reader_init(&reader, text, arena, err) < 0 || lm_reader_marker(&reader, out) < 0)
		return -1;
	if (!lm_scan_end(&reader.scan))
		return lm_reader_fail(&reader, reader.scan.at, "expected 'and', 'or' or the end of the marker, found %s",
			lm_reader_found(&reader, reader.scan.at));
	return 0;
}
