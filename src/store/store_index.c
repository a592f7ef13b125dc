// Index files (docs/formats/store.md): the entries of a source as text, so that they are computed once.
#include "os/path.h"
#include "store/store_parts.h"

#include <string.h>

enum { INDEX_MAX_BYTES = 512 * 1024 * 1024, END_LEN = 4 + 64 + 1 }; // "end <64 hex>\n"

static void
write_entry(struct lm_buf *out, const struct lm_entry *entry)
{
	char hex[LM_DIGEST_HEX];
	switch (entry->type) {
	case LM_ENTRY_FILE:
		lm_digest_hex(&entry->digest, hex);
		lm_buf_format(out, "%c\t%s\t%llu\t%llu\t", entry->executable ? 'x' : 'f', hex, (unsigned long long)entry->size,
			(unsigned long long)entry->content.offset);
		if (entry->content.kind == LM_CONTENT_DEFLATE)
			lm_buf_format(out, "%llu", (unsigned long long)entry->content.stored_size);
		else
			lm_buf_byte(out, '-');
		break;
	case LM_ENTRY_FOLDER:
		lm_buf_byte(out, 'd');
		break;
	case LM_ENTRY_LINK:
		lm_buf_format(out, "l\t%s", entry->link);
		break;
	}
	lm_buf_format(out, "\t%s\n", entry->path);
}

int
store_index_write(struct lm_store *store, const struct store_index *index, const struct lm_entries *entries, struct lm_err *err)
{
	char hex[LM_DIGEST_HEX];
	struct lm_digest digest = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_digest_hex(index->source, hex);
	lm_buf_format(&text, "lamina-index %d\nsource %s\norigin %s\ncontent %llu\nentries %zu\n", STORE_INDEX_FORMAT, hex,
		index->origin, (unsigned long long)index->content_size, entries->count);
	for (size_t i = 0; i < entries->count; i++)
		write_entry(&text, &entries->items[i]);
	lm_sha256_bytes(text.ptr, text.len, &digest);
	lm_digest_hex(&digest, hex);
	lm_buf_format(&text, "end %s\n", hex);

	LM_AUTO(lm_free_ptr) char *path = store_path(store, "index", index->source, index->suffix);
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);
	if (store_make_parent(path, err) < 0 || lm_outfile_sweep(folder, err) < 0)
		return -1;
	return lm_file_replace(path, text.ptr, text.len, 0644, err);
}

// "name value\n" at the front of `rest`.
static bool
take_line(struct lm_str *rest, const char *name, struct lm_str *value)
{
	struct lm_str line = lm_str_cut(rest, '\n');
	struct lm_str found = lm_str_cut(&line, ' ');
	*value = line;
	return lm_str_equal(found, lm_str_of(name));
}

// The text is ours to write into: the NUL goes where the separator was.
static const char *
end_here(struct lm_str field)
{
	((char *)(uintptr_t)field.ptr)[field.len] = '\0';
	return field.ptr;
}

static bool
read_file(struct lm_str *line, const struct store_index *index, struct lm_entry *entry)
{
	struct lm_str digest = lm_str_cut(line, '\t'), size = lm_str_cut(line, '\t'), offset = lm_str_cut(line, '\t'),
		      stored = lm_str_cut(line, '\t');
	bool plain = lm_str_equal(stored, LM_STR("-"));
	if (!lm_digest_parse(digest, &entry->digest) || !lm_parse_u64(size, INT64_MAX, &entry->size) ||
		!lm_parse_u64(offset, index->content_size, &entry->content.offset))
		return false;
	entry->content.stored_size = entry->size;
	if (!plain && !lm_parse_u64(stored, INT64_MAX, &entry->content.stored_size))
		return false;
	entry->content.kind = plain ? LM_CONTENT_FILE : LM_CONTENT_DEFLATE;
	entry->content.file = index->content_file;
	return entry->content.stored_size <= index->content_size - entry->content.offset;
}

// One line; it is followed by at least the end line, so there is a byte after it.
static bool
read_entry(struct lm_str line, const struct store_index *index, struct lm_entries *entries)
{
	struct lm_entry *entry = lm_entries_add(entries);
	struct lm_str type = lm_str_cut(&line, '\t');
	if (type.len != 1)
		return false;
	switch (type.ptr[0]) {
	case 'x':
	case 'f':
		entry->executable = type.ptr[0] == 'x';
		if (!read_file(&line, index, entry))
			return false;
		break;
	case 'd':
		entry->type = LM_ENTRY_FOLDER;
		break;
	case 'l':
		entry->type = LM_ENTRY_LINK;
		entry->link = end_here(lm_str_cut(&line, '\t'));
		break;
	default:
		return false;
	}
	if (line.len == 0)
		return false;
	entry->path = end_here(line);
	entry->origin = index->origin;
	return true;
}

// `text`: all but the end line, whose digest was right; so what does not fit was written by a program with a fault.
static enum store_index_state
read_text(struct lm_str rest, struct store_index *index, struct lm_entries *entries)
{
	struct lm_str value = {};
	struct lm_digest source = {};
	uint64_t format = 0, count = 0;
	if (!take_line(&rest, "lamina-index", &value) || !lm_parse_u64(value, UINT32_MAX, &format))
		return STORE_INDEX_DAMAGED;
	if (format != STORE_INDEX_FORMAT)
		return STORE_INDEX_ABSENT;
	if (!take_line(&rest, "source", &value) || !lm_digest_parse(value, &source) ||
		!lm_digest_equal(&source, index->source) || !take_line(&rest, "origin", &value))
		return STORE_INDEX_DAMAGED;
	if (index->origin == nullptr)
		index->origin = end_here(value);
	if (!lm_str_equal(value, lm_str_of(index->origin)))
		return STORE_INDEX_ABSENT;
	if (!take_line(&rest, "content", &value) || !lm_parse_u64(value, INT64_MAX, &index->content_size) ||
		!take_line(&rest, "entries", &value) || !lm_parse_u64(value, UINT32_MAX, &count))
		return STORE_INDEX_DAMAGED;
	for (uint64_t i = 0; i < count; i++) {
		if (rest.len == 0 || !read_entry(lm_str_cut(&rest, '\n'), index, entries))
			return STORE_INDEX_DAMAGED;
	}
	return rest.len == 0 ? STORE_INDEX_READ : STORE_INDEX_DAMAGED;
}

// Is the last line the digest of all before it? Cuts it off.
static bool
check_end(struct lm_str *text)
{
	struct lm_digest said = {}, found = {};
	if (text->len < END_LEN)
		return false;
	struct lm_str end = { text->ptr + (text->len - END_LEN), END_LEN };
	text->len -= END_LEN;
	if (memcmp(end.ptr, "end ", 4) != 0 || end.ptr[END_LEN - 1] != '\n' ||
		!lm_digest_parse((struct lm_str){ end.ptr + 4, 64 }, &said))
		return false;
	lm_sha256_bytes(text->ptr, text->len, &found);
	return lm_digest_equal(&said, &found);
}

int
store_index_read(struct lm_store *store, struct store_index *index, struct lm_entries *entries, enum store_index_state *state,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "index", index->source, index->suffix);
	LM_AUTO(lm_free_ptr) char *bytes = nullptr;
	size_t len = 0, before = entries->count;
	*state = STORE_INDEX_ABSENT;
	if (lm_file_read(path, INDEX_MAX_BYTES, &bytes, &len, err) < 0) {
		if (err->code != LM_E_NOT_FOUND)
			return -1;
		lm_err_clear(err);
		return 0;
	}
	char *copy = lm_arena_alloc(&entries->arena, len + 1);
	memcpy(copy, bytes, len);
	struct lm_str text = { copy, len };
	*state = check_end(&text) ? read_text(text, index, entries) : STORE_INDEX_DAMAGED;
	if (*state != STORE_INDEX_READ)
		entries->count = before;
	return 0;
}
