#include "layer/tree.h"

#include "base/str.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/kill_point.h"
#include "os/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
	const struct lm_entries *entries;
	const char *folder; // for messages
	int root;
	struct timespec times[2];
	struct lm_strings folders; // all that were made, parents first
	sem_t *turns;
	const struct lm_sink *sink;
	const char *step, *subject;
	uint64_t total_bytes;
	_Atomic uint64_t done_bytes;
};

static void
release(struct tree *tree)
{
	if (tree->root >= 0)
		(void)close(tree->root);
	lm_strings_release(&tree->folders);
}

static int
make_folder(struct tree *tree, const char *path, struct lm_err *err)
{
	if (mkdirat(tree->root, path, 0700) < 0) {
		if (errno == EEXIST)
			return 0;
		return lm_err_sys(err, errno, "cannot make folder '%s/%s'", tree->folder, path);
	}
	lm_strings_add(&tree->folders, path);
	return 0;
}

// Make the folders above `path`, and `path` itself when it is one. `last` remembers the parent made before.
static int
make_folders(struct tree *tree, const struct lm_entry *entry, struct lm_buf *last, struct lm_err *err)
{
	const char *slash = strrchr(entry->path, '/');
	size_t parent_len = entry->type == LM_ENTRY_FOLDER ? strlen(entry->path)
		: slash == nullptr                         ? 0
							   : (size_t)(slash - entry->path);
	struct lm_str parent = { entry->path, parent_len };
	if (lm_str_equal(parent, lm_buf_view(last)))
		return 0;
	lm_buf_clear(last);
	lm_buf_str(last, parent);
	LM_AUTO(lm_free_ptr) char *path = lm_strndup(parent.ptr, parent.len);
	for (char *at = path; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (make_folder(tree, path, err) < 0)
			return -1;
		*at = '/';
	}
	return parent_len == 0 ? 0 : make_folder(tree, path, err);
}

static int
make_all_folders(struct tree *tree, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf last = {};
	for (size_t i = 0; i < tree->entries->count; i++) {
		const struct lm_entry *entry = &tree->entries->items[i];
		if (entry->type == LM_ENTRY_FILE)
			tree->total_bytes += entry->size;
		if (make_folders(tree, entry, &last, err) < 0)
			return -1;
	}
	return 0;
}

struct output {
	struct tree *tree;
	const struct lm_entry *entry;
	int fd;
};

static int
write_chunk(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	struct output *output = context;
	const char *at = bytes;
	for (size_t left = len; left > 0;) {
		ssize_t put = write(output->fd, at, left);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return lm_err_sys(err, errno, "cannot write '%s/%s'", output->tree->folder, output->entry->path);
		at += put;
		left -= (size_t)put;
	}
	return 0;
}

static int
fill_file(struct output *output, struct lm_err *err)
{
	const struct tree *tree = output->tree;
	const struct lm_entry *entry = output->entry;
	if (lm_entry_read(entry, write_chunk, output, err) < 0)
		return -1;
	// the mode comes last, and times after all that changes them
	if (fchmod(output->fd, entry->executable ? 0755 : 0644) < 0 || futimens(output->fd, tree->times) < 0)
		return lm_err_sys(err, errno, "cannot set mode and time of '%s/%s'", tree->folder, entry->path);
	return 0;
}

static int
make_file(struct tree *tree, const struct lm_entry *entry, struct lm_err *err)
{
	struct output output = { .tree = tree, .entry = entry };
	output.fd = openat(tree->root, entry->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (output.fd < 0)
		return lm_err_sys(err, errno, "cannot make '%s/%s'", tree->folder, entry->path);
	int rc = fill_file(&output, err);
	if (close(output.fd) < 0 && rc == 0)
		rc = lm_err_sys(err, errno, "cannot write '%s/%s'", tree->folder, entry->path);
	return rc;
}

// Who waits for a turn has no descriptor and no bytes of a file.
static int
write_file(struct tree *tree, const struct lm_entry *entry, struct lm_err *err)
{
	if (tree->turns == nullptr)
		return make_file(tree, entry, err);
	while (sem_wait(tree->turns) < 0) // a signal came
		;
	int rc = make_file(tree, entry, err);
	(void)sem_post(tree->turns);
	return rc;
}

static int
write_link(struct tree *tree, const struct lm_entry *entry, struct lm_err *err)
{
	if (symlinkat(entry->link, tree->root, entry->path) < 0)
		return lm_err_sys(err, errno, "cannot make link '%s/%s'", tree->folder, entry->path);
	if (utimensat(tree->root, entry->path, tree->times, AT_SYMLINK_NOFOLLOW) < 0)
		return lm_err_sys(err, errno, "cannot set the time of link '%s/%s'", tree->folder, entry->path);
	return 0;
}

static int
write_entry(void *context, size_t index, struct lm_err *err)
{
	struct tree *tree = context;
	const struct lm_entry *entry = &tree->entries->items[index];
	switch (entry->type) {
	case LM_ENTRY_FOLDER:
		return 0;
	case LM_ENTRY_LINK:
		return write_link(tree, entry, err);
	case LM_ENTRY_FILE:
		break;
	}
	if (write_file(tree, entry, err) < 0)
		return -1;
	LM_KILL_POINT("tree: file written");
	uint64_t done = atomic_fetch_add(&tree->done_bytes, entry->size) + entry->size;
	lm_emit_progress(tree->sink, tree->step, tree->subject, done, tree->total_bytes);
	return 0;
}

// Modes and times of folders, children first: writing into a folder changes its time.
static int
settle_folders(struct tree *tree, struct lm_err *err)
{
	for (size_t i = tree->folders.count; i-- > 0;) {
		const char *path = tree->folders.items[i];
		if (fchmodat(tree->root, path, 0755, 0) < 0 || utimensat(tree->root, path, tree->times, 0) < 0)
			return lm_err_sys(err, errno, "cannot set mode and time of '%s/%s'", tree->folder, path);
	}
	if (fchmod(tree->root, 0755) < 0 || futimens(tree->root, tree->times) < 0)
		return lm_err_sys(err, errno, "cannot set mode and time of '%s'", tree->folder);
	return 0;
}

static int
write_tree(struct tree *tree, const char *partial, unsigned jobs, struct lm_err *err)
{
	if (lm_dir_make(partial, err) < 0)
		return -1;
	tree->root = open(partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (tree->root < 0)
		return lm_err_sys(err, errno, "cannot open '%s'", partial);
	if (make_all_folders(tree, err) < 0)
		return -1;
	if (lm_pool_run(jobs, tree->entries->count, write_entry, tree, err) < 0)
		return -1;
	return settle_folders(tree, err);
}

int
lm_tree_write(const struct lm_entries *entries, const char *folder, int64_t mtime_s, unsigned jobs, sem_t *turns,
	const struct lm_sink *sink, const char *step, const char *subject, struct lm_err *err)
{
	struct lm_file_info info = {};
	if (lm_file_info(folder, &info, err) < 0)
		return -1;
	if (info.exists)
		return lm_err_set(err, LM_E_CONFLICT, "'%s' is there already", folder);
	LM_AUTO(lm_free_ptr) char *partial = lm_format("%s.partial", folder);
	if (lm_dir_remove(partial, err) < 0) // of a run that was ended
		return -1;

	LM_AUTO(release)
	struct tree tree = {
		.entries = entries, .folder = folder, .root = -1, .turns = turns, .sink = sink, .step = step, .subject = subject
	};
	tree.times[0].tv_sec = tree.times[1].tv_sec = (time_t)mtime_s;
	if (write_tree(&tree, partial, jobs, err) < 0 || lm_file_rename(partial, folder, err) < 0) {
		struct lm_err ignored = {}; // the first cause counts
		(void)lm_dir_remove(partial, &ignored);
		return -1;
	}
	return 0;
}
