// A private folder for one test, by the C library alone (our own functions are what is tested).
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_PATH_BYTES = 4096 };

struct folder {
	char path[512];
};

// Where folders of tests are: a test may write nowhere else.
static inline const char *
folder_parent(void)
{
	const char *parent = getenv("TMPDIR");
	return parent != nullptr ? parent : "/tmp";
}

static inline struct folder
folder_make(void)
{
	struct folder folder;
	if (snprintf(folder.path, sizeof folder.path, "%s/lm-test-XXXXXX", folder_parent()) >= (int)sizeof folder.path ||
		mkdtemp(folder.path) == nullptr)
		abort();
	return folder;
}

// "<folder>/<name>", valid until the eighth call from now.
static inline const char *
folder_at(const struct folder *folder, const char *name)
{
	static char paths[8][FOLDER_PATH_BYTES];
	static unsigned next;
	char *path = paths[next++ % 8];
	(void)snprintf(path, FOLDER_PATH_BYTES, "%s/%s", folder->path, name);
	return path;
}

static inline void
folder_write(const struct folder *folder, const char *name, const char *text)
{
	FILE *file = fopen(folder_at(folder, name), "we");
	if (file == nullptr || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

// The bytes of a file as text; "(none)" without one. Valid until the next call.
static inline const char *
folder_read(const struct folder *folder, const char *name)
{
	static char text[65536];
	FILE *file = fopen(folder_at(folder, name), "re");
	if (file == nullptr)
		return "(none)";
	size_t len = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[len] = '\0';
	return text;
}

static inline int
folder_remove_entry(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status, (void)type, (void)at;
	return remove(path);
}

static inline void
folder_remove(struct folder *folder)
{
	(void)nftw(folder->path, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
