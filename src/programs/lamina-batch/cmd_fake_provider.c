#include "cli.h"

#include "base/mem.h"
#include "fake/fake.h"
#include "fake/faults.h"
#include "os/cancel.h"
#include "os/file.h"
#include "programs/common/out.h"

#include <errno.h>
#include <poll.h>

static void
serve_until_cancelled(void)
{
	struct pollfd cancel = { .fd = lm_cancel_fd(), .events = POLLIN };
	while (poll(&cancel, 1, -1) < 0 && errno == EINTR && !lm_cancel_requested())
		;
}

int
lm_batch_fake_provider(struct lm_batch_run *run, struct lm_err *err)
{
	const struct lm_batch_cli *cli = &run->cli;
	const char *folder = cli->folder != nullptr ? cli->folder : lm_batch_env(run, "TMPDIR");
	struct lm_fake_options options = {
		.port = (uint16_t)cli->port.value,
		.latency_ms = cli->latency_ms.value,
		.log = cli->log,
		.folder = folder != nullptr ? folder : "/tmp",
	};
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	struct lm_fake *fake = nullptr;
	size_t len = 0;
	if (cli->faults != nullptr && cli->faults[0] == '{') {
		options.faults = lm_str_of(cli->faults);
	} else if (cli->faults != nullptr) {
		if (lm_file_read(cli->faults, LM_FAKE_FAULTS_MAX_BYTES, &text, &len, err) < 0)
			return -1;
		options.faults = (struct lm_str){ text, len };
	}
	if (lm_fake_start(&options, &fake, err) < 0)
		return -1;
	lm_out_format("listening on http://127.0.0.1:%u\n", lm_fake_port(fake));
	int rc = lm_out_flush(err);
	if (rc == 0)
		serve_until_cancelled();
	lm_fake_stop(fake);
	return rc;
}
