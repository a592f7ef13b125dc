#include "steps/missing.h"

#include "steps/explain.h"

static void
name_target(const struct lm_target *target, struct lm_buf *out)
{
	lm_buf_text(out, lm_platform_name(target->platform));
	if (lm_platform_is_linux(target->platform))
		lm_buf_format(out, " (glibc %u.%u)", target->glibc_major, target->glibc_minor);
	if (lm_platform_is_macos(target->platform))
		lm_buf_format(out, " (macOS %u.%u)", target->macos_major, target->macos_minor);
}

static void
list_platforms(lm_platform_set set, const char *quote, struct lm_buf *out)
{
	bool first = true;
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((set & (1u << p)) == 0)
			continue;
		lm_buf_format(out, "%s%s%s%s", first ? "" : ", ", quote, lm_platform_name((enum lm_platform)p), quote);
		first = false;
	}
}

static void
advise_platforms(lm_platform_set set, struct lm_buf *out)
{
	if (set == 0)
		return;
	lm_buf_text(out, "\nplatforms that would work: platforms = [");
	list_platforms(set, "\"", out);
	lm_buf_text(out, "]");
}

// The oldest target newer than this one that has a wheel of the package.
static bool
find_newer(const struct lm_target *target, const struct lm_lock_package *package, struct lm_target *newer)
{
	enum { NEWEST = 99 };
	*newer = *target;
	while (lm_platform_is_linux(target->platform) && newer->glibc_minor < NEWEST) {
		newer->glibc_minor++;
		if (lm_lock_best_wheel(package, newer) != nullptr)
			return true;
	}
	while (lm_platform_is_macos(target->platform) && newer->macos_major < NEWEST) {
		newer->macos_major++;
		newer->macos_minor = 0;
		if (lm_lock_best_wheel(package, newer) != nullptr)
			return true;
	}
	return false;
}

static void
note_newer(const struct lm_target *target, const struct lm_lock_package *package, struct lm_missing *missing)
{
	struct lm_target newer = {};
	if (!find_newer(target, package, &newer)) {
		missing->hopeless = true;
		return;
	}
	lm_buf_text(&missing->lines, "; it has one for ");
	name_target(&newer, &missing->lines);
	if (lm_platform_is_linux(target->platform) && newer.glibc_minor > missing->glibc_minor)
		missing->glibc_minor = newer.glibc_minor;
	if (lm_platform_is_macos(target->platform) && newer.macos_major > missing->macos_major)
		missing->macos_major = newer.macos_major;
}

void
lm_missing_note(const struct lm_layer_spec *layer, const struct lm_lock_package *package, lm_platform_set lacking,
	struct lm_missing *missing)
{
	lm_platform_set has = 0;
	missing->lacking |= lacking;
	lm_buf_format(&missing->lines, "\n  %s %s has no wheel for ", package->name, package->version);
	for (int p = 0, n = 0; p < LM_PLATFORM_COUNT; p++) {
		struct lm_target target = lm_layer_target(layer, (enum lm_platform)p);
		if (lm_lock_best_wheel(package, &target) != nullptr)
			has |= 1u << p;
		if ((lacking & (1u << p)) == 0)
			continue;
		lm_buf_text(&missing->lines, n++ == 0 ? "" : ", ");
		name_target(&target, &missing->lines);
	}
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		struct lm_target target = lm_layer_target(layer, (enum lm_platform)p);
		if ((lacking & (1u << p)) != 0)
			note_newer(&target, package, missing);
	}
	if (has != 0) {
		lm_buf_text(&missing->lines, "; it has wheels for ");
		list_platforms(has, "", &missing->lines);
	} else if (package->wheel_count == 0) {
		lm_buf_text(&missing->lines, "; it has only a source distribution");
	}
}

int
lm_missing_report(const struct lm_layer_spec *layer, const struct lm_missing *missing, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf advice = {};
	advise_platforms(layer->platforms & ~missing->lacking, &advice);
	if (!missing->hopeless && missing->glibc_minor > 0)
		lm_buf_format(&advice, "\na newer target would do: linux_target = \"glibc@2.%u\"", missing->glibc_minor);
	if (!missing->hopeless && missing->macos_major > 0)
		lm_buf_format(&advice, "\na newer target would do: macosx_target = \"%u.0\"", missing->macos_major);
	return lm_err_set(err, LM_E_NOT_FOUND, "wheels are missing:%s%s", lm_buf_cstr(&missing->lines), lm_buf_cstr(&advice));
}

void
lm_missing_release(struct lm_missing *missing)
{
	lm_buf_release(&missing->lines);
}

// A package that has no wheel for some platforms, found by resolving for each of them alone.
struct wheelless {
	char *name, *version;
	lm_platform_set platforms;
};

struct trials {
	struct wheelless items[LM_PLATFORM_COUNT];
	size_t count;
	lm_platform_set work;
};

static void
release_trials(struct trials *trials)
{
	for (size_t i = 0; i < trials->count; i++) {
		lm_free(trials->items[i].name);
		lm_free(trials->items[i].version);
	}
}

static void
note_trial(struct trials *trials, enum lm_platform platform, const char *explanation)
{
	struct lm_str name = {}, version = {};
	if (!lm_explain_missing_wheel(explanation, &name, &version))
		return;
	for (size_t i = 0; i < trials->count; i++)
		if (lm_str_equal(lm_str_of(trials->items[i].name), name) &&
			lm_str_equal(lm_str_of(trials->items[i].version), version)) {
			trials->items[i].platforms |= 1u << platform;
			return;
		}
	trials->items[trials->count++] = (struct wheelless){ .name = lm_strndup(name.ptr, name.len),
		.version = lm_strndup(version.ptr, version.len),
		.platforms = 1u << platform };
}

static void
append_trials(const struct trials *trials, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	if (trials->count > 0)
		lm_buf_text(&text, "\nwheels are missing:");
	for (size_t i = 0; i < trials->count; i++) {
		lm_buf_format(&text, "\n  %s %s has no wheel for ", trials->items[i].name, trials->items[i].version);
		list_platforms(trials->items[i].platforms, "", &text);
	}
	advise_platforms(trials->work, &text);
	lm_err_append(err, "%s", lm_buf_cstr(&text));
}

void
lm_missing_explain(struct lm_project *project, const struct lm_resolve *resolve, struct lm_err *err)
{
	LM_AUTO(release_trials) struct trials trials = {};
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((resolve->platforms & (1u << p)) == 0)
			continue;
		LM_AUTO(lm_pylock_release) struct lm_pylock ignored = {};
		struct lm_resolve single = *resolve;
		struct lm_err other = {};
		single.platforms = 1u << p;
		if (lm_uv_resolve(project, &single, &ignored, &other) == 0)
			trials.work |= 1u << p;
		else if (other.code == LM_E_CONFLICT)
			note_trial(&trials, (enum lm_platform)p, other.text);
		else
			return; // an interruption, or an index that is gone now
	}
	append_trials(&trials, err);
}
