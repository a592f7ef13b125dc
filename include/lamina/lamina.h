// lamina: reproducible layers. The public C API: load a stack spec, get its status as JSON, lock, build, publish, check.
// docs/c-api.md explains it by an example.
//
// A stack is loaded from a spec file, worked on, and freed. Calls return LAMINA_OK or a code below; the sentence for people is
// lamina_error(stack). Nothing is ever printed, and the environment is only read by the resolver and for proxies. One stack is used
// by one thread at a time; several stacks may be used at once. Strings are UTF-8. Everything a call returns belongs to the stack and
// lives until the next call on it or lamina_free. Relative paths start at the working folder. Null where something is required is
// LAMINA_INVALID and never a crash.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// As the exit codes of the lamina program.
enum lamina_code {
	LAMINA_OK = 0,
	LAMINA_FAILED = 1, // the work failed
	LAMINA_INVALID = 2, // wrong use, or an invalid spec or lock
	LAMINA_DIFFERENT = 3, // output differs from the expected output
	LAMINA_INTEGRITY = 4, // bytes differ from their recorded digest
	LAMINA_INTERRUPTED = 130,
};

struct lamina_stack;

enum lamina_event_kind {
	LAMINA_EVENT_BEGIN = 0,
	LAMINA_EVENT_PROGRESS = 1,
	LAMINA_EVENT_END = 2, // of a step that went well
	LAMINA_EVENT_WARNING = 3, // text is a sentence for the user
	LAMINA_EVENT_NOTE = 4, // text is for those who want to know more
};

// Progress. step ("lock", "download", "unpack", "publish", "build") and subject
// (layer or file name) together name one line of progress; text is what came of it, or the warning. Called while a call runs,
// maybe from several threads at once; strings are borrowed for the call and may be null. It may call lamina_cancel, and nothing
// else of this API on the same stack.
struct lamina_event {
	enum lamina_event_kind kind;
	const char *step, *subject, *text;
	uint64_t done_bytes, total_bytes; // 0: not known
};
typedef void lamina_on_event(void *context, const struct lamina_event *event);

// Zero-initialise, then set what differs from the defaults. All is copied by lamina_load.
struct lamina_options {
	const char *store; // folder of the store; required
	const char *state; // folder of the catalogue; required
	const char *uv; // the resolver's program; null: "uv" from PATH
	const char *runtime_mirror; // folder or URL; null: none
	const char *ca_file; // certificates to trust in downloads, of the whole process; null: the system's
	const char *const *local_wheels; // null-terminated list of folders; null: none
	const char *const *find_links; // the same, but the resolver does not choose from them
	unsigned jobs; // 0: as many as processors
	int no_index; // 1: do not ask package indexes
	int has_source_date; // 1: entries of archives get this time, and not that of the lock
	int64_t source_date_s; // seconds since 1970
	lamina_on_event *on_event; // null: silent
	void *context; // of on_event
};

const char *lamina_version(void);

// Load a spec with its locks. *out is set even when the spec is invalid (then only lamina_error and lamina_diagnostics make
// sense, and all other calls are LAMINA_INVALID) and must be given to lamina_free.
enum lamina_code lamina_load(const char *spec_path, const struct lamina_options *options, struct lamina_stack **out);
void lamina_free(struct lamina_stack *stack); // null is fine

const char *lamina_error(const struct lamina_stack *stack); // of the last call that failed; "" after one that did not
const char *lamina_diagnostics(const struct lamina_stack *stack); // "file:line:column: error: ..." lines; "" when none

// The status document: what `lamina show --json` prints. *json is null when the call fails, here and below.
enum lamina_code lamina_status(struct lamina_stack *stack, const char **json);

// Lock layers whose locks are not valid (only_if_needed = 1) or all (0). include: null-terminated list of globs over
// layer names; null: all layers. One that matches nothing is LAMINA_INVALID.
enum lamina_code lamina_lock(struct lamina_stack *stack, const char *const *include, int only_if_needed);

// Write layer trees into `folder`. platforms: null-terminated list ("linux_x86_64", ..., or "all": those with a known runtime);
// null or empty: the host's.
enum lamina_code lamina_build(
	struct lamina_stack *stack, const char *folder, const char *const *include, const char *const *platforms);

// Publish archives and metadata into `folder`. format: "tar.zst", "tar.xz", "tar.gz", "zip", "tar"; null: the spec's.
// *json: an object that has the manifest of each platform under its name; json may be null.
enum lamina_code lamina_publish(struct lamina_stack *stack, const char *folder, const char *const *include,
	const char *const *platforms, const char *format, const char **json);

// Build again, in a folder of its own, and compare with what was published into `expected` before. platforms: null or empty: those
// that it has. LAMINA_DIFFERENT when something differs; *json: what `lamina check --json` prints, also then; json may be null.
enum lamina_code lamina_check(struct lamina_stack *stack, const char *expected, const char *const *include,
	const char *const *platforms, const char **json);

// Ask running calls of this process to stop; they, and all later ones, return LAMINA_INTERRUPTED until lamina_resume.
// Safe from any thread and from on_event, and in a signal handler once a stack was loaded.
void lamina_cancel(void);
void lamina_resume(void);

#ifdef __cplusplus
}
#endif
