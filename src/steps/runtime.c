// Where a runtime archive comes from, and an interpreter out of it.
#include "steps/sources.h"

#include "layer/tree.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/path.h"
#include "steps/uv.h"

#include <pthread.h>
#include <string.h>

enum { RUNTIME_MAX_BYTES = 1024 * 1024 * 1024 };

void
lm_runtime_source_release(struct lm_runtime_source *source)
{
	lm_free(source->name);
	lm_free(source->path);
	lm_free(source->url);
	*source = (struct lm_runtime_source){};
}

// As python-build-standalone names targets in its archives.
static const char *
triple(enum lm_platform platform)
{
	static const char *const names[LM_PLATFORM_COUNT] = {
		[LM_LINUX_X86_64] = "x86_64-unknown-linux-gnu",
		[LM_LINUX_AARCH64] = "aarch64-unknown-linux-gnu",
		[LM_MACOSX_ARM64] = "aarch64-apple-darwin",
		[LM_MACOSX_X86_64] = "x86_64-apple-darwin",
		[LM_WIN_AMD64] = "x86_64-pc-windows-msvc",
		[LM_WIN_ARM64] = "aarch64-pc-windows-msvc",
	};
	return names[platform];
}

// The last part of a URL's path, "%2B" read as "+".
static char *
url_name(const char *url)
{
	struct lm_str rest = lm_str_of(url);
	rest.len = strcspn(url, "?#");
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.ptr[i] == '/') {
			lm_buf_clear(&name);
		} else if (rest.len - i >= 3 && strncasecmp(rest.ptr + i, "%2B", 3) == 0) {
			lm_buf_byte(&name, '+');
			i += 2;
		} else {
			lm_buf_byte(&name, rest.ptr[i]);
		}
	}
	return lm_strdup(lm_buf_cstr(&name));
}

// Named by the spec: its digest is known without reading anything.
static bool
from_spec(
	const struct lm_project *project, const char *implementation, enum lm_platform platform, struct lm_runtime_source *out)
{
	for (size_t i = 0; i < project->spec.runtime_archive_count; i++) {
		const struct lm_runtime_archive *archive = &project->spec.runtime_archives[i];
		if (archive->platform != platform || !lm_cstr_equal(archive->implementation, implementation))
			continue;
		out->digest = archive->digest;
		if (archive->path != nullptr) {
			out->path = lm_path_join(project->spec.folder, archive->path);
			out->name = lm_strdup(lm_path_name(archive->path));
		} else {
			out->url = lm_strdup(archive->url);
			out->name = url_name(archive->url);
		}
		return true;
	}
	return false;
}

// Does a lock that is not valid speak of the implementation the spec has now? As far as a file name can tell.
static bool
is_of_version(const char *name, const char *version)
{
	LM_AUTO(lm_free_ptr) char *start = lm_format("cpython-%s", version);
	size_t len = strlen(start);
	return lm_cstr_starts(name, start) && (name[len] == '-' || name[len] == '+');
}

static bool
from_lock(const struct lm_project *project, size_t layer, enum lm_platform platform, struct lm_runtime_source *out)
{
	const struct lm_layer_lock *lock = &project->locks[layer];
	for (size_t i = 0; lock->present && i < lock->pylock.runtime_count; i++) {
		if (lock->pylock.runtimes[i].platform != platform)
			continue;
		if (!lock->valid && !is_of_version(lock->pylock.runtimes[i].name, project->spec.layers[layer].py_version))
			return false;
		out->digest = lock->pylock.runtimes[i].digest;
		out->name = lm_strdup(lock->pylock.runtimes[i].name);
		out->url = lock->pylock.runtimes[i].url == nullptr ? nullptr : lm_strdup(lock->pylock.runtimes[i].url);
		return true;
	}
	return false;
}

bool
lm_runtime_known(const struct lm_project *project, size_t layer, enum lm_platform platform)
{
	LM_AUTO(lm_runtime_source_release) struct lm_runtime_source source = {};
	return from_spec(project, project->spec.layers[layer].python_implementation, platform, &source) ||
		from_lock(project, layer, platform, &source);
}

// A file of the mirror folder for this version and platform: the last by name.
static int
from_mirror_folder(const struct lm_project *project, const char *version, enum lm_platform platform,
	struct lm_runtime_source *out, struct lm_err *err)
{
	struct lm_strings names = {};
	if (lm_dir_list(project->settings.runtime_mirror, &names, err) < 0) {
		err->code = LM_E_IO; // a mirror that is not there is no mirror without this archive
		return lm_err_wrap(err, "reading the runtime mirror");
	}
	LM_AUTO(lm_free_ptr) char *plain = lm_format("cpython-%s-%s-install_only*.tar*", version, triple(platform));
	LM_AUTO(lm_free_ptr) char *dated = lm_format("cpython-%s+*-%s-install_only*.tar*", version, triple(platform));
	for (size_t i = 0; i < names.count; i++) {
		if (!lm_glob_match(plain, names.items[i]) && !lm_glob_match(dated, names.items[i]))
			continue;
		lm_runtime_source_release(out);
		out->name = lm_strdup(names.items[i]);
		out->path = lm_path_join(project->settings.runtime_mirror, names.items[i]);
	}
	lm_strings_release(&names);
	return 0;
}

// What the resolver says of "cpython@X.Y.Z" on the platform: its URL, or null.
static int
resolver_url(struct lm_project *project, const char *implementation, enum lm_platform platform, char **url, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *list = nullptr;
	if (lm_uv_python_list(project, implementation, &list, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *wanted = lm_format("-%s-install_only", triple(platform));
	size_t i = 0;
	json_t *item = nullptr;
	json_array_foreach(list, i, item)
	{
		const char *candidate = lm_json_string(item, "url"), *variant = lm_json_string(item, "variant");
		if (candidate == nullptr || strstr(candidate, wanted) == nullptr)
			continue;
		if (variant != nullptr && !lm_cstr_equal(variant, "default"))
			continue;
		*url = lm_strdup(candidate);
		return 0;
	}
	return 0;
}

static bool
is_url(const char *text)
{
	return strstr(text, "://") != nullptr;
}

// The URL of a file at the mirror. "+" is written so that no server takes it for a space.
static char *
mirror_url(const char *mirror, const char *name)
{
	LM_AUTO(lm_buf_release) struct lm_buf url = {};
	lm_buf_format(&url, "%s%s", mirror, lm_cstr_ends(mirror, "/") ? "" : "/");
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '+')
			lm_buf_text(&url, "%2B");
		else
			lm_buf_byte(&url, *p);
	}
	return lm_strdup(url.ptr);
}

// A digest nobody recorded: have the bytes, and see.
//   url  where they are; null: in out->path
static int
learn_digest(struct lm_project *project, struct lm_runtime_source *out, const char *url, struct lm_err *err)
{
	struct lm_store *store = nullptr;
	if (lm_project_store(project, &store, err) < 0)
		return -1;
	if (url == nullptr)
		return lm_store_add_file(store, out->path, nullptr, &out->digest, err);
	return lm_store_add_url(store, url, out->name, RUNTIME_MAX_BYTES, &out->digest, err);
}

static int
locate(struct lm_project *project, size_t layer, enum lm_platform platform, bool as_locked, struct lm_runtime_source *out,
	struct lm_err *err)
{
	const struct lm_layer_spec *spec = &project->spec.layers[layer];
	const char *mirror = project->settings.runtime_mirror;
	*out = (struct lm_runtime_source){};
	if (from_spec(project, spec->python_implementation, platform, out) ||
		(as_locked && from_lock(project, layer, platform, out)))
		return 0;
	if (mirror != nullptr && !is_url(mirror)) {
		if (from_mirror_folder(project, spec->py_version, platform, out, err) < 0)
			return -1;
		if (out->path != nullptr)
			return learn_digest(project, out, nullptr, err);
	}
	bool may_ask = !project->settings.no_index || (mirror != nullptr && is_url(mirror));
	if (may_ask && resolver_url(project, spec->python_implementation, platform, &out->url, err) < 0)
		return -1;
	if (out->url == nullptr)
		return lm_err_set(err, LM_E_NOT_FOUND,
			"no runtime archive is known for '%s' on %s: name one in [[tool.lamina.runtime_archives]], or give a "
			"folder of them with --runtime-mirror",
			spec->python_implementation, lm_platform_name(platform));
	out->name = url_name(out->url);
	LM_AUTO(lm_free_ptr)
	char *url = mirror != nullptr && is_url(mirror) ? mirror_url(mirror, out->name) : lm_strdup(out->url);
	return learn_digest(project, out, url, err);
}

// Layers that are locked at the same time often stand on one runtime: the first thread fetches and unpacks it, the others find
// it in the store then.
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

int
lm_runtime_locate(struct lm_project *project, size_t layer, enum lm_platform platform, bool as_locked,
	struct lm_runtime_source *out, struct lm_err *err)
{
	(void)pthread_mutex_lock(&one_at_a_time);
	int rc = locate(project, layer, platform, as_locked, out, err);
	(void)pthread_mutex_unlock(&one_at_a_time);
	return rc;
}

// Where the bytes of an archive with a known digest are: the spec's own URL, the mirror, the URL of the lock, or (locks
// without URLs) what the resolver says, if that is the same file. *url stays null when nobody knows.
static int
find_url(struct lm_project *project, size_t layer, enum lm_platform platform, const struct lm_runtime_source *source,
	char **url, struct lm_err *err)
{
	const char *implementation = project->spec.layers[layer].python_implementation;
	const char *mirror = project->settings.runtime_mirror;
	LM_AUTO(lm_runtime_source_release) struct lm_runtime_source declared = {};
	bool in_spec = from_spec(project, implementation, platform, &declared);
	if (mirror != nullptr && is_url(mirror) && !in_spec)
		*url = mirror_url(mirror, source->name);
	else if (source->url != nullptr)
		*url = project->settings.no_index && !in_spec ? nullptr : lm_strdup(source->url);
	else if (!project->settings.no_index) {
		LM_AUTO(lm_free_ptr) char *known = nullptr;
		if (resolver_url(project, implementation, platform, &known, err) < 0)
			return -1;
		LM_AUTO(lm_free_ptr) char *name = known == nullptr ? nullptr : url_name(known);
		if (name != nullptr && lm_cstr_equal(name, source->name))
			*url = lm_take(&known);
	}
	return 0;
}

// An archive with a known digest, of no path of its own: from the mirror folder into the store, or where to get it.
static int
find_archive(struct lm_project *project, size_t layer, enum lm_platform platform, struct lm_runtime_source *source,
	struct lm_wanted *wanted, struct lm_err *err)
{
	const char *mirror = project->settings.runtime_mirror;
	bool has_folder = mirror != nullptr && !is_url(mirror);
	LM_AUTO(lm_free_ptr) char *url = nullptr;
	LM_AUTO(lm_free_ptr) char *in_folder = has_folder ? lm_path_join(mirror, source->name) : nullptr;
	if (in_folder != nullptr && lm_file_exists(in_folder)) { // one of that name with other bytes is no runtime of ours
		struct lm_digest ignored = {};
		return lm_store_add_file(project->store, in_folder, &source->digest, &ignored, err);
	}
	if (find_url(project, layer, platform, source, &url, err) < 0)
		return -1;
	if (url == nullptr)
		return lm_err_set(err, LM_E_NOT_FOUND,
			"the runtime archive '%s' is nowhere to be found: give a folder or URL that has it with "
			"--runtime-mirror",
			source->name);
	lm_free(source->url);
	source->url = lm_take(&url);
	*wanted = (struct lm_wanted){ .name = source->name, .digest = source->digest, .url = source->url };
	return 1;
}

int
lm_runtime_find(struct lm_project *project, size_t layer, enum lm_platform platform, struct lm_runtime_source *out,
	struct lm_wanted *wanted, struct lm_err *err)
{
	struct lm_store *store = nullptr;
	if (locate(project, layer, platform, true, out, err) < 0 || lm_project_store(project, &store, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *here = lm_store_find(store, &out->digest);
	if (here != nullptr)
		return 0;
	if (out->path == nullptr)
		return find_archive(project, layer, platform, out, wanted, err);
	if (!lm_file_exists(out->path))
		return lm_err_set(err, LM_E_NOT_FOUND, "the runtime archive '%s' does not exist", out->path);
	return lm_store_add_file(store, out->path, &out->digest, &out->digest, err);
}

int
lm_runtime_fetch(
	struct lm_project *project, size_t layer, enum lm_platform platform, struct lm_runtime_source *out, struct lm_err *err)
{
	struct lm_wanted wanted = {};
	int rc = lm_runtime_find(project, layer, platform, out, &wanted, err);
	return rc == 1 ? lm_store_fetch(project->store, &wanted, 1, nullptr, 0, 1, err) : rc;
}

// Unpack the runtime into the store's trees, once.
static int
make_tree(struct lm_project *project, const struct lm_runtime_source *source, const char *folder, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(folder);
	LM_AUTO(lm_free_ptr) char *lock_path = lm_format("%s.lock", folder);
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	if (lm_dir_make(parent, err) < 0 ||
		lm_lock_take(&lock, lock_path, "unpacking a runtime", &project->settings.sink, err) < 0)
		return -1;
	if (lm_file_exists(folder))
		return 0; // another process was faster
	if (lm_store_runtime_entries(project->store, &source->digest, source->name, &entries, err) < 0)
		return -1;
	return lm_tree_write(
		&entries, folder, 0, project->settings.jobs, nullptr, &project->settings.sink, "unpack", source->name, err);
}

static int
find_interpreter(struct lm_project *project, size_t layer, char **python, struct lm_err *err)
{
	const struct lm_layer_spec *spec = &project->spec.layers[layer];
	LM_AUTO(lm_runtime_source_release) struct lm_runtime_source source = {};
	*python = nullptr;
	if (lm_runtime_fetch(project, layer, lm_platform_host(), &source, err) < 0) {
		// a runtime that is not for this machine is no reason to need the network: the resolver takes another Python
		bool elsewhere = (spec->platforms & (1u << lm_platform_host())) == 0 && err->code == LM_E_NETWORK;
		if ((err->code != LM_E_NOT_FOUND || source.path != nullptr) && !elsewhere)
			return lm_err_wrap(err, "runtime '%s'", spec->python_implementation);
		lm_emit_note(&project->settings.sink, "%s", err->text);
		lm_err_clear(err);
		return 0;
	}
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&source.digest, hex);
	LM_AUTO(lm_free_ptr) char *folder = lm_format("%s/trees/%s", lm_store_root(project->store), hex);
	if (!lm_file_exists(folder) && make_tree(project, &source, folder, err) < 0)
		return lm_err_wrap(err, "unpacking the runtime '%s'", spec->python_implementation);
	*python = lm_format("%s/bin/python%u.%u", folder, spec->py_major, spec->py_minor);
	return 0;
}

int
lm_runtime_interpreter(struct lm_project *project, size_t layer, char **python, struct lm_err *err)
{
	(void)pthread_mutex_lock(&one_at_a_time);
	int rc = find_interpreter(project, layer, python, err);
	(void)pthread_mutex_unlock(&one_at_a_time);
	return rc;
}
