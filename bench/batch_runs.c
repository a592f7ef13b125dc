// How much processor time the store of runs takes, and how much space: everything that is done to items, and nothing else.
//
//	zig build bench-batch_runs -Doptimize=ReleaseFast && zig-out/bench/bench_batch_runs PATH ITEMS [CLAIM]
//
// PATH: an SQLite file that does not exist yet, or postgresql://... (then only this process's time is counted).
#include "base/mem.h"
#include "batch/runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { SLICE = 5000 };

static struct lm_runs *runs;
static struct lm_run_row row;
static struct lm_lease lease;
static struct lm_err err;

#define must(call) \
	do { \
		if ((call) < 0) { \
			fprintf(stderr, "%s: %s\n", #call, err.text); \
			exit(1); \
		} \
	} while (0)

static double
cpu_s(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double
wall_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double all_cpu, all_wall, from_cpu, from_wall;

static void
begin(void)
{
	from_cpu = cpu_s();
	from_wall = wall_s();
}

static void
end(const char *what, size_t items)
{
	double cpu = cpu_s() - from_cpu, wall = wall_s() - from_wall;
	all_cpu += cpu;
	all_wall += wall;
	printf("%-8s %7.3f s CPU %7.3f s wall %6.2f us CPU per item\n", what, cpu, wall, cpu / (double)items * 1e6);
}

static void
add(size_t items)
{
	static struct lm_new_item rows[SLICE];
	static char ids[SLICE][32];
	for (size_t first = 0; first < items; first += SLICE) {
		size_t count = items - first < SLICE ? items - first : SLICE;
		for (size_t i = 0; i < count; i++) {
			snprintf(ids[i], sizeof ids[i], "item-%07zu", (first + i) * 7919 % 10'000'019);
			rows[i] = (struct lm_new_item){ lm_str_of(ids[i]), (first + i) * 170, 169 };
		}
		bool last = first + count == items;
		struct lm_ingest_slice slice = { .items = rows,
			.count = count,
			.checkpoint = last ? nullptr : "123456",
			.complete = last,
			.rows_bytes = (first + count) * 170 };
		size_t duplicate;
		uint32_t source;
		must(lm_runs_add_slice(runs, &lease, &slice, &duplicate, &source, &err));
	}
}

static void
consume(const struct lm_lease *batch, int64_t seq, const struct lm_claimed *items, size_t count)
{
	static struct lm_outcome outcomes[SLICE];
	for (size_t first = 0; first < count; first += SLICE) {
		size_t chunk = count - first < SLICE ? count - first : SLICE;
		for (size_t i = 0; i < chunk; i++)
			outcomes[i] = (struct lm_outcome){ .index = items[first + i].index,
				.attempt = items[first + i].attempts + 1,
				.status = LM_ITEM_COMPLETED,
				.counts = true,
				.offset = (first + i) * 640,
				.length = 639 };
		must(lm_batch_consume(runs, batch, seq, outcomes, chunk, 0, (first + chunk) * 640, 3, &err));
	}
}

static void
read_all(size_t items, bool by_sequence)
{
	struct lm_items page = {};
	size_t seen = 0;
	for (uint64_t at = 0; seen < items; seen += page.count) {
		if (by_sequence) {
			must(lm_runs_results(runs, row.key, at, SLICE, &page, &err));
			at = page.rows[page.count - 1].sequence;
		} else {
			must(lm_runs_items(runs, row.key, at, SLICE, &page, &err));
			at = page.rows[page.count - 1].index + 1;
		}
	}
	lm_items_release(&page);
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s PATH ITEMS [CLAIM]\n", argv[0]);
		return 2;
	}
	size_t items = strtoull(argv[2], nullptr, 10), limit = argc > 3 ? strtoull(argv[3], nullptr, 10) : 50'000;
	char holder[64];
	int64_t until;
	must(lm_runs_open(&runs, argv[1], nullptr, &err));
	must(lm_runs_create(runs, "bench", "0123456789abcdef", "{}", 1, &err));
	must(lm_runs_load(runs, "bench", &row, &err));
	must(lm_lease_take(runs, row.key, lm_runs_shared(runs) ? LM_UNIT_INGEST : LM_UNIT_RUN, "bench", 1, 2, &lease, holder,
		&until, &err));
	begin();
	add(items);
	end("add", items);
	if (lm_runs_shared(runs))
		lease.fence = 0;
	struct batch {
		int64_t seq;
		struct lm_claimed *items;
		size_t count;
		struct lm_lease lease;
	} *batches = lm_alloc_array(items / limit + 1, sizeof *batches);
	size_t count = 0;
	begin();
	for (size_t done = 0; done < items; done += batches[count++].count) {
		struct batch *batch = &batches[count];
		must(lm_batch_claim(runs, &lease, limit, 1, 2, &batch->seq, &batch->items, &batch->count, &batch->lease, &err));
	}
	end("claim", items);
	begin();
	struct lm_digest digest = {};
	for (size_t i = 0; i < count; i++) {
		struct batch *batch = &batches[i];
		must(lm_batch_ready(
			runs, &batch->lease, batch->seq, batch->items, batch->count, nullptr, 0, 1, 1, &digest, &err));
		must(lm_batch_creating(runs, &batch->lease, batch->seq, "file", "scope", 0, 1, &err));
		must(lm_batch_active(runs, &batch->lease, batch->seq, "batch", &err));
		must(lm_batch_fetched(runs, &batch->lease, batch->seq, "completed", "out", nullptr, nullptr, nullptr, &err));
	}
	end("send", items);
	begin();
	for (size_t i = 0; i < count; i++) {
		consume(&batches[i].lease, batches[i].seq, batches[i].items, batches[i].count);
		must(lm_batch_finish(runs, &batches[i].lease, batches[i].seq, false, "missing", "no answer", 3, &err));
		lm_free(batches[i].items);
	}
	end("consume", items);
	printf("%-8s %7.3f s CPU %7.3f s wall %6.2f us CPU per item: %.0f items per CPU second\n", "all", all_cpu, all_wall,
		all_cpu / (double)items * 1e6, (double)items / all_cpu);
	begin();
	read_all(items, false);
	end("by index", items);
	begin();
	read_all(items, true);
	end("by seq", items);
	lm_run_row_release(&row);
	lm_runs_close(runs);
	lm_free(batches);
	FILE *file = fopen(argv[1], "rb");
	if (file != nullptr && fseek(file, 0, SEEK_END) == 0)
		printf("%ld bytes of database, %.1f per item\n", ftell(file), (double)ftell(file) / (double)items);
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld KiB at most\n", usage.ru_maxrss);
	if (file != nullptr)
		fclose(file);
	return 0;
}
