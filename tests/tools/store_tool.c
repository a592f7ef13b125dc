// The store, driven from outside. Results as JSON on stdout, events on stderr as "<kind>: <text>", failures as
// "<code>: <message>" with exit 1.
//   store_tool ROOT wheel|runtime DIGEST NAME [read]       entries; read: and all their bytes
//   store_tool ROOT add FILE [DIGEST]
//   store_tool ROOT url URL NAME MAX_BYTES
//   store_tool ROOT fetch PARALLEL [FOLDER ...] -- [NAME DIGEST SIZE URL|- ...]
//   store_tool ROOT find DIGEST | note-get KEY | note-set KEY VALUE
//   store_tool ROOT recheck DIGEST NAME | size | verify | gc MAX_BYTES
//   store_tool ROOT hold                                   keep it open until standard input ends
#include "../support/code_name.h"
#include "base/mem.h"
#include "store/store.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

static void
emit(void *, const struct lm_event *event)
{
	static const char *const kinds[] = { "begin", "progress", "end", "warning", "note" };
	if (event->kind == LM_EVENT_WARNING || event->kind == LM_EVENT_NOTE)
		(void)fprintf(stderr, "%s: %s\n", kinds[event->kind], event->text);
	else if (event->kind == LM_EVENT_BEGIN)
		(void)fprintf(stderr, "begin: %s %s\n", event->step, event->subject);
}

static void
print(json_t *json)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(json, &text);
	(void)fputs(lm_buf_cstr(&text), stdout);
	json_decref(json);
}

static int
print_digest(const struct lm_digest *digest)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(digest, hex);
	print(json_string(hex));
	return 0;
}

static json_t *
entry_json(const struct lm_entry *entry)
{
	static const char *const types[] = { "file", "folder", "link" },
				 *const kinds[] = { "none", "memory", "file", "deflate" };
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&entry->digest, hex);
	json_t *json = json_pack("{s:s, s:s, s:s}", "path", entry->path, "type", types[entry->type], "origin", entry->origin);
	if (entry->type == LM_ENTRY_LINK)
		(void)json_object_set_new(json, "link", json_string(entry->link));
	if (entry->type == LM_ENTRY_FILE)
		(void)json_object_update_new(json,
			json_pack("{s:I, s:s, s:b, s:I, s:I, s:s, s:s}", "size", (json_int_t)entry->size, "sha256", hex,
				"executable", (int)entry->executable, "offset", (json_int_t)entry->content.offset,
				"stored_size", (json_int_t)entry->content.stored_size, "file", entry->content.file, "kind",
				kinds[entry->content.kind]));
	return json;
}

static int
nowhere(void *, const void *, size_t, struct lm_err *)
{
	return 0;
}

static int
entries(struct lm_store *store, char **args, struct lm_err *err)
{
	struct lm_digest digest = {};
	LM_AUTO(lm_entries_release) struct lm_entries list = {};
	if (args[1] == nullptr || args[2] == nullptr || !lm_digest_parse(lm_str_of(args[1]), &digest))
		return lm_err_set(err, LM_E_USAGE, "usage: wheel|runtime DIGEST NAME [read]");
	if ((strcmp(args[0], "wheel") == 0 ? lm_store_wheel_entries : lm_store_runtime_entries)(
		    store, &digest, args[2], &list, err) < 0)
		return list.count == 0 ? -1 : lm_err_wrap(err, "entries were left behind");
	json_t *json = json_array();
	for (size_t i = 0; i < list.count; i++) {
		(void)json_array_append_new(json, entry_json(&list.items[i]));
		if (args[3] != nullptr && list.items[i].type == LM_ENTRY_FILE &&
			lm_entry_read(&list.items[i], nowhere, nullptr, err) < 0) {
			json_decref(json);
			return -1;
		}
	}
	print(json);
	return 0;
}

static int
add(struct lm_store *store, char **args, struct lm_err *err)
{
	struct lm_digest expected = {}, found = {};
	bool has = args[2] != nullptr;
	if (has && !lm_digest_parse(lm_str_of(args[2]), &expected))
		return lm_err_set(err, LM_E_USAGE, "usage: add FILE [DIGEST]");
	return lm_store_add_file(store, args[1], has ? &expected : nullptr, &found, err) < 0 ? -1 : print_digest(&found);
}

static int
add_url(struct lm_store *store, char **args, struct lm_err *err)
{
	uint64_t max_bytes = 0;
	struct lm_digest found = {};
	if (args[2] == nullptr || args[3] == nullptr || !lm_parse_u64(lm_str_of(args[3]), UINT64_MAX, &max_bytes))
		return lm_err_set(err, LM_E_USAGE, "usage: url URL NAME MAX_BYTES");
	return lm_store_add_url(store, args[1], args[2], max_bytes, &found, err) < 0 ? -1 : print_digest(&found);
}

static int
fetch(struct lm_store *store, char **args, struct lm_err *err)
{
	struct lm_wanted wanted[200] = {};
	size_t folders = 0, count = 0;
	uint64_t parallel = 0;
	while (args[2 + folders] != nullptr && strcmp(args[2 + folders], "--") != 0)
		folders++;
	if (args[2 + folders] == nullptr || !lm_parse_u64(lm_str_of(args[1]), 100, &parallel))
		return lm_err_set(err, LM_E_USAGE, "usage: fetch PARALLEL [FOLDER ...] -- [NAME DIGEST SIZE URL|- ...]");
	for (char **at = args + 3 + folders; *at != nullptr && count < LM_COUNT(wanted); at += 4) {
		struct lm_wanted *one = &wanted[count++];
		one->name = at[0];
		one->url = strcmp(at[3], "-") == 0 ? nullptr : at[3];
		if (!lm_digest_parse(lm_str_of(at[1]), &one->digest) ||
			!lm_parse_u64(lm_str_of(at[2]), UINT64_MAX, &one->size_bytes))
			return lm_err_set(err, LM_E_USAGE, "not a digest or size: %s %s", at[1], at[2]);
	}
	return lm_store_fetch(store, wanted, count, (const char *const *)args + 2, folders, (unsigned)parallel, err);
}

static int
find(struct lm_store *store, char **args, struct lm_err *err)
{
	struct lm_digest digest = {};
	if (args[1] == nullptr || !lm_digest_parse(lm_str_of(args[1]), &digest))
		return lm_err_set(err, LM_E_USAGE, "usage: find DIGEST");
	LM_AUTO(lm_free_ptr) char *path = lm_store_find(store, &digest);
	print(path == nullptr ? json_null() : json_string(path));
	return 0;
}

static int
note_get(struct lm_store *store, char **args, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *value = nullptr;
	if (lm_store_note_get(store, args[1], &value, err) < 0)
		return -1;
	print(value == nullptr ? json_null() : json_string(value));
	return 0;
}

static int
note_set(struct lm_store *store, char **args, struct lm_err *err)
{
	return lm_store_note_set(store, args[1], args[2], err);
}

static int
recheck(struct lm_store *store, char **args, struct lm_err *err)
{
	struct lm_digest digest = {};
	bool set_aside = false;
	if (args[1] == nullptr || args[2] == nullptr || !lm_digest_parse(lm_str_of(args[1]), &digest))
		return lm_err_set(err, LM_E_USAGE, "usage: recheck DIGEST NAME");
	if (lm_store_recheck(store, &digest, args[2], &set_aside, err) < 0)
		return -1;
	print(json_boolean(set_aside));
	return 0;
}

static int
size(struct lm_store *store, char **, struct lm_err *err)
{
	struct lm_store_size out;
	if (lm_store_size(store, &out, err) < 0)
		return -1;
	print(json_pack("{s:[II], s:[II], s:[II], s:[II], s:[II], s:[II], s:I}", "sources", (json_int_t)out.sources.files,
		(json_int_t)out.sources.bytes, "blobs", (json_int_t)out.blobs.files, (json_int_t)out.blobs.bytes, "index",
		(json_int_t)out.index.files, (json_int_t)out.index.bytes, "segments", (json_int_t)out.segments.files,
		(json_int_t)out.segments.bytes, "trees", (json_int_t)out.trees.files, (json_int_t)out.trees.bytes, "other",
		(json_int_t)out.other.files, (json_int_t)out.other.bytes, "bytes", (json_int_t)out.bytes));
	return 0;
}

static int
verify(struct lm_store *store, char **, struct lm_err *err)
{
	struct lm_store_verified out;
	if (lm_store_verify(store, &out, err) < 0)
		return -1;
	print(json_pack("{s:I, s:I, s:I, s:I, s:I}", "sources", (json_int_t)out.sources, "blobs", (json_int_t)out.blobs,
		"segments", (json_int_t)out.segments, "bytes", (json_int_t)out.bytes, "bad", (json_int_t)out.bad));
	return 0;
}

static int
gc(struct lm_store *store, char **args, struct lm_err *err)
{
	struct lm_store_gc out;
	uint64_t max_bytes = 0;
	if (args[1] == nullptr || !lm_parse_u64(lm_str_of(args[1]), UINT64_MAX, &max_bytes))
		return lm_err_set(err, LM_E_USAGE, "usage: gc MAX_BYTES");
	if (lm_store_gc(store, max_bytes, &out, err) < 0)
		return -1;
	print(json_pack("{s:I, s:I, s:I, s:b}", "removed", (json_int_t)out.removed, "removed_bytes",
		(json_int_t)out.removed_bytes, "kept_bytes", (json_int_t)out.kept_bytes, "in_use", (int)out.in_use));
	return 0;
}

static int
hold(struct lm_store *, char **, struct lm_err *)
{
	(void)fputs("open\n", stdout);
	(void)fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct lm_store *store, char **args, struct lm_err *err);
} commands[] = {
	{ "wheel", entries },
	{ "runtime", entries },
	{ "add", add },
	{ "url", add_url },
	{ "fetch", fetch },
	{ "find", find },
	{ "note-get", note_get },
	{ "note-set", note_set },
	{ "recheck", recheck },
	{ "size", size },
	{ "verify", verify },
	{ "gc", gc },
	{ "hold", hold },
};

int
main(int argc, char **argv)
{
	struct lm_err err = {};
	struct lm_sink sink = { .emit = emit };
	LM_AUTO(lm_store_close_ptr) struct lm_store *store = nullptr;
	int rc = argc < 3 ? lm_err_set(&err, LM_E_USAGE, "usage: store_tool ROOT COMMAND ...")
			  : lm_store_open(&store, argv[1], &sink, &err);
	for (size_t i = 0; rc == 0 && i < LM_COUNT(commands); i++) {
		if (strcmp(argv[2], commands[i].name) == 0)
			rc = commands[i].run(store, argv + 2, &err);
	}
	if (rc < 0)
		(void)fprintf(stderr, "%s: %s\n", code_name(err.code), err.text);
	return rc < 0 ? 1 : 0;
}
