#include "batch/folder.h"

#include "base/mem.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A folder for its owner alone; one that exists is left as it is. Returns 0 or an errno.
static int
make_private(const char *path, bool *made)
{
	struct stat status;

	if (mkdir(path, 0700) == 0) {
		*made = true;
		return chmod(path, 0700) < 0 ? errno : 0; // whatever the umask is
	}
	int sys = errno;
	if (sys == EEXIST && stat(path, &status) == 0)
		return S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
	return sys;
}

// The folder above the runs' and all parents of it.
static int
make_artifacts(const char *path, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(path);
	bool made = false;

	if (lm_dir_make(parent, err) < 0)
		return -1;
	int sys = make_private(path, &made);
	if (sys != 0)
		return lm_fd_fail(err, sys, "make folder", path);
	return made ? lm_dir_flush(parent, err) : 0;
}

static int
make_folders(const struct lm_run_folder *folder, const char *artifacts, struct lm_err *err)
{
	static const char *const names[] = { "", "requests", "answers" };
	bool made = false;

	if (make_artifacts(artifacts, err) < 0)
		return -1;
	for (size_t i = 0; i < LM_COUNT(names); i++) {
		LM_AUTO(lm_free_ptr)
		char *path = i == 0 ? lm_strdup(folder->path) : lm_path_join(folder->path, names[i]);
		int sys = make_private(path, &made);
		if (sys != 0)
			return lm_fd_fail(err, sys, "make folder", path);
	}
	if (!made)
		return 0;
	return lm_dir_flush(folder->path, err) < 0 ? -1 : lm_dir_flush(artifacts, err);
}

int
lm_run_folder_open(struct lm_run_folder *folder, const char *artifacts, const char *run_id, bool make, struct lm_err *err)
{
	*folder = (struct lm_run_folder){};
	if (lm_path_check_name(run_id, err) < 0) {
		err->code = LM_E_USAGE;
		return lm_err_wrap(err, "run id");
	}
	folder->path = lm_path_join(artifacts, run_id);
	if (make && make_folders(folder, artifacts, err) < 0) {
		lm_run_folder_release(folder);
		return -1;
	}
	return 0;
}

void
lm_run_folder_release(struct lm_run_folder *folder)
{
	lm_free(folder->path);
	*folder = (struct lm_run_folder){};
}

int
lm_run_folder_sweep(const struct lm_run_folder *folder, struct lm_err *err)
{
	static const char *const names[] = { "requests", "answers" };
	if (lm_outfile_sweep(folder->path, err) < 0)
		return -1;
	for (size_t i = 0; i < LM_COUNT(names); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder->path, names[i]);
		if (lm_outfile_sweep(path, err) < 0)
			return -1;
	}
	return 0;
}

char *
lm_run_folder_rows(const struct lm_run_folder *folder)
{
	return lm_path_join(folder->path, "rows.jsonl");
}

void
lm_run_folder_name(enum lm_batch_file kind, int64_t seq, char *out)
{
	static const char *const forms[][2] = {
		[LM_FILE_REQUEST] = { "requests", "" },
		[LM_FILE_ANSWER] = { "answers", "_output" },
		[LM_FILE_ANSWER_ERROR] = { "answers", "_error" },
		[LM_FILE_RAW] = { "outputs", "_output" },
		[LM_FILE_RAW_ERROR] = { "outputs", "_error" },
	};
	(void)snprintf(out, LM_BATCH_FILE_NAME_MAX, "%s/%06" PRId64 "%s.jsonl", forms[kind][0], seq, forms[kind][1]);
}

char *
lm_run_folder_file(const struct lm_run_folder *folder, enum lm_batch_file kind, int64_t seq)
{
	char name[LM_BATCH_FILE_NAME_MAX];
	lm_run_folder_name(kind, seq, name);
	return lm_path_join(folder->path, name);
}

// Does the file end in the middle of a line?
static bool
ends_in_a_line(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';
	return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

int
lm_run_folder_event(const struct lm_run_folder *folder, struct lm_str json_line, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder->path, "events.jsonl");
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	LM_AUTO(lm_fd_close) int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return lm_fd_fail(err, errno, "open", path);
	if (ends_in_a_line(fd))
		lm_buf_byte(&text, '\n');
	lm_buf_str(&text, json_line);
	lm_buf_byte(&text, '\n');
	int sys = lm_fd_write_all(fd, text.ptr, text.len); // one write: lines of several processes do not mix
	return sys != 0 ? lm_fd_fail(err, sys, "write", path) : 0;
}
