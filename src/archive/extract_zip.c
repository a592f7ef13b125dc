#include "archive/extract_parts.h"

#include "archive/zip_parts.h"
#include "os/cancel.h"

// Members are checked in order, in one go: a zip says at its end what it holds.
int
extract_zip(struct extract_members *members, const struct lm_zip *zip, extract_emit *emit, void *context, struct lm_err *err)
{
	for (size_t i = 0; i < zip->count; i++) {
		const struct lm_zip_member *member = &zip->members[i];
		const char *path = nullptr;
		bool executable = (member->unix_mode & 0111) != 0;
		if (lm_cancel_check(err) < 0 || unpack_zip_member(&members->unpacking, zip, member, &path, err) < 0)
			return -1;
		if (path == nullptr)
			continue;
		if (unpack_file(&members->unpacking, member->name, path, member->size, executable, err) < 0 ||
			extract_parents(&members->tree, path, err) < 0)
			return -1;
		emit(context,
			&(struct extract_item){ .path = path,
				.member = member,
				.len = (size_t)member->size,
				.executable = executable,
				.mtime = members->tree.mtime });
	}
	return 0;
}

struct member_output {
	const struct extract_tree *tree;
	const struct extract_item *item;
	uint64_t done;
	int fd;
};

static int
write_piece(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	struct member_output *output = context;
	if (lm_cancel_check(err) < 0 ||
		extract_write(output->tree, output->fd, output->item->path, bytes, len, output->done, err) < 0)
		return -1;
	output->done += len;
	return 0;
}

int
extract_member(const struct extract_tree *tree, const struct lm_zip *zip, const struct extract_item *item, struct lm_err *err)
{
	struct member_output output = { .tree = tree, .item = item };
	output.fd = extract_create(tree, item->path, item->member->size, err);
	if (output.fd < 0)
		return -1;
	int rc = lm_zip_stream(zip, item->member, write_piece, &output, err);
	struct lm_err ignored = {};
	return extract_close(tree, output.fd, item->path, item->executable, item->mtime, rc < 0 ? &ignored : err) < 0 ? -1 : rc;
}
