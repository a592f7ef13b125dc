// Many downloads at once: which transfer runs when.
#include "net/http.h"

#include "base/mem.h"
#include "net/curl.h"
#include "net/transfer.h"
#include "os/cancel.h"
#include "os/clock.h"

#include <inttypes.h>

enum {
	LM_HTTP_POLL_MS = 1000,        // longest wait without looking around
	LM_HTTP_BACKOFF_MAX_SHIFT = 6, // doubled at most so often
	LARGE_AT_FIRST = 2,            // with one_more_ms
};

struct batch {
	CURLM *multi;
	struct lm_transfer *transfers;
	size_t count, first_waiting, unfinished;
	unsigned active, parallel;
	unsigned large, large_most; // that run; that may (one_more_ms)
	uint64_t raised_ms;         // when the last of them was allowed
	const struct lm_http_options *options;
	const struct lm_sink *sink;
	struct lm_err *err;
};

// The first failure is the one told; it ends the batch.
static int
fail(struct batch *batch, struct lm_transfer *transfer)
{
	struct lm_download *download = transfer->download;

	download->failed = true;
	*batch->err = transfer->err;
	if (transfer->failures > 1)
		(void)lm_err_set(batch->err, transfer->err.code, "%s, in %u attempts", transfer->err.text, transfer->failures);
	if (transfer->shown_url == nullptr)
		return lm_err_wrap(batch->err, "cannot download '%s'", download->label);
	return lm_err_wrap(batch->err, "cannot download '%s' from '%s'", download->label, transfer->shown_url);
}

static void
finish(struct batch *batch, struct lm_transfer *transfer)
{
	uint64_t size = transfer->best_bytes;

	transfer->done = true;
	batch->unfinished--;
	lm_emit_progress(batch->sink, "download", transfer->download->label, size, size);
	lm_emit_end(batch->sink, "download", transfer->download->label, nullptr);
	if (batch->options->complete != nullptr)
		batch->options->complete(batch->options->context, (size_t)(transfer - batch->transfers));
}

// Half of the pause is by chance, so that many clients of a server that failed do not come back at once.
static uint64_t
backoff_ms(const struct batch *batch, unsigned failures)
{
	uint64_t base = batch->options->backoff_ms == 0 ? LM_HTTP_BACKOFF_MS : batch->options->backoff_ms;
	unsigned shift = failures == 0 ? 0 : failures - 1;
	uint16_t chance = 0;

	lm_random_bytes(&chance, sizeof chance);
	base <<= shift > LM_HTTP_BACKOFF_MAX_SHIFT ? LM_HTTP_BACKOFF_MAX_SHIFT : shift;
	return base / 2 + base / 2 * chance / UINT16_MAX;
}

static void
schedule_retry(struct batch *batch, struct lm_transfer *transfer)
{
	uint64_t pause_ms = transfer->failures == 0 ? 0 : backoff_ms(batch, transfer->failures);

	if (transfer->pause_ms > pause_ms)
		pause_ms = transfer->pause_ms;
	transfer->not_before_ms = lm_clock_monotonic_ms() + pause_ms;
	lm_emit_note(batch->sink, "download of '%s' goes on in %" PRIu64 " ms: %s", transfer->download->label, pause_ms,
		transfer->err.text);
}

static int
apply(struct batch *batch, struct lm_transfer *transfer, enum lm_verdict verdict)
{
	if (verdict == LM_VERDICT_FAILED)
		return fail(batch, transfer);
	if (verdict == LM_VERDICT_DONE)
		finish(batch, transfer);
	else if (transfer->err.code != LM_OK)
		schedule_retry(batch, transfer);
	return 0;
}

static bool
is_large(const struct lm_transfer *transfer)
{
	uint64_t size = transfer->download->size_bytes;
	return size == 0 || size >= LM_HTTP_LARGE_BYTES;
}

// May one more of this size run? If not yet, *wait_ms becomes the time until it may.
static bool
has_room(struct batch *batch, const struct lm_transfer *transfer, uint64_t now, int *wait_ms)
{
	uint64_t pause_ms = batch->options->one_more_ms;
	if (pause_ms == 0 || !is_large(transfer) || batch->large < batch->large_most)
		return true;
	if (now - batch->raised_ms < pause_ms) {
		uint64_t left = batch->raised_ms + pause_ms - now;
		*wait_ms = left < (uint64_t)*wait_ms ? (int)left : *wait_ms;
		return false;
	}
	batch->large_most++;
	batch->raised_ms = now;
	return true;
}

static int
start(struct batch *batch, struct lm_transfer *transfer)
{
	if (!transfer->partial.open) { // for the first time
		if (apply(batch, transfer, lm_transfer_open(transfer)) < 0)
			return -1;
		if (transfer->done)
			return 0;
	}
	if (lm_transfer_start(transfer) < 0)
		return fail(batch, transfer);
	if (curl_multi_add_handle(batch->multi, transfer->easy) != CURLM_OK) {
		(void)lm_err_set(&transfer->err, LM_E_NETWORK, "libcurl cannot make a transfer");
		return fail(batch, transfer);
	}
	batch->active++;
	batch->large += is_large(transfer);
	return 0;
}

// Start what may start, in the order of the caller. *wait_ms becomes the time until the next one may.
static int
start_ready(struct batch *batch, int *wait_ms)
{
	uint64_t now = lm_clock_monotonic_ms();

	while (batch->first_waiting < batch->count && batch->transfers[batch->first_waiting].done)
		batch->first_waiting++;
	for (size_t i = batch->first_waiting; i < batch->count && batch->active < batch->parallel; i++) {
		struct lm_transfer *transfer = &batch->transfers[i];
		if (transfer->done || transfer->easy != nullptr)
			continue;
		if (transfer->not_before_ms > now) {
			uint64_t left = transfer->not_before_ms - now;
			*wait_ms = left < (uint64_t)*wait_ms ? (int)left : *wait_ms;
		} else if (has_room(batch, transfer, now, wait_ms) && start(batch, transfer) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
collect_finished(struct batch *batch)
{
	int left = 0;
	for (CURLMsg *message = curl_multi_info_read(batch->multi, &left); message != nullptr;
		message = curl_multi_info_read(batch->multi, &left)) {
		struct lm_transfer *transfer = nullptr;
		CURLcode result = message->data.result; // the message dies with the handle
		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		(void)curl_multi_remove_handle(batch->multi, message->easy_handle);
		batch->active--;
		batch->large -= is_large(transfer);
		if (apply(batch, transfer, lm_transfer_finish(transfer, result)) < 0)
			return -1;
	}
	return 0;
}

static int
run(struct batch *batch)
{
	while (batch->unfinished > 0) {
		int running = 0, wait_ms = LM_HTTP_POLL_MS;
		struct curl_waitfd cancel = { .fd = lm_cancel_fd(), .events = CURL_WAIT_POLLIN };

		if (lm_cancel_check(batch->err) < 0)
			return -1;
		if (start_ready(batch, &wait_ms) < 0)
			return -1;
		if (curl_multi_perform(batch->multi, &running) != CURLM_OK)
			return lm_err_set(batch->err, LM_E_NETWORK, "libcurl cannot go on with its transfers");
		size_t before = batch->unfinished;
		unsigned active = batch->active;
		if (collect_finished(batch) < 0)
			return -1;
		if (before == batch->unfinished && active == batch->active && before > 0)
			(void)curl_multi_poll(batch->multi, &cancel, 1, wait_ms, nullptr);
	}
	return 0;
}

static void
release(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct lm_transfer *transfer = &batch->transfers[i];
		if (transfer->easy != nullptr)
			(void)curl_multi_remove_handle(batch->multi, transfer->easy);
		lm_transfer_release(transfer);
	}
	(void)curl_multi_cleanup(batch->multi);
	lm_free(batch->transfers);
}

int
lm_http_fetch(struct lm_download *downloads, size_t count, const struct lm_http_options *options, const struct lm_sink *sink,
	struct lm_err *err)
{
	if (lm_curl_load(err) < 0)
		return -1;
	LM_AUTO(release)
	struct batch batch = {
		.multi = curl_multi_init(),
		.transfers = lm_alloc_array(count, sizeof(struct lm_transfer)),
		.count = count,
		.unfinished = count,
		.large_most = LARGE_AT_FIRST,
		.raised_ms = lm_clock_monotonic_ms(),
		.parallel = options->parallel == 0 ? LM_HTTP_PARALLEL : options->parallel,
		.options = options,
		.sink = sink,
		.err = err,
	};

	for (size_t i = 0; i < count; i++) {
		batch.transfers[i].download = &downloads[i];
		batch.transfers[i].options = options;
		batch.transfers[i].sink = sink;
	}
	if (batch.multi == nullptr)
		return lm_err_set(err, LM_E_NETWORK, "libcurl cannot be used");
	return run(&batch);
}

int
lm_http_download(struct lm_download *downloads, size_t count, unsigned parallel, const struct lm_sink *sink, struct lm_err *err)
{
	return lm_http_fetch(downloads, count, &(struct lm_http_options){ .parallel = parallel }, sink, err);
}
