#include "archive/unpack_parts.h"
#include "archive/zip.h"
#include "archive/zip_parts.h"

int
unpack_zip_member(struct unpacking *unpacking, const struct lm_zip *zip, const struct lm_zip_member *member, const char **file,
	struct lm_err *err)
{
	enum { TARGET_MAX_BYTES = 4096 };
	const char *name = member->name, *path = nullptr;
	*file = nullptr;
	if (unpack_name(unpacking, name, member->is_folder, &path, err) < 0)
		return -1;
	unpack_time(unpacking, zip_member_time(member), 0);
	if ((member->unix_mode & 07000) != 0)
		return unpack_bad(unpacking, name, err, "has a setuid, setgid or sticky bit");
	if (path == nullptr)
		return 0;
	if (member->is_folder)
		return unpack_folder(unpacking, name, path, err);
	if ((member->unix_mode & ZIP_MODE_TYPE) == ZIP_MODE_LINK) {
		LM_AUTO(lm_free_ptr) char *target = nullptr;
		size_t len = 0;
		if (lm_zip_read(zip, member, TARGET_MAX_BYTES, &target, &len, err) < 0)
			return -1;
		if (lm_str_of(target).len != len)
			return unpack_bad(unpacking, name, err, "is a link with a NUL byte in its target");
		return unpack_link(unpacking, name, path, target, err);
	}
	*file = path;
	return 0;
}

static int
read_member(struct unpacking *unpacking, const struct lm_zip *zip, const struct lm_zip_member *member, struct lm_err *err)
{
	const char *path = nullptr;
	if (unpack_zip_member(unpacking, zip, member, &path, err) < 0)
		return -1;
	if (path == nullptr)
		return 0;
	if (unpack_file_begin(unpacking, member->name, path, member->size, (member->unix_mode & 0111) != 0, err) < 0 ||
		lm_zip_stream(zip, member, unpack_file_bytes, unpacking, err) < 0)
		return -1;
	return unpack_file_end(unpacking, member->name, err);
}

int
unpack_read_zip(struct unpacking *unpacking, struct lm_err *err)
{
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	struct lm_zip_limits limits = lm_zip_default_limits();
	limits.max_members = unpacking->limits.max_entries;
	limits.max_total_bytes = unpacking->limits.max_total_bytes;
	limits.links = true;
	if (lm_zip_open_as(&zip, unpacking->path, unpacking->origin, &limits, err) < 0)
		return -1;
	for (size_t i = 0; i < zip.count; i++) {
		if (read_member(unpacking, &zip, &zip.members[i], err) < 0)
			return -1;
	}
	return 0;
}
