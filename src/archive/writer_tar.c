// Pieces of a tar stream.
#include "archive/run.h"
#include "os/pages.h"

#include <string.h>

static void
append_zeros(struct lm_buf *out, size_t len)
{
	memset(lm_buf_reserve(out, len), 0, len);
	out->len += len;
}

// Bytes of machine code in a segment.
struct code {
	uint64_t bytes[LM_MACHINE_COUNT];
};

// The machine whose code most of the segment is.
static enum lm_machine
most_code(const struct code *code, uint64_t total)
{
	for (enum lm_machine machine = LM_MACHINE_NONE + 1; machine < LM_MACHINE_COUNT; machine++)
		if (code->bytes[machine] > total / 2)
			return machine;
	return LM_MACHINE_NONE;
}

static int
append_members(struct lm_run *run, struct lm_worker *worker, const struct lm_part *part, struct lm_buf *raw, struct code *code,
	struct lm_err *err)
{
	for (size_t i = 0; i < part->member_count; i++) {
		const struct lm_member *member = &run->plan.members[part->member + i];
		size_t size = (size_t)lm_member_size(member);
		lm_member_tar_header(&run->plan, member, raw);
		if (lm_member_type(member) != LM_ENTRY_FILE)
			continue;
		char *bytes = lm_buf_reserve(raw, size);
		if (lm_run_read(worker, member, bytes, err) < 0)
			return -1;
		code->bytes[lm_machine_of(bytes, size)] += size;
		raw->len += size;
		append_zeros(raw, lm_tar_padding(size));
	}
	return 0;
}

// The bytes skip to skip + content_size of header, content and padding.
static int
append_large(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, struct lm_buf *raw, struct code *code,
	struct lm_err *err)
{
	enum lm_machine machine = LM_MACHINE_NONE;
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
	done = done < size ? done : size; // what follows is padding
	uint64_t left = size - done, len = left < room ? left : room;
	if (lm_run_read_large(run, pipeline, index, done, lm_buf_reserve(raw, (size_t)len), (size_t)len, &machine, err) < 0)
		return -1;
	code->bytes[machine] += len;
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
	struct code code = {};
	struct lm_buf *raw = plain ? &piece->bytes : &worker->raw;
	lm_buf_clear(raw);
	lm_pages_huge(lm_buf_reserve(raw, (size_t)part->content_size), (size_t)part->content_size);

	int rc = part->large ? append_large(run, pipeline, index, raw, &code, err)
			     : append_members(run, worker, part, raw, &code, err);
	if (rc < 0)
		return -1;
	if (part->end_blocks)
		append_zeros(raw, LM_TAR_END_BYTES);
	if (!plain)
		lm_codec_compress(&worker->codec, raw->ptr, raw->len, most_code(&code, raw->len), part->large, &piece->bytes);
	return 0;
}
