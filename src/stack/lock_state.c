#include "stack/lock_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A hash over length-prefixed fields; its first one names what is hashed, and the version of that.
static void
begin(struct lm_sha256 *hash, const char *label)
{
	lm_sha256_init(hash);
	lm_sha256_field(hash, label, strlen(label));
}

static void
field(struct lm_sha256 *hash, const char *text)
{
	lm_sha256_field(hash, text, strlen(text));
}

static void
end(struct lm_sha256 *hash, char out[80])
{
	struct lm_digest digest;
	char hex[LM_DIGEST_HEX];

	lm_sha256_final(hash, &digest);
	lm_digest_hex(&digest, hex);
	snprintf(out, 80, "sha256:%s", hex);
}

void
lm_lock_file_hash(struct lm_str pylock_text, char out[80])
{
	struct lm_digest digest;
	char hex[LM_DIGEST_HEX];

	lm_sha256_bytes(pylock_text.ptr, pylock_text.len, &digest);
	lm_digest_hex(&digest, hex);
	snprintf(out, 80, "sha256:%s", hex);
}

// "name[extras]specifiers; marker", so that spelling and order do not count.
static char *
requirement_text(const struct lm_requirement *requirement)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	lm_buf_text(&text, requirement->name);
	if (requirement->extras != nullptr)
		lm_buf_format(&text, "[%s]", requirement->extras);
	if (requirement->url != nullptr)
		lm_buf_format(&text, " @ %s ", requirement->url);
	else
		lm_buf_text(&text, requirement->specifiers);
	if (requirement->marker != nullptr) {
		lm_buf_text(&text, "; ");
		lm_marker_format(requirement->marker, &text);
	}
	return lm_strdup(lm_buf_cstr(&text));
}

static void
hash_requirements(const struct lm_layer_spec *layer, char out[80])
{
	LM_AUTO(lm_strings_release) struct lm_strings texts = {};
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};

	for (size_t i = 0; i < layer->requirement_count; i++) {
		LM_AUTO(lm_free_ptr) char *text = requirement_text(&layer->parsed_requirements[i]);
		lm_strings_add(&texts, text);
	}
	lm_strings_sort(&texts);
	begin(&hash, "lamina lock input 1");
	for (size_t i = 0; i < texts.count; i++)
		if (i == 0 || strcmp(texts.items[i], texts.items[i - 1]) != 0)
			field(&hash, texts.items[i]);
	end(&hash, out);
}

static int
by_platform(const void *a, const void *b)
{
	const struct lm_runtime_archive *x = *(const struct lm_runtime_archive *const *)a;
	const struct lm_runtime_archive *y = *(const struct lm_runtime_archive *const *)b;
	return (x->platform > y->platform) - (x->platform < y->platform);
}

// A runtime's lock records the digests of its archives.
static void
hash_archives(const struct lm_spec *spec, const struct lm_layer_spec *layer, struct lm_sha256 *hash)
{
	const struct lm_runtime_archive *mine[LM_PLATFORM_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < spec->runtime_archive_count && count < LM_PLATFORM_COUNT; i++)
		if (strcmp(spec->runtime_archives[i].implementation, layer->python_implementation) == 0)
			mine[count++] = &spec->runtime_archives[i];
	qsort(mine, count, sizeof(mine[0]), by_platform);
	for (size_t i = 0; i < count; i++) {
		char hex[LM_DIGEST_HEX];
		lm_digest_hex(&mine[i]->digest, hex);
		field(hash, lm_platform_name(mine[i]->platform));
		field(hash, hex);
		field(hash, spec->lock_urls && mine[i]->url != nullptr ? mine[i]->url : "");
	}
}

static void
hash_platforms(const struct lm_layer_spec *layer, struct lm_sha256 *hash)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	for (int i = 0; i < LM_PLATFORM_COUNT; i++)
		if ((layer->platforms & ((lm_platform_set)1 << i)) != 0)
			lm_buf_format(&text, "%s ", lm_platform_name((enum lm_platform)i));
	lm_buf_format(&text, "glibc %u.%u macos %u.%u", layer->glibc_major, layer->glibc_minor, layer->macos_major,
		layer->macos_minor);
	field(hash, text.ptr);
}

static void
hash_settings(const struct lm_spec *spec, size_t index, struct lm_sha256 *hash)
{
	LM_AUTO(lm_buf_release) struct lm_buf config = {};

	lm_spec_uv_config(spec, index, nullptr, &config);
	field(hash, lm_buf_cstr(&config));
	field(hash, spec->no_index ? "no-index" : "index");
	field(hash, spec->lock_urls ? "urls" : "no urls");
	for (size_t i = 0; i < spec->find_link_count; i++) {
		field(hash, "find-links");
		field(hash, spec->find_links[i]);
	}
	for (size_t i = 0; i < spec->constraint_count; i++) {
		field(hash, "constraint");
		field(hash, spec->constraints[i]);
	}
}

static void
hash_other(const struct lm_spec *spec, size_t index, const struct lm_layer_lock *locks, char out[80])
{
	const struct lm_layer_spec *layer = &spec->layers[index];
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};

	begin(&hash, "lamina other inputs 1");
	field(&hash, lm_layer_kind_plural(layer->kind));
	if (layer->kind == LM_RUNTIME) {
		field(&hash, layer->python_implementation);
		hash_archives(spec, layer, &hash);
	} else { // a maintenance release of Python comes through the runtime's lock, if it matters to it
		LM_AUTO(lm_free_ptr) char *python = lm_format("cpython %u.%u", layer->py_major, layer->py_minor);
		field(&hash, python);
	}
	hash_platforms(layer, &hash);
	hash_settings(spec, index, &hash);
	for (size_t i = 0; i < layer->lower_count; i++) {
		field(&hash, "layer");
		field(&hash, spec->layers[layer->lower[i]].build_name);
		field(&hash, locks[layer->lower[i]].present ? locks[layer->lower[i]].meta.requirements_hash : "");
	}
	end(&hash, out);
}

static void
hash_version(const struct lm_spec *spec, size_t index, const struct lm_layer_lock *locks, const char *module_hash, char out[80])
{
	const struct lm_layer_spec *layer = &spec->layers[index];
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};

	begin(&hash, "lamina version inputs 1");
	field(&hash, module_hash);
	for (size_t i = 0; i < layer->lower_count; i++)
		if (spec->layers[layer->lower[i]].versioned && locks[layer->lower[i]].install_target != nullptr)
			field(&hash, locks[layer->lower[i]].install_target);
	end(&hash, out);
}

void
lm_lock_inputs_compute(const struct lm_spec *spec, size_t index, const struct lm_layer_lock *locks, const char *module_hash,
	struct lm_lock_inputs *out)
{
	hash_requirements(&spec->layers[index], out->lock_input_hash);
	hash_other(spec, index, locks, out->other_inputs_hash);
	hash_version(spec, index, locks, module_hash, out->version_inputs_hash);
}

// Read both files into the lock; false, and reported, when one of them does not parse.
static bool
read_files(struct lm_layer_lock *lock, const char *layer, const char *pylock_text, const char *meta_text,
	struct lm_diags *diags, const char *pylock_path, const char *meta_path)
{
	struct lm_toml_place place = {};
	struct lm_err err = {};
	bool fine = true;

	if (lm_pylock_parse(lm_str_of(pylock_text), &lock->pylock, &place, &err) < 0) {
		lm_diags_add(diags, false, pylock_path, place.line, place.column, layer, "%s", err.text);
		lock->pylock = (struct lm_pylock){};
		fine = false;
	}
	if (lm_lock_meta_parse(lm_str_of(meta_text), &lock->meta, &err) < 0) {
		lm_diags_add(diags, false, meta_path, 0, 0, layer, "%s", err.text);
		fine = false;
	}
	return fine;
}

static const char *
why_invalid(const struct lm_spec *spec, size_t index, const struct lm_layer_lock *locks, const char *pylock_text)
{
	const struct lm_layer_spec *layer = &spec->layers[index];
	const struct lm_layer_lock *lock = &locks[index];
	char file_hash[80];

	lm_lock_file_hash(lm_str_of(pylock_text), file_hash);
	if (strcmp(file_hash, lock->meta.requirements_hash) != 0)
		return "its lock file was edited";
	if (strcmp(lock->inputs.lock_input_hash, lock->meta.lock_input_hash) != 0)
		return "its requirements changed";
	for (size_t i = 0; i < layer->lower_count; i++)
		if (!locks[layer->lower[i]].valid)
			return "a lower layer has no valid lock";
	if (strcmp(lock->inputs.other_inputs_hash, lock->meta.other_inputs_hash) != 0)
		return "its platforms, indexes or lower layers changed";
	return nullptr;
}

static void
judge(const struct lm_spec *spec, size_t index, struct lm_layer_lock *locks, const char *pylock_text)
{
	struct lm_layer_lock *lock = &locks[index];

	lock->reason = why_invalid(spec, index, locks, pylock_text);
	lock->needs_resolve = lock->reason != nullptr;
	if (lock->reason == nullptr && spec->layers[index].versioned &&
		strcmp(lock->inputs.version_inputs_hash, lock->meta.version_inputs_hash) != 0)
		lock->reason = "its modules or the version of a lower layer changed";
	lock->valid = lock->reason == nullptr;
}

void
lm_layer_lock_judge(const struct lm_spec *spec, size_t index, struct lm_layer_lock *locks, const char *pylock_text,
	const char *meta_text, const char *module_hash, struct lm_diags *diags, const char *pylock_path, const char *meta_path)
{
	const struct lm_layer_spec *layer = &spec->layers[index];
	struct lm_layer_lock *lock = &locks[index];

	lm_layer_lock_release(lock);
	lm_lock_inputs_compute(spec, index, locks, module_hash, &lock->inputs);
	lock->needs_resolve = true;
	if (pylock_text == nullptr) {
		lock->reason = "has no lock";
	} else if (meta_text == nullptr) {
		lock->reason = "its meta file is missing";
	} else if (!read_files(lock, layer->build_name, pylock_text, meta_text, diags, pylock_path, meta_path)) {
		lock->reason = "its lock file cannot be read";
	} else {
		lock->present = true;
		if (!layer->versioned)
			lock->meta.lock_version = 1;
		judge(spec, index, locks, pylock_text);
	}
	if (!layer->versioned)
		lock->install_target = lm_strdup(layer->build_name);
	else if (lock->valid)
		lock->install_target = lm_format("%s@%llu", layer->build_name, (unsigned long long)lock->meta.lock_version);
	else
		lock->install_target = lm_format("%s@?", layer->build_name);
}

void
lm_layer_lock_release(struct lm_layer_lock *lock)
{
	lm_pylock_release(&lock->pylock);
	lm_free(lock->install_target);
	*lock = (struct lm_layer_lock){};
}
