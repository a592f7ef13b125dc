// Archives of ours are cut into segments whose digests are recorded: only those that differ need be read.
#include "steps/compare_parts.h"

#include "os/fd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

// Where a segment is in its table.
struct place {
	struct lm_digest digest; // first: compare_digests looks here
	size_t index;
};

static int
compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lm_digest));
}

// The digests of a side's segments, sorted; yours to lm_free.
static struct lm_digest *
sorted_digests(const struct lm_side *side)
{
	struct lm_digest *digests = lm_alloc_array(side->segment_count, sizeof *digests);
	for (size_t i = 0; i < side->segment_count; i++)
		digests[i] = side->segments[i].digest;
	if (side->segment_count > 0)
		qsort(digests, side->segment_count, sizeof *digests, compare_digests);
	return digests;
}

// Per segment: whether the other side has none like it.
static void
mark_new(const struct lm_side *side, const struct lm_side *other, bool *marked)
{
	LM_AUTO(lm_free_ptr) struct lm_digest *digests = sorted_digests(other);
	for (size_t i = 0; i < side->segment_count; i++)
		marked[i] = other->segment_count == 0 ||
			bsearch(&side->segments[i].digest, digests, other->segment_count, sizeof *digests, compare_digests) ==
				nullptr;
}

static struct place *
sorted_places(const struct lm_side *side)
{
	struct place *places = lm_alloc_array(side->segment_count, sizeof *places);
	for (size_t i = 0; i < side->segment_count; i++)
		places[i] = (struct place){ .digest = side->segments[i].digest, .index = i };
	qsort(places, side->segment_count, sizeof *places, compare_digests);
	return places;
}

// What cannot be read is not equal; who reads it then finds out why.
static bool
same_bytes(int fd_a, const struct lm_segment_row *a, int fd_b, const struct lm_segment_row *b)
{
	char of_a[PIECE], of_b[PIECE];
	if (a->size != b->size)
		return false;
	for (uint64_t at = 0; at < a->size; at += PIECE) {
		size_t len = a->size - at < PIECE ? (size_t)(a->size - at) : PIECE;
		if (pread(fd_a, of_a, len, (off_t)(a->offset + at)) != (ssize_t)len ||
			pread(fd_b, of_b, len, (off_t)(b->offset + at)) != (ssize_t)len || memcmp(of_a, of_b, len) != 0)
			return false;
	}
	return true;
}

// Segments that are equal by their digests and not byte for byte are looked into: they were compressed by others, or hold
// something else than the tables say.
static int
mark_other_bytes(const struct lm_comparison *comparison, bool *marked_a, bool *marked_b, struct lm_err *err)
{
	const struct lm_side *a = &comparison->a, *b = &comparison->b;
	LM_AUTO(lm_fd_close) int fd_a = -1;
	LM_AUTO(lm_fd_close) int fd_b = -1;
	struct stat status = {};
	if (a->published->archive_path == nullptr || b->published->archive_path == nullptr)
		return 0;
	if (lm_fd_open_regular(a->published->archive_path, &fd_a, &status, err) < 0 ||
		lm_fd_open_regular(b->published->archive_path, &fd_b, &status, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) struct place *places = sorted_places(b);
	for (size_t i = 0; i < a->segment_count; i++) {
		const struct place *twin =
			bsearch(&a->segments[i].digest, places, b->segment_count, sizeof *places, compare_digests);
		if (twin == nullptr || same_bytes(fd_a, &a->segments[i], fd_b, &b->segments[twin->index]))
			continue;
		marked_a[i] = true;
		marked_b[twin->index] = true;
	}
	return 0;
}

// The marked segments as ranges of the file. Segments in which no member begins go with the one before.
static void
take_ranges(struct lm_side *side, const bool *marked)
{
	lm_free(side->ranges);
	side->ranges = lm_alloc_array(side->segment_count + 1, sizeof *side->ranges);
	side->range_count = 0;
	for (size_t from = 0, to = 0; from < side->segment_count; from = to) {
		bool wanted = marked[from];
		for (to = from + 1; to < side->segment_count && side->segments[to].entry_count == 0; to++)
			wanted = wanted || marked[to];
		if (!wanted)
			continue;
		const struct lm_segment_row *last = &side->segments[to - 1];
		side->ranges[side->range_count++] = (struct lm_range){ .offset = side->segments[from].offset,
			.size = last->offset + last->size - side->segments[from].offset };
	}
}

static bool
is_zip(const struct lm_side *side)
{
	const char *name = lm_json_string(side->published->metadata, "archive_name");
	return name != nullptr && lm_cstr_ends(name, ".zip");
}

int
compare_choose_ranges(struct lm_comparison *comparison, struct lm_err *err)
{
	struct lm_side *a = &comparison->a, *b = &comparison->b;
	bool segmented = a->segment_count > 0 && b->segment_count > 0;
	if (!segmented || is_zip(a) || is_zip(b)) // segments of a zip say nothing of its records
		return 0;
	bool same = a->segment_count == b->segment_count;
	for (size_t i = 0; same && i < a->segment_count; i++)
		same = lm_digest_equal(&a->segments[i].digest, &b->segments[i].digest);
	comparison->same_segments = same;
	LM_AUTO(lm_free_ptr) bool *marked_a = lm_alloc_array(a->segment_count, sizeof *marked_a);
	LM_AUTO(lm_free_ptr) bool *marked_b = lm_alloc_array(b->segment_count, sizeof *marked_b);
	mark_new(a, b, marked_a);
	mark_new(b, a, marked_b);
	if (mark_other_bytes(comparison, marked_a, marked_b, err) < 0)
		return -1;
	take_ranges(a, marked_a);
	take_ranges(b, marked_b);
	if (same || a->range_count > 0 || b->range_count > 0)
		return 0;
	// the same segments in another order: all of it is needed to say which
	lm_free(lm_take(&a->ranges));
	lm_free(lm_take(&b->ranges));
	return 0;
}

bool
compare_record_ranges(struct lm_side *side)
{
	struct lm_strings members = {};
	if (!side->listed || side->segment_count == 0 || side->published->archive_path == nullptr || is_zip(side))
		return false;
	LM_AUTO(lm_free_ptr) bool *marked = lm_alloc_array(side->segment_count, sizeof *marked);
	lm_view_members(&side->view, &members);
	for (size_t i = 0; i < side->segment_count; i++) {
		const struct lm_segment_row *row = &side->segments[i];
		for (uint64_t at = 0; at < row->entry_count && row->first_entry + at < members.count; at++)
			if (lm_cstr_ends(members.items[row->first_entry + at], ".dist-info/RECORD"))
				marked[i] = true;
	}
	take_ranges(side, marked);
	lm_strings_release(&members);
	return true;
}

bool
compare_tables(const struct lm_side *a, const struct lm_side *b)
{
	bool same = a->segment_count == b->segment_count;
	for (size_t i = 0; same && i < a->segment_count; i++) {
		const struct lm_segment_row *x = &a->segments[i], *y = &b->segments[i];
		same = x->offset == y->offset && x->size == y->size && x->first_entry == y->first_entry &&
			x->entry_count == y->entry_count && lm_digest_equal(&x->digest, &y->digest);
	}
	return same;
}

void
compare_name_segments(struct lm_comparison *comparison, const char *what)
{
	enum { MOST = 20 };
	const struct lm_side *listed = comparison->b.listed ? &comparison->b : &comparison->a;
	const struct lm_side *other = comparison->b.listed ? &comparison->a : &comparison->b;
	struct lm_strings members = {};
	size_t named = 0, count = 0;
	if (!listed->listed || listed->segment_count == 0 || other->segment_count == 0)
		return;
	LM_AUTO(lm_free_ptr) bool *marked = lm_alloc_array(listed->segment_count, sizeof *marked);
	mark_new(listed, other, marked);
	lm_view_members(&listed->view, &members);
	for (size_t i = 0; i < listed->segment_count; i++) {
		const struct lm_segment_row *row = &listed->segments[i];
		count += marked[i];
		if (!marked[i] || named >= MOST || row->first_entry >= members.count)
			continue;
		uint64_t first = row->entry_count == 0 ? row->first_entry - (row->first_entry > 0) : row->first_entry;
		uint64_t last = row->entry_count == 0 ? first : row->first_entry + row->entry_count - 1;
		last = last < members.count ? last : members.count - 1;
		compare_say(comparison->findings, "segment %zu %s: it has the members from '%s' to '%s'", i, what,
			members.items[first], members.items[last]);
		named++;
	}
	if (count > named)
		compare_say(comparison->findings, "%zu more segments differ", count - named);
	lm_strings_release(&members);
}
