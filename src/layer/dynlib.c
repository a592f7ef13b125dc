#include "layer/parts.h"

#include "os/path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// "libz.so.1.2" -> the length of "libz.so"; 0 when the name ends otherwise.
static size_t
without_so_version(const char *name)
{
	size_t len = strlen(name);
	while (len > 0) {
		size_t digits = 0;
		while (len > digits && isdigit((unsigned char)name[len - digits - 1]))
			digits++;
		if (digits == 0 || len == digits || name[len - digits - 1] != '.')
			break;
		len -= digits + 1;
	}
	return len;
}

// Suffixes that only extension modules have, in front of ".so": ".abi3", ".cpython-311-darwin", ".pypy39-pp73-..."
static bool
is_extension_module(struct lm_str name)
{
	struct lm_str stem = { name.ptr, name.len - strlen(".so") };
	if (lm_str_ends(stem, LM_STR(".abi3")) || lm_str_ends(stem, LM_STR(".abi3t")))
		return true;
	size_t dot = stem.len;
	while (dot > 0 && stem.ptr[dot - 1] != '.')
		dot--;
	struct lm_str tag = { stem.ptr + dot, stem.len - dot };
	return dot > 0 &&
		(lm_str_starts(tag, LM_STR("cpython-")) || lm_str_starts(tag, LM_STR("pypy")) ||
			lm_str_starts(tag, LM_STR("graalpy")));
}

bool
lm_dynlib_is_library(const char *name)
{
	if (lm_cstr_ends(name, ".dylib")) // never importable
		return strlen(name) > strlen(".dylib");
	struct lm_str base = { name, without_so_version(name) };
	if (!lm_str_ends(base, LM_STR(".so")) || base.len == strlen(".so"))
		return false;
	if (base.len < strlen(name)) // "libz.so.1": no module has that
		return true;
	return lm_str_starts(base, LM_STR("lib")) && !is_extension_module(base);
}

static void
split(const char *path, struct lm_strings *out)
{
	struct lm_str rest = lm_str_of(path);
	while (rest.len > 0) {
		struct lm_str segment = lm_str_cut(&rest, '/');
		if (segment.len > 0)
			lm_strings_add_str(out, segment);
	}
}

// As a glob over letters is matched, with "**" for "*": when something does not fit, the last "**" takes one more. The glob
// is one for the end of the path, so there is a "**" in front of it.
bool
lm_dynlib_excluded(const char *path, const char *glob)
{
	LM_AUTO(lm_strings_release) struct lm_strings globs = {};
	LM_AUTO(lm_strings_release) struct lm_strings segments = {};
	split(glob, &globs);
	split(path, &segments);
	size_t at_glob = 0, behind_stars = 0, at = 0, taken = 0;
	while (at < segments.count) {
		if (at_glob < globs.count && strcmp(globs.items[at_glob], "**") == 0) {
			behind_stars = ++at_glob;
			taken = at;
		} else if (at_glob < globs.count && lm_glob_match(globs.items[at_glob], segments.items[at])) {
			at_glob++, at++;
		} else {
			at_glob = behind_stars;
			at = ++taken;
		}
	}
	while (at_glob < globs.count && strcmp(globs.items[at_glob], "**") == 0)
		at_glob++;
	return globs.count > 0 && at_glob == globs.count;
}

struct library {
	const char *name, *path, *origin;
	struct lm_digest digest;
};

struct libraries {
	struct library *items;
	size_t count, cap;
};

static void
release(struct libraries *libraries)
{
	lm_free(libraries->items);
}

static int
compare(const void *a, const void *b)
{
	const struct library *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order != 0 ? order : strcmp(x->path, y->path);
}

static bool
is_excluded(const struct lm_layer_spec *layer, const char *path)
{
	for (size_t i = 0; i < layer->dynlib_exclude_count; i++)
		if (lm_dynlib_excluded(path, layer->dynlib_exclude[i]))
			return true;
	return false;
}

static void
find(const struct lm_assembly *assembly, struct libraries *libraries)
{
	size_t site_len = strlen(assembly->site);
	for (size_t i = 0; i < assembly->out->count; i++) {
		const struct lm_entry *entry = &assembly->out->items[i];
		if (entry->type != LM_ENTRY_FILE || strncmp(entry->path, assembly->site, site_len) != 0 ||
			entry->path[site_len] != '/')
			continue;
		const char *name = lm_path_name(entry->path);
		if (!lm_dynlib_is_library(name) || is_excluded(assembly->layer, entry->path))
			continue;
		lm_grow(libraries->items, libraries->count, libraries->cap);
		libraries->items[libraries->count++] =
			(struct library){ .name = name, .path = entry->path, .origin = entry->origin, .digest = entry->digest };
	}
	if (libraries->count > 1)
		qsort(libraries->items, libraries->count, sizeof *libraries->items, compare);
}

static void
link_library(struct lm_assembly *assembly, const struct library *library)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(LM_LAYER_DYNLIB, library->name);
	LM_AUTO(lm_free_ptr) char *target = lm_path_relative(LM_LAYER_DYNLIB, library->path);
	lm_entries_add_link(assembly->out, path, target, library->origin);
}

int
lm_dynlib_link(struct lm_assembly *assembly, bool *published, struct lm_err *err)
{
	LM_AUTO(release) struct libraries libraries = {};
	find(assembly, &libraries);
	for (size_t i = 0; i < libraries.count; i++) {
		const struct library *library = &libraries.items[i];
		const struct library *before = i > 0 ? library - 1 : nullptr;
		if (before == nullptr || strcmp(before->name, library->name) != 0) {
			link_library(assembly, library);
			continue;
		}
		if (!lm_digest_equal(&before->digest, &library->digest)) // equal ones: the first is linked
			return lm_err_set(err, LM_E_CONFLICT,
				"ambiguous shared library '%s': '%s' of %s and '%s' of %s differ; "
				"name one of them in dynlib_exclude",
				library->name, before->path, before->origin, library->path, library->origin);
	}
	*published = libraries.count > 0;
	return 0;
}
