#include "rows.h"

#include "archive/entry.h"
#include "base/str.h"
#include "folder.h"
#include "os/file.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { ENTRIES_MAX = 8 };

// kind: 'f' file, 'x' executable file, 'd' folder, 'l' link; value: bytes or target
struct made {
	char kind;
	const char *path, *value, *origin;
};

static void
make(struct lm_entries *entries, const struct made *made)
{
	for (; made->path != nullptr; made++) {
		if (made->kind == 'l') {
			lm_entries_add_link(entries, made->path, made->value, made->origin);
		} else if (made->kind == 'd') {
			struct lm_entry *entry = lm_entries_add(entries);
			*entry = (struct lm_entry){ .path = made->path, .type = LM_ENTRY_FOLDER, .origin = made->origin };
		} else {
			lm_entries_add_text(
				entries, made->path, made->value, strlen(made->value), made->kind == 'x', made->origin);
		}
	}
}

static void
refused_lists(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		bool fold_case;
		struct made made[ENTRIES_MAX];
		enum lm_code code;
		const char *text;
	} rows[] = {
		{ "bytes", false, { { 'f', "a/b", "1", "numpy 2.4.6" }, { 'f', "a/b", "2", "scipy 1.17" } }, LM_E_CONFLICT,
			"two entries for 'a/b': 'numpy 2.4.6' and 'scipy 1.17' differ in bytes" },
		{ "bytes, order of adding is no matter", false,
			{ { 'f', "a/b", "2", "scipy 1.17" }, { 'f', "a/b", "1", "numpy 2.4.6" } }, LM_E_CONFLICT,
			"two entries for 'a/b': 'numpy 2.4.6' and 'scipy 1.17' differ in bytes" },
		{ "mode", false, { { 'f', "a", "1", "x" }, { 'x', "a", "1", "y" } }, LM_E_CONFLICT,
			"two entries for 'a': 'x' and 'y' differ in mode" },
		{ "type", false, { { 'f', "a", "1", "x" }, { 'd', "a", "", "y" } }, LM_E_CONFLICT,
			"two entries for 'a': 'x' and 'y' differ in type" },
		{ "target", false, { { 'l', "a", "b", "x" }, { 'l', "a", "c", "y" } }, LM_E_CONFLICT,
			"two entries for 'a': 'x' and 'y' differ in target" },
		{ "file above", false, { { 'f', "a/b/c", "1", "x" }, { 'f', "a-b", "", "z" }, { 'f', "a", "1", "y" } },
			LM_E_CONFLICT, "a file where a folder is needed: 'a' of 'y', and 'a/b/c' of 'x'" },
		{ "link above", false, { { 'f', "a/b/c", "1", "x" }, { 'l', "a/b", "..", "y" } }, LM_E_CONFLICT,
			"a link where a folder is needed: 'a/b' of 'y', and 'a/b/c' of 'x'" },
		{ "case of names", true, { { 'f', "d/Readme", "1", "x" }, { 'f', "d/README", "1", "y" } }, LM_E_CONFLICT,
			"names that differ only in case: 'd/README' of 'y' and 'd/Readme' of 'x'" },
		{ "case of folders", true, { { 'f', "pil/a", "1", "x" }, { 'f', "PIL/b", "1", "y" } }, LM_E_CONFLICT,
			"names that differ only in case: 'PIL' of 'y' and 'pil' of 'x'" },
		{ "case of a file and a folder", true, { { 'f', "a/b", "1", "x" }, { 'f', "A", "1", "y" } }, LM_E_CONFLICT,
			"names that differ only in case: 'A' of 'y' and 'a' of 'x'" },
		{ "case beyond ASCII", true,
			{ { 'f',
				  "stra\xc3\x9f"
				  "e",
				  "1", "x" },
				{ 'f', "STRASSE", "1", "y" } },
			LM_E_CONFLICT,
			"names that differ only in case: 'STRASSE' of 'y' and 'stra\xc3\x9f"
			"e' of 'x'" },
		{ "absolute link", false, { { 'l', "a/b", "/etc/passwd", "x" } }, LM_E_SYNTAX,
			"link with an absolute target: 'a/b' -> '/etc/passwd' of 'x'" },
		{ "link far up", false, { { 'l', "a/b", "../../../c", "x" } }, LM_E_SYNTAX,
			"link with a target outside of the stack's folder: 'a/b' -> '../../../c' of 'x'" },
		{ "link far up from the top", false, { { 'l', "b", "./..//../c", "x" } }, LM_E_SYNTAX,
			"link with a target outside of the stack's folder: 'b' -> './..//../c' of 'x'" },
		{ "link back up", false, { { 'l', "b", "c/../d", "x" } }, LM_E_SYNTAX,
			"link with '..' after a name in its target: 'b' -> 'c/../d' of 'x'" },
		{ "empty link", false, { { 'l', "b", "", "x" } }, LM_E_SYNTAX, "link with an empty target: 'b' -> '' of 'x'" },
		{ "link with backslash", false, { { 'l', "b", "c\\d", "x" } }, LM_E_SYNTAX,
			"link with a control byte or backslash in its target: 'b' -> 'c\\d' of 'x'" },
		{ "link with newline", false, { { 'l', "b", "c\nd", "x" } }, LM_E_SYNTAX,
			"link with a control byte or backslash in its target: 'b' -> 'c\nd' of 'x'" },
		{ "link with an escape sequence", false,
			{ { 'l', "b",
				"c\xc2\x9b"
				"d",
				"x" } },
			LM_E_SYNTAX,
			"link with a control byte or backslash in its target: 'b' -> 'c\xc2\x9b"
			"d' of 'x'" },
		{ "link not UTF-8", false, { { 'l', "b", "c\xff", "x" } }, LM_E_SYNTAX,
			"link with a target that is not UTF-8: 'b' -> 'c\xff' of 'x'" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_entries_release) struct lm_entries entries = {};
		struct lm_err err = {};
		make(&entries, rows[i].made);
		row_int_equal(rows[i].row, lm_entries_finish(&entries, rows[i].fold_case, &err), -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_str_equal(rows[i].row, err.text, rows[i].text);
	}
}

static void
refused_paths(void **state)
{
	(void)state;
	static const char *const paths[] = { "", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\\b", "a\nb", "a\xff", "c:/a" };
	for (size_t i = 0; i < LM_COUNT(paths); i++) {
		LM_AUTO(lm_entries_release) struct lm_entries entries = {};
		struct lm_err err = {};
		lm_entries_add_text(&entries, paths[i], "", 0, false, "evil 1.0");
		row_int_equal(paths[i], lm_entries_finish(&entries, false, &err), -1);
		row_int_equal(paths[i], err.code, LM_E_SYNTAX);
		row_true(paths[i], lm_cstr_starts(err.text, "entry of 'evil 1.0': "));
	}
}

// The list as text, one entry a line.
static void
join(const struct lm_entries *entries, struct lm_buf *out)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct lm_entry *entry = &entries->items[i];
		lm_buf_format(out, "%d %s %s\n", (int)entry->type, entry->path, entry->origin);
	}
}

static void
finished_lists(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		bool fold_case;
		struct made made[ENTRIES_MAX];
		const char *want;
	} rows[] = {
		{ "empty", true, { { 0 } }, "" },
		{ "by byte", false,
			{ { 'f', "a/b", "", "x" }, { 'f', "a-b", "", "x" }, { 'f', "B", "", "x" }, { 'f', "a0", "", "x" },
				{ 'f', "\xc3\xa9", "", "x" } },
			"0 B x\n0 a-b x\n0 a/b x\n0 a0 x\n0 \xc3\xa9 x\n" },
		{ "equal ones become one", true,
			{ { 'f', "a", "1", "y" }, { 'f', "a", "1", "x" }, { 'l', "b", "a", "y" }, { 'l', "b", "a", "x" },
				{ 'd', "c", "", "y" }, { 'd', "c", "", "x" } },
			"0 a x\n2 b x\n1 c x\n" },
		{ "folders with content go", true,
			{ { 'd', "a", "", "x" }, { 'd', "a/b", "", "x" }, { 'f', "a/b/c", "", "x" }, { 'd', "a/d", "", "x" },
				{ 'd', "a-a", "", "x" } },
			"1 a-a x\n0 a/b/c x\n1 a/d x\n" },
		{ "case told apart", false, { { 'f', "a", "1", "x" }, { 'f', "A", "2", "x" } }, "0 A x\n0 a x\n" },
		{ "links", true,
			{ { 'l', "a", "../other/x", "x" }, { 'l', "b/c", "../../other", "x" }, { 'l', "b/d", "./e/./f/", "x" },
				{ 'l', "e", "..", "x" } },
			"2 a x\n2 b/c x\n2 b/d x\n2 e x\n" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_entries_release) struct lm_entries entries = {};
		struct lm_err err = {};
		make(&entries, rows[i].made);
		for (int again = 0; again < 2; again++) {
			LM_AUTO(lm_buf_release) struct lm_buf text = {};
			row_int_equal(rows[i].row, lm_entries_finish(&entries, rows[i].fold_case, &err), 0);
			join(&entries, &text);
			row_str_equal(rows[i].row, lm_buf_cstr(&text), rows[i].want);
		}
	}
}

static void
finding(void **state)
{
	(void)state;
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	struct lm_err err = {};
	assert_null(lm_entries_find(&entries, "a"));
	make(&entries, (const struct made[]){ { 'f', "b/c", "1", "x" }, { 'f', "a", "22", "x" }, {} });
	assert_int_equal(lm_entries_finish(&entries, true, &err), 0);
	assert_int_equal(lm_entries_find(&entries, "a")->size, 2);
	assert_string_equal(lm_entries_find(&entries, "b/c")->path, "b/c");
	assert_null(lm_entries_find(&entries, "b"));
	assert_null(lm_entries_find(&entries, "b/d"));
	assert_null(lm_entries_find(&entries, ""));
}

// Made by: printf '...' | sha256sum, with the lines of the header's grammar.
static void
content_hash(void **state)
{
	(void)state;
	struct lm_err err = {};
	char hex[LM_DIGEST_HEX];
	struct lm_digest digest;
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	lm_entries_content_hash(&entries, &digest);
	lm_digest_hex(&digest, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

	make(&entries,
		(const struct made[]){ { 'f', "a b", "abc", "x" }, { 'x', "a/100%", "", "x" },
			{ 'l', "bin/py thon", "../../x y%", "x" }, { 'd', "em pty", "", "x" }, {} });
	assert_int_equal(lm_entries_finish(&entries, true, &err), 0);
	lm_entries_content_hash(&entries, &digest);
	lm_digest_hex(&digest, hex);
	assert_string_equal(hex, "2b4590ed86855414e1eec59c7bb8a5d3ddabf5ce30b430f66193de054aab49d3");
}

static int
collect(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	struct lm_buf *out = context;
	if (len > 1024 * 1024)
		return lm_err_set(err, LM_E_LIMIT, "piece above 1 MiB");
	lm_buf_append(out, bytes, len);
	return 0;
}

static int
refuse(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	(void)context, (void)bytes, (void)len;
	return lm_err_set(err, LM_E_IO, "the sink is full");
}

enum { TEXT_BYTES = 1500000 };

// Compressible, but not the same everywhere.
static unsigned char *
make_text(void)
{
	unsigned char *text = lm_alloc(TEXT_BYTES);
	for (uint32_t i = 0; i < TEXT_BYTES; i++)
		text[i] = (unsigned char)((i * i >> 7) ^ (i >> 3));
	return text;
}

static size_t
deflate_text(const unsigned char *text, unsigned char *out, size_t room)
{
	z_stream stream = {
		.next_in = (unsigned char *)(uintptr_t)text, .avail_in = TEXT_BYTES, .next_out = out, .avail_out = (uInt)room
	};
	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	(void)deflateEnd(&stream);
	return stream.total_out;
}

static void
reading(void **state)
{
	(void)state;
	LM_AUTO(lm_free_ptr) unsigned char *text = make_text();
	LM_AUTO(lm_free_ptr) unsigned char *blob = lm_alloc(2 * TEXT_BYTES + 7);
	memcpy(blob + 3, text, TEXT_BYTES);
	size_t at = TEXT_BYTES + 5, stored = deflate_text(text, blob + at, TEXT_BYTES);
	struct folder folder = folder_make();
	const char *file = folder_at(&folder, "file");
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, blob, at + stored), (ssize_t)(at + stored));
	assert_int_equal(close(fd), 0);

	const struct {
		const char *row;
		enum lm_content_kind kind;
		uint64_t offset, stored_size, size;
		unsigned flip; // of the digest
		enum lm_code code;
		const char *text;
	} rows[] = {
		{ "memory", LM_CONTENT_MEMORY, 0, 0, TEXT_BYTES, 0, LM_OK, "" },
		{ "file", LM_CONTENT_FILE, 3, 0, TEXT_BYTES, 0, LM_OK, "" },
		{ "deflate", LM_CONTENT_DEFLATE, at, stored, TEXT_BYTES, 0, LM_OK, "" },
		{ "nothing", LM_CONTENT_NONE, 0, 0, 0, 0, LM_OK, "" },
		{ "memory, other digest", LM_CONTENT_MEMORY, 0, 0, TEXT_BYTES, 1, LM_E_INTEGRITY,
			"the bytes do not match their digest: 'a/b' of 'x 1.0'" },
		{ "file, other digest", LM_CONTENT_FILE, 3, 0, TEXT_BYTES, 1, LM_E_INTEGRITY,
			"the bytes do not match their digest: 'a/b' of 'x 1.0'" },
		{ "nothing, other digest", LM_CONTENT_NONE, 0, 0, 0, 1, LM_E_INTEGRITY,
			"the bytes do not match their digest: 'a/b' of 'x 1.0'" },
		{ "file, other offset", LM_CONTENT_FILE, 4, 0, TEXT_BYTES, 0, LM_E_INTEGRITY,
			"the bytes do not match their digest: 'a/b' of 'x 1.0'" },
		{ "file ends early", LM_CONTENT_FILE, at + stored - 100, 0, TEXT_BYTES, 0, LM_E_INTEGRITY,
			"the source ends early: 'a/b' of 'x 1.0'" },
		{ "offset beyond all", LM_CONTENT_FILE, UINT64_MAX - 5, 0, TEXT_BYTES, 0, LM_E_INTEGRITY,
			"the source ends early: 'a/b' of 'x 1.0'" },
		{ "deflate ends early", LM_CONTENT_DEFLATE, at, stored - 1, TEXT_BYTES, 0, LM_E_INTEGRITY,
			"the source ends early: 'a/b' of 'x 1.0'" },
		{ "deflate beyond the file", LM_CONTENT_DEFLATE, at + stored, stored, TEXT_BYTES, 0, LM_E_INTEGRITY,
			"the source ends early: 'a/b' of 'x 1.0'" },
		{ "deflate of less", LM_CONTENT_DEFLATE, at, stored, TEXT_BYTES + 1, 0, LM_E_INTEGRITY,
			"the source ends early: 'a/b' of 'x 1.0'" },
		{ "deflate of more", LM_CONTENT_DEFLATE, at, stored, TEXT_BYTES - 1, 0, LM_E_INTEGRITY,
			"the source is longer than its size: 'a/b' of 'x 1.0'" },
		{ "deflate of zero", LM_CONTENT_DEFLATE, at, stored, 0, 0, LM_E_INTEGRITY,
			"the source is longer than its size: 'a/b' of 'x 1.0'" },
		{ "no deflate", LM_CONTENT_DEFLATE, at + 1, stored - 1, TEXT_BYTES, 0, LM_E_INTEGRITY,
			"the source does not inflate: 'a/b' of 'x 1.0'" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_entry entry = { .path = "a/b",
			.origin = "x 1.0",
			.size = rows[i].size,
			.content = { rows[i].kind, text, file, rows[i].offset, rows[i].stored_size } };
		lm_sha256_bytes(text, rows[i].size == 0 ? 0 : TEXT_BYTES, &entry.digest);
		entry.digest.bytes[31] ^= (uint8_t)rows[i].flip;
		LM_AUTO(lm_buf_release) struct lm_buf got = {};
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_entry_read(&entry, collect, &got, &err), rows[i].code == LM_OK ? 0 : -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_str_equal(rows[i].row, err.text, rows[i].text);
		if (rows[i].code != LM_OK)
			continue;
		row_int_equal(rows[i].row, got.len, rows[i].size);
		row_true(rows[i].row, got.len == 0 || memcmp(got.ptr, text, got.len) == 0);
	}
	folder_remove(&folder);
}

static void
reading_fails(void **state)
{
	(void)state;
	struct lm_err err = {};
	struct lm_entry entry = {
		.path = "a/b", .origin = "x 1.0", .size = 1, .content = { .kind = LM_CONTENT_FILE, .file = "/nonexistent/blob" }
	};
	assert_int_equal(lm_entry_read(&entry, refuse, nullptr, &err), -1);
	assert_int_equal(err.code, LM_E_IO);
	assert_string_equal(err.text, "cannot open '/nonexistent/blob': No such file or directory");

	lm_err_clear(&err);
	entry.content.file = "/";
	assert_int_equal(lm_entry_read(&entry, refuse, nullptr, &err), -1);
	assert_string_equal(err.text, "cannot read '/': Is a directory");

	lm_err_clear(&err);
	entry.content = (struct lm_content){ .kind = LM_CONTENT_MEMORY, .memory = "a" };
	assert_int_equal(lm_entry_read(&entry, refuse, nullptr, &err), -1);
	assert_string_equal(err.text, "the sink is full");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_lists),
		cmocka_unit_test(refused_paths),
		cmocka_unit_test(finished_lists),
		cmocka_unit_test(finding),
		cmocka_unit_test(content_hash),
		cmocka_unit_test(reading),
		cmocka_unit_test(reading_fails),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
