// lamina: reproducible layers. The public C API: load a stack spec, get its status as JSON, lock, build, publish.
//
// A stack is loaded from a spec file, worked on, and freed. Calls return LAMINA_OK or a code below; the sentence for people is
// lamina_error(stack). Nothing is ever printed. One stack is used by one thread at a time; several stacks may be used at once.
// Strings are UTF-8. Everything a call returns belongs to the stack and lives until the next call on it or lamina_free.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// As the exit codes of the lamina program.
enum lamina_code {
	LAMINA_OK = 0,
	LAMINA_FAILED = 1,     // the work failed
	LAMINA_INVALID = 2,    // wrong use, or an invalid spec or lock
	LAMINA_DIFFERENT = 3,  // output differs from the expected output
	LAMINA_INTEGRITY = 4,  // bytes differ from their recorded digest
	LAMINA_INTERRUPTED = 130,
};

struct lamina_stack;

// Progress. kind: 0 begin, 1 progress, 2 end, 3 warning, 4 note. May be called from several threads at once; strings are
// borrowed for the call and may be null.
struct lamina_event {
	int kind;
	const char *step, *subject, *text;
	uint64_t done_bytes, total_bytes;
};
typedef void lamina_on_event(void *context, const struct lamina_event *event);

// Zero-initialise, then set what differs from the defaults.
struct lamina_options {
	const char *store;         // folder of the store; required
	const char *state;         // folder of the catalogue; required
	const char *uv;            // the resolver's program; null: "uv" from PATH
	const char *runtime_mirror; // folder or URL; null: none
	const char *const *local_wheels; // null-terminated list of folders; null: none
	unsigned jobs;             // 0: as many as processors
	int no_index;              // 1: do not ask package indexes
	lamina_on_event *on_event; // null: silent
	void *context;
};

const char *lamina_version(void);

// Load a spec with its locks. *out is set even when the spec is invalid (then only lamina_error and lamina_diagnostics make
// sense) and must be given to lamina_free.
enum lamina_code lamina_load(const char *spec_path, const struct lamina_options *options, struct lamina_stack **out);
void lamina_free(struct lamina_stack *stack);

const char *lamina_error(const struct lamina_stack *stack);       // of the last call that failed; "" when none
const char *lamina_diagnostics(const struct lamina_stack *stack); // "file:line:column: error: ..." lines

// The status document: what `lamina show --json` prints.
enum lamina_code lamina_status(struct lamina_stack *stack, const char **json);

// Lock layers whose locks are not valid (only_if_needed = 1) or all (0). include: null-terminated list of globs over
// layer names; null: all layers.
enum lamina_code lamina_lock(struct lamina_stack *stack, const char *const *include, int only_if_needed);

// Write layer trees into `folder`. platforms: null-terminated list ("linux_x86_64", ...); null: the host's.
enum lamina_code lamina_build(
	struct lamina_stack *stack, const char *folder, const char *const *include, const char *const *platforms);

// Publish archives and metadata into `folder`. format: "tar.zst", "tar.xz", "tar.gz", "zip", "tar"; null: the spec's.
// *json: the manifest.
enum lamina_code lamina_publish(struct lamina_stack *stack, const char *folder, const char *const *include,
	const char *const *platforms, const char *format, const char **json);

// Ask running calls of this process to stop; they return LAMINA_INTERRUPTED. Safe in a signal handler.
void lamina_cancel(void);

#ifdef __cplusplus
}
#endif
