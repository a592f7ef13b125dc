#include "layer/parts.h"

#include "os/path.h"
#include "python/wheel.h"
#include "text/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHEEL_FILE_MAX = 1024 * 1024 }; // of dist-info/WHEEL

struct row {
	char *path; // relative to site-packages
	struct lm_digest digest;
	uint64_t size;
};

// A wheel being installed.
struct install {
	struct lm_assembly *assembly;
	const struct lm_layer_wheel *wheel;
	const char *origin; // in the arena of the layer's entries
	struct lm_str dist_info;       // "numpy-2.4.6.dist-info", in the wheel's first path of that kind
	struct lm_wheel_name name;
	struct row *rows;
	size_t count, cap;
};

static void
release(struct install *install)
{
	for (size_t i = 0; i < install->count; i++)
		lm_free(install->rows[i].path);
	lm_free(install->rows);
}

static struct lm_str
top_of(const char *path)
{
	struct lm_str rest = lm_str_of(path);
	return lm_str_cut(&rest, '/');
}

// "Foo_Bar-1.0.dist-info" is of the package that the file name says.
static int
check_dist_info_name(const struct install *install, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf normal = {};
	struct lm_str rest = install->dist_info;
	lm_name_normalize(lm_str_cut(&rest, '-'), &normal);
	if (strcmp(lm_buf_cstr(&normal), install->name.name) != 0)
		return lm_err_set(err, LM_E_SYNTAX, "folder '%.*s' is of another package", LM_STR_ARG(install->dist_info));
	return 0;
}

static int
find_dist_info(struct install *install, struct lm_err *err)
{
	const struct lm_entries *entries = install->wheel->entries;
	for (size_t i = 0; i < entries->count; i++) {
		struct lm_str top = top_of(entries->items[i].path);
		if (!lm_str_ends(top, LM_STR(".dist-info")) || lm_str_equal(top, install->dist_info))
			continue;
		if (install->dist_info.len > 0)
			return lm_err_set(err, LM_E_SYNTAX, "two .dist-info folders: '%.*s' and '%.*s'",
				LM_STR_ARG(install->dist_info), LM_STR_ARG(top));
		install->dist_info = top;
	}
	if (install->dist_info.len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "no .dist-info folder");
	return check_dist_info_name(install, err);
}

static int
append_chunk(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	struct lm_buf *text = context;
	lm_buf_append(text, bytes, len);
	return text->overflow ? lm_err_set(err, LM_E_LIMIT, "larger than %zu bytes", text->max_bytes) : 0;
}

// The file WHEEL: "Wheel-Version: 1.x" is what we know how to install.
static int
check_wheel_version(const struct install *install, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_format("%.*s/WHEEL", LM_STR_ARG(install->dist_info));
	LM_AUTO(lm_buf_release) struct lm_buf text = { .max_bytes = WHEEL_FILE_MAX };
	const struct lm_entry *entry = lm_entries_find(install->wheel->entries, path);
	if (entry == nullptr || entry->type != LM_ENTRY_FILE)
		return lm_err_set(err, LM_E_SYNTAX, "no '%s'", path);
	if (lm_entry_read(entry, append_chunk, &text, err) < 0)
		return lm_err_wrap(err, "'%s'", path);

	struct lm_str rest = lm_buf_view(&text);
	while (rest.len > 0) {
		struct lm_str value = lm_str_trim(lm_str_cut(&rest, '\n'));
		struct lm_str key = lm_str_trim(lm_str_cut(&value, ':'));
		if (!lm_str_equal(key, LM_STR("Wheel-Version")))
			continue;
		value = lm_str_trim(value);
		struct lm_str minor = value;
		uint64_t major = 0;
		if (!lm_parse_u64(lm_str_cut(&minor, '.'), UINT32_MAX, &major))
			return lm_err_set(
				err, LM_E_SYNTAX, "'%s' has a malformed Wheel-Version: '%.*s'", path, LM_STR_ARG(value));
		if (major != 1)
			return lm_err_set(
				err, LM_E_UNSUPPORTED, "wheels of version %.*s are not known to lamina", LM_STR_ARG(value));
		return 0;
	}
	return lm_err_set(err, LM_E_SYNTAX, "'%s' has no Wheel-Version", path);
}

static void
add_row(struct install *install, const char *path, const struct lm_digest *digest, uint64_t size)
{
	const char *site = install->assembly->site;
	size_t len = strlen(site);
	lm_grow(install->rows, install->count, install->cap);
	struct row *row = &install->rows[install->count++];
	*row = (struct row){ .size = size };
	if (strncmp(path, site, len) == 0 && path[len] == '/')
		row->path = lm_strdup(path + len + 1);
	else
		row->path = lm_path_relative(site, path);
	if (digest != nullptr)
		row->digest = *digest;
}

// On Windows "lib" and "Lib" are one folder; keep the layer's spelling.
static char *
data_path(const struct lm_assembly *assembly, const char *inside)
{
	static const char *const own[] = { "Lib", "Scripts", "DLLs", "Library" };
	struct lm_str rest = lm_str_of(inside);
	struct lm_str top = lm_str_cut(&rest, '/');
	for (size_t i = 0; assembly->windows && i < LM_COUNT(own); i++)
		if (rest.len > 0 && strlen(own[i]) == top.len && strncasecmp(own[i], top.ptr, top.len) == 0)
			return lm_format("%s/%s", own[i], rest.ptr);
	return lm_strdup(inside);
}

static char *
headers_path(const struct install *install, const char *inside)
{
	const struct lm_layer_spec *layer = install->assembly->layer;
	const char *name = install->name.name;
	if (layer->kind != LM_RUNTIME)
		return lm_format("include/site/python%u.%u/%s/%s", layer->py_major, layer->py_minor, name, inside);
	if (install->assembly->windows)
		return lm_format("include/%s/%s", name, inside);
	return lm_format("include/python%u.%u/%s/%s", layer->py_major, layer->py_minor, name, inside);
}

// Where a path below "<name>-<version>.data/" goes; *out null: left out.
static int
place_data(const struct install *install, struct lm_str scheme, const char *inside, char **out, struct lm_err *err)
{
	*out = nullptr;
	if (lm_str_equal(scheme, LM_STR("purelib")) || lm_str_equal(scheme, LM_STR("platlib")))
		*out = lm_path_join(install->assembly->site, inside);
	else if (lm_str_equal(scheme, LM_STR("data")))
		*out = data_path(install->assembly, inside);
	else if (lm_str_equal(scheme, LM_STR("headers")))
		*out = headers_path(install, inside);
	else if (!lm_str_equal(scheme, LM_STR("scripts")))
		return lm_err_set(err, LM_E_SYNTAX, "unknown scheme '%.*s' in the .data folder", LM_STR_ARG(scheme));
	return 0;
}

// Files of the installer's that a wheel has no business to bring; RECORD is written anew.
static bool
is_installers_file(struct lm_str in_dist_info)
{
	static const char *const names[] = { "RECORD", "INSTALLER", "REQUESTED", "direct_url.json" };
	for (size_t i = 0; i < LM_COUNT(names); i++)
		if (lm_str_equal(in_dist_info, lm_str_of(names[i])))
			return true;
	return false;
}

static bool
in_pycache(const char *path)
{
	return lm_cstr_starts(path, "__pycache__/") || strstr(path, "/__pycache__/") != nullptr;
}

// Where a path of the wheel goes; *out null: left out.
static int
place_path(const struct install *install, const char *path, char **out, struct lm_err *err)
{
	*out = nullptr;
	if (in_pycache(path)) // for this machine's Python, and with times that do not fit
		return 0;
	struct lm_str rest = lm_str_of(path);
	struct lm_str top = lm_str_cut(&rest, '/');
	struct lm_str stem = { install->dist_info.ptr, install->dist_info.len - strlen(".dist-info") };
	if (lm_str_equal(top, install->dist_info) && is_installers_file(rest))
		return 0;
	if (top.len == stem.len + strlen(".data") && lm_str_starts(top, stem) && lm_str_ends(top, LM_STR(".data"))) {
		struct lm_str scheme = lm_str_cut(&rest, '/');
		if (rest.len == 0)
			return lm_err_set(err, LM_E_SYNTAX, "a file where a scheme's folder should be");
		return place_data(install, scheme, rest.ptr, out, err);
	}
	*out = lm_path_join(install->assembly->site, path);
	return 0;
}

static int
place_entry(struct install *install, const struct lm_entry *entry, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = nullptr;
	if (entry->type == LM_ENTRY_FOLDER)
		return 0;
	if (entry->type != LM_ENTRY_FILE)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is a link", entry->path);
	if (place_path(install, entry->path, &path, err) < 0)
		return lm_err_wrap(err, "'%s'", entry->path);
	if (path == nullptr)
		return 0;
	lm_assembly_place(install->assembly, entry, path);
	install->assembly->out->items[install->assembly->out->count - 1].origin = install->origin;
	add_row(install, path, &entry->digest, entry->size);
	return 0;
}

static void
place_installer(struct install *install)
{
	static const char text[] = "lamina\n";
	struct lm_entries *out = install->assembly->out;
	LM_AUTO(lm_free_ptr)
	char *path = lm_format("%s/%.*s/INSTALLER", install->assembly->site, LM_STR_ARG(install->dist_info));
	lm_entries_add_text(out, path, text, sizeof text - 1, false, install->origin);
	add_row(install, path, &out->items[out->count - 1].digest, sizeof text - 1);
}

static int
compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->path, ((const struct row *)b)->path);
}

// RECORD as packaging.python.org/.../recording-installed-packages has it.
static void
place_record(struct install *install)
{
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s/%.*s/RECORD", install->assembly->site, LM_STR_ARG(install->dist_info));
	add_row(install, path, nullptr, 0);
	const char *own = path + strlen(install->assembly->site) + 1;

	qsort(install->rows, install->count, sizeof *install->rows, compare_rows);
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	for (size_t i = 0; i < install->count; i++) {
		const struct row *row = &install->rows[i];
		if (i > 0 && strcmp(row->path, install->rows[i - 1].path) == 0)
			continue; // one file twice, in the root and in .data
		lm_csv_write_field(&text, lm_str_of(row->path));
		if (strcmp(row->path, own) == 0) {
			lm_buf_text(&text, ",,\n");
			continue;
		}
		char digest[44];
		lm_digest_base64(&row->digest, digest);
		lm_buf_format(&text, ",sha256=%s,%llu\n", digest, (unsigned long long)row->size);
	}
	lm_entries_add_text(install->assembly->out, path, lm_buf_cstr(&text), text.len, false, install->origin);
}

static int
install_files(struct install *install, struct lm_err *err)
{
	const struct lm_layer_wheel *wheel = install->wheel;
	if (lm_wheel_name_parse(lm_str_of(wheel->file_name), &install->name, err) < 0)
		return -1;
	if (find_dist_info(install, err) < 0 || check_wheel_version(install, err) < 0)
		return -1;
	for (size_t i = 0; i < wheel->entries->count; i++)
		if (place_entry(install, &wheel->entries->items[i], err) < 0)
			return -1;
	place_installer(install);
	place_record(install);
	return 0;
}

int
lm_wheel_install(struct lm_assembly *assembly, const struct lm_layer_wheel *wheel, struct lm_err *err)
{
	LM_AUTO(release)
	struct install install = {
		.assembly = assembly, .wheel = wheel, .origin = lm_arena_strdup(&assembly->out->arena, wheel->origin)
	};
	if (install_files(&install, err) < 0)
		return lm_err_wrap(err, "wheel '%s'", wheel->file_name);
	return 0;
}
