// Inside the stack module: reading a spec's TOML into its fields, every fault as a finding with its place.
#pragma once

#include "stack/spec.h"

// What is known of a layer while its spec is read, beside the layer itself.
struct lm_layer_draft {
	const struct lm_toml *table;
	const char *label;       // how findings name it; null: it has no name
	bool has_name;           // name is usable for references
	bool broken;             // its dependencies could not be found out: nothing that follows from them is checked
	bool declares_platforms; // and so on: written in the layer itself
	bool declares_glibc, declares_macos;
	bool platforms_unknown; // a fault is reported already; what follows from the value is not checked
	bool glibc_unknown, macos_unknown, indexes_unknown;
	struct lm_toml_place platforms_place, linux_place, macos_place, depends_place;
	struct lm_name_pair *own_indexes; // package_indexes of the layer itself, sorted by package
	size_t own_index_count;
	struct lm_name_pair *merged; // own and inherited ones, without those of [tool.uv.sources], sorted by package
	size_t merged_count;
};

struct lm_spec_reader {
	struct lm_spec *spec;
	struct lm_diags *diags;
	const char *layer; // whose findings are reported; null: the spec's own
	struct lm_layer_draft *drafts; // one per layer
	bool index_names_unknown;      // [[tool.uv.index]] has faults: names are not looked up
	bool implementations_unknown;  // a runtime's python_implementation has a fault
	struct lm_name_pair *sources;  // [tool.uv.sources], sorted by package
	size_t source_count;
};

// Findings, at a place, about r->layer.
void lm_spec_error(struct lm_spec_reader *r, struct lm_toml_place place, const char *format, ...) LM_PRINTF(3, 4);
void lm_spec_warning(struct lm_spec_reader *r, struct lm_toml_place place, const char *format, ...) LM_PRINTF(3, 4);
// "; did you mean 'x'?" or "". In the spec's arena.
const char *lm_spec_did_you_mean(struct lm_spec_reader *r, const char *word, const char *const *candidates, size_t count);

// Typed values. A wrong type is reported ("'versioned' must be a boolean, got a string"), and false or null returned. A null
// `pair` (the key is absent) is silent. Strings are copied into the spec's arena; control characters in them are refused.
//   label  how a message names the value: "'versioned'"
bool lm_spec_is(struct lm_spec_reader *r, const struct lm_toml *value, enum lm_toml_type want, const char *label);
char *lm_spec_text(struct lm_spec_reader *r, const struct lm_toml *value, const char *label);
char *lm_spec_get_text(struct lm_spec_reader *r, const struct lm_toml *table, const char *key);
bool lm_spec_get_bool(struct lm_spec_reader *r, const struct lm_toml *table, const char *key, bool *out);
// An array of strings, in the arena; elements of another type are reported and left out. *faulty (may be null) is set to
// true when anything was reported. Returns the number kept.
size_t lm_spec_get_texts(
	struct lm_spec_reader *r, const struct lm_toml *table, const char *key, struct lm_placed_text **out, bool *faulty);
// The same as plain strings.
size_t lm_spec_get_strings(struct lm_spec_reader *r, const struct lm_toml *table, const char *key, char ***out);
// Report keys of `table` that are not among the candidates. where: "[tool.lamina]"
void lm_spec_check_keys(
	struct lm_spec_reader *r, const struct lm_toml *table, const char *where, const char *const *candidates, size_t count);

// "cpython@3.11.11" into its version (in the arena); reported when it is not one. Null then.
const char *lm_spec_implementation(
	struct lm_spec_reader *r, const char *text, struct lm_toml_place place, unsigned *major, unsigned *minor);
bool lm_spec_platform(struct lm_spec_reader *r, const char *text, struct lm_toml_place place, enum lm_platform *out);
// A path relative to the spec's folder, made normal ("./a//b" -> "a/b"); ".." may lead it. Null, and reported, when it is not.
char *lm_spec_path(struct lm_spec_reader *r, const char *text, struct lm_toml_place place, const char *label);
// Report a name that no [[tool.uv.index]] has.
bool lm_spec_index_known(struct lm_spec_reader *r, const char *name, struct lm_toml_place place, const char *label);
// A table of package -> index name, names normalised and sorted; faults set *faulty.
//   layer  recorded in each pair
size_t lm_spec_package_indexes(struct lm_spec_reader *r, const struct lm_toml *table, const char *label, size_t layer,
	struct lm_name_pair **out, bool *faulty);
void lm_name_pairs_sort(struct lm_name_pair *pairs, size_t count); // by `from`
const struct lm_name_pair *lm_name_pairs_find(const struct lm_name_pair *pairs, size_t count, const char *from);

// The parts, in the order they are read.
void lm_spec_read_uv(struct lm_spec_reader *r, const struct lm_toml *uv);          // spec_uv.c
void lm_spec_read_layer(struct lm_spec_reader *r, size_t index);                   // spec_layer.c
void lm_spec_read_modules(struct lm_spec_reader *r, size_t index);                 // spec_modules.c
void lm_spec_read_lamina(struct lm_spec_reader *r, const struct lm_toml *lamina);  // spec_lamina.c
void lm_spec_link_layer(struct lm_spec_reader *r, size_t index);                   // graph.c: runtime, depends, lower
void lm_spec_inherit(struct lm_spec_reader *r, size_t index);                      // inherit.c: platforms, targets, indexes
