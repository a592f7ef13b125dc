// What archive/unpack.h makes of an archive: its entries as JSON, in the order they come.
//   unpack_tool ARCHIVE BLOB [strip=FOLDER] [entries=N] [bytes=N]
// Exit 1 with "<code>: <message>" on stderr when the archive is refused.
#include "../support/code_name.h"
#include "archive/unpack.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

static json_t *
to_json(const struct lm_entry *entry)
{
	static const char *const types[] = { "file", "folder", "link" };
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&entry->digest, hex);
	json_t *json = json_pack("{s:s, s:s, s:s}", "path", entry->path, "type", types[entry->type], "origin", entry->origin);
	if (entry->type == LM_ENTRY_LINK)
		(void)json_object_set_new(json, "link", json_string(entry->link));
	if (entry->type == LM_ENTRY_FILE)
		(void)json_object_update_new(json,
			json_pack("{s:I, s:s, s:b, s:I, s:s}", "size", (json_int_t)entry->size, "sha256", hex, "executable",
				(int)entry->executable, "offset", (json_int_t)entry->content.offset, "file",
				entry->content.file));
	return json;
}

static bool
set_option(const char *argument, struct lm_unpack_limits *limits, const char **strip)
{
	if (lm_cstr_starts(argument, "strip="))
		*strip = argument + strlen("strip=");
	else if (lm_cstr_starts(argument, "entries="))
		return lm_parse_u64(lm_str_of(argument + strlen("entries=")), UINT64_MAX, &limits->max_entries);
	else if (lm_cstr_starts(argument, "bytes="))
		return lm_parse_u64(lm_str_of(argument + strlen("bytes=")), UINT64_MAX, &limits->max_total_bytes);
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	struct lm_err err = {};
	struct lm_unpack_limits limits = lm_unpack_default_limits();
	const char *strip = nullptr;
	for (int i = 3; i < argc; i++) {
		if (!set_option(argv[i], &limits, &strip))
			return 2;
	}
	if (argc < 3)
		return 2;
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	if (lm_unpack(argv[1], strip, argv[2], "test archive", &limits, &entries, &err) < 0) {
		(void)fprintf(stderr, "%s: %s\n", code_name(err.code), err.text);
		return entries.count == 0 ? 1 : 3;
	}
	LM_AUTO(lm_json_decref_ptr) json_t *list = json_array();
	for (size_t i = 0; i < entries.count; i++)
		(void)json_array_append_new(list, to_json(&entries.items[i]));
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(list, &text);
	(void)fputs(lm_buf_cstr(&text), stdout);
	return 0;
}
