// Pieces of a tar stream.
#include "archive/run.h"

#include <string.h>

static void
append_zeros(struct lm_buf *out, size_t len)
{
	memset(lm_buf_reserve(out, len), 0, len);
	out->len += len;
}

static int
append_members(struct lm_run *run, struct lm_worker *worker, const struct lm_part *part, struct lm_buf *raw, struct lm_err *err)
{
	for (size_t i = 0; i < part->member_count; i++) {
		const struct lm_member *member = &run->plan.members[part->member + i];
		size_t size = (size_t)lm_member_size(member);
		lm_member_tar_header(&run->plan, member, raw);
		if (lm_member_type(member) != LM_ENTRY_FILE)
			continue;
		if (lm_run_read(worker, member, lm_buf_reserve(raw, size), err) < 0)
			return -1;
		raw->len += size;
		append_zeros(raw, lm_tar_padding(size));
	}
	return 0;
}

// The bytes skip to skip + content_size of header, content and padding.
static int
append_large(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, struct lm_buf *raw, struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	const struct lm_member *member = &run->plan.members[part->member];
	uint64_t room = part->content_size - (part->end_blocks ? LM_TAR_END_BYTES : 0);

	LM_AUTO(lm_buf_release) struct lm_buf header = {};
	lm_member_tar_header(&run->plan, member, &header);
	if (part->skip == 0) {
		lm_buf_append(raw, header.ptr, header.len);
		room -= header.len;
	}
	uint64_t done = part->skip == 0 ? 0 : part->skip - header.len, size = member->entry->size;
	uint64_t left = done < size ? size - done : 0, len = left < room ? left : room;
	if (lm_run_read_large(run, pipeline, index, lm_buf_reserve(raw, (size_t)len), (size_t)len, err) < 0)
		return -1;
	raw->len += (size_t)len;
	append_zeros(raw, (size_t)(room - len));
	return 0;
}

int
lm_run_make_tar(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index,
	struct lm_piece *piece, struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	bool plain = run->options->format == LM_FORMAT_TAR;
	struct lm_buf *raw = plain ? &piece->bytes : &worker->raw;
	lm_buf_clear(raw);
	(void)lm_buf_reserve(raw, (size_t)part->content_size);

	int rc = part->large ? append_large(run, pipeline, index, raw, err) : append_members(run, worker, part, raw, err);
	if (rc < 0)
		return -1;
	if (part->end_blocks)
		append_zeros(raw, LM_TAR_END_BYTES);
	lm_sha256_bytes(raw->ptr, raw->len, &piece->digest);
	if (!plain)
		lm_codec_compress(&worker->codec, raw->ptr, raw->len, &piece->bytes);
	return 0;
}
