// From options and environment to the settings of a run. The one place that reads the environment.
#include "cli.h"

#include "base/mem.h"
#include "os/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
from_env(const char *name)
{
	const char *value = getenv(name);
	return value != nullptr && value[0] != '\0' ? value : nullptr;
}

static int
own_folder(struct lm_run *run, const char *variable, const char *below_home, const char *instead, const char **out,
	struct lm_err *err)
{
	const char *base = from_env(variable), *home = from_env("HOME");
	if (base != nullptr && base[0] == '/')
		*out = lm_arena_format(&run->arena, "%s/lamina", base);
	else if (home != nullptr)
		*out = lm_arena_format(&run->arena, "%s/%s/lamina", home, below_home);
	else
		return lm_err_set(err, LM_E_USAGE, "neither %s nor HOME is set: give a folder with %s", variable, instead);
	return 0;
}

static int
read_number(const char *what, const char *text, uint64_t max, uint64_t *out, struct lm_err *err)
{
	if (lm_parse_u64(lm_str_of(text), max, out))
		return 0;
	return lm_err_set(err, LM_E_USAGE, "%s is '%s', not a number from 0 to %llu", what, text, (unsigned long long)max);
}

const char *
lm_run_path(struct lm_run *run, const char *given, const char *fallback)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(run->cli.spec);
	LM_AUTO(lm_free_ptr) char *joined = lm_path_join(folder, given != nullptr ? given : fallback);
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(joined);
	return lm_arena_strdup(&run->arena, absolute);
}

// Wheel folders: those of the options, absolute, and those of PIP_FIND_LINKS (words; URLs are passed over).
static void
wheel_folders(struct lm_run *run)
{
	const struct lm_strings *given = &run->cli.local_wheels;
	const char **local = lm_arena_alloc(&run->arena, (given->count + 1) * sizeof *local);
	for (size_t i = 0; i < given->count; i++)
		local[i] = lm_run_path(run, given->items[i], ".");
	run->settings.local_wheels = local;
	run->settings.local_wheel_count = given->count;

	struct lm_str rest = lm_str_of(from_env("PIP_FIND_LINKS"));
	const char **links = lm_arena_alloc(&run->arena, (rest.len / 2 + 1) * sizeof *links);
	while (rest.len > 0) {
		struct lm_str word = lm_str_trim(lm_str_cut(&rest, ' '));
		if (word.len == 0 || memmem(word.ptr, word.len, "://", 3) != nullptr)
			continue;
		LM_AUTO(lm_free_ptr) char *path = lm_strndup(word.ptr, word.len);
		LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(path);
		links[run->settings.find_link_count++] = lm_arena_strdup(&run->arena, absolute);
	}
	run->settings.find_links = links;
}

static int
choose_platforms(struct lm_run *run, struct lm_err *err)
{
	const struct lm_strings *given = &run->cli.platforms;
	if (given->count == 0)
		run->platforms = 1u << lm_platform_host();
	for (size_t i = 0; i < given->count; i++) {
		const char *names[LM_PLATFORM_COUNT + 1] = { [LM_PLATFORM_COUNT] = "all" };
		enum lm_platform platform = LM_LINUX_X86_64;
		for (int p = 0; p < LM_PLATFORM_COUNT; p++)
			names[p] = lm_platform_name((enum lm_platform)p);
		if (lm_cstr_equal(given->items[i], "all")) {
			run->platforms = LM_ALL_PLATFORMS;
			run->only_known = true;
		} else if (lm_platform_parse(given->items[i], &platform)) {
			run->platforms |= 1u << platform;
		} else {
			const char *near = lm_nearest(given->items[i], names, LM_COUNT(names));
			return lm_err_set(err, LM_E_USAGE, "there is no platform '%s'%s%s%s", given->items[i],
				near != nullptr ? ", did you mean '"
						: "; known are linux_x86_64, linux_aarch64, macosx_arm64, "
						  "macosx_x86_64, win_amd64, win_arm64 and all",
				near != nullptr ? near : "", near != nullptr ? "'?" : "");
		}
	}
	return 0;
}

static int
choose_level(struct lm_run *run, struct lm_err *err)
{
	enum { MOST = 22 };
	const char *given = run->cli.level;
	uint64_t level = 0;
	run->level = LM_LEVEL_DEFAULT;
	if (given == nullptr)
		return 0;
	if (lm_cstr_equal(given, "fast"))
		run->level = LM_LEVEL_FAST;
	else if (lm_cstr_equal(given, "max"))
		run->level = LM_LEVEL_MAX;
	else if (lm_parse_u64(lm_str_of(given), MOST, &level))
		run->level = (int)level;
	else
		return lm_err_set(err, LM_E_USAGE, "--level is '%s', not 'fast', 'max' or a number from 0 to %d", given, MOST);
	return 0;
}

static int
choose_format(struct lm_run *run, struct lm_err *err)
{
	static const char *const names[] = { "tar.zst", "tar.xz", "tar.gz", "zip", "tar" };
	const char *format = run->cli.format, *near = nullptr;
	if (choose_level(run, err) < 0)
		return -1;
	run->has_format = format != nullptr;
	if (format == nullptr || lm_format_parse(format, &run->format))
		return 0;
	near = lm_nearest(format, names, LM_COUNT(names));
	if (near != nullptr)
		return lm_err_set(err, LM_E_USAGE, "there is no format '%s', did you mean '%s'?", format, near);
	return lm_err_set(err, LM_E_USAGE, "there is no format '%s'; known are tar.zst, tar.xz, tar.gz, zip and tar", format);
}

int
lm_run_jobs(const struct lm_run *run, unsigned *jobs, struct lm_err *err)
{
	uint64_t number = 0;
	if (run->cli.jobs != nullptr && read_number("--jobs", run->cli.jobs, 1024, &number, err) < 0)
		return -1;
	*jobs = (unsigned)number;
	return 0;
}

int
lm_run_settings(struct lm_run *run, struct lm_err *err)
{
	struct lm_settings *settings = &run->settings;
	uint64_t number = 0;
	*settings = (struct lm_settings){ .no_index = run->cli.no_index, .sink = lm_ui_sink(run->ui) };
	settings->uv = run->cli.uv != nullptr ? run->cli.uv : from_env("LAMINA_UV");
	settings->ca_file = from_env("SSL_CERT_FILE"); // as uv reads it
	settings->store_root = run->cli.store != nullptr ? run->cli.store : from_env("LAMINA_STORE");
	if (settings->store_root == nullptr &&
		own_folder(run, "XDG_CACHE_HOME", ".cache", "--store or LAMINA_STORE", &settings->store_root, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *store = lm_path_absolute(settings->store_root);
	settings->store_root = lm_arena_strdup(&run->arena, store);
	settings->state_folder = from_env("LAMINA_STATE");
	if (settings->state_folder == nullptr &&
		own_folder(run, "XDG_STATE_HOME", ".local/state", "LAMINA_STATE", &settings->state_folder, err) < 0)
		return -1;
	const char *mirror = run->cli.runtime_mirror != nullptr ? run->cli.runtime_mirror : from_env("LAMINA_RUNTIME_MIRROR");
	if (mirror != nullptr)
		settings->runtime_mirror = strstr(mirror, "://") != nullptr ? mirror : lm_run_path(run, mirror, ".");
	if (lm_run_jobs(run, &settings->jobs, err) < 0)
		return -1;
	const char *epoch = from_env("SOURCE_DATE_EPOCH");
	if (epoch != nullptr) {
		if (read_number("SOURCE_DATE_EPOCH", epoch, 8589934591u /* what a tar can hold */, &number, err) < 0)
			return -1;
		settings->has_source_date = true;
		settings->source_date_s = (int64_t)number;
	}
	wheel_folders(run);
	return choose_platforms(run, err) < 0 ? -1 : choose_format(run, err);
}
