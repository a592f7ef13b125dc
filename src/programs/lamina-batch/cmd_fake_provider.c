#include "cmd_fake_provider.h"

#include "base/mem.h"
#include "fake/fake.h"
#include "fake/faults.h"
#include "os/cancel.h"
#include "os/file.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] = "Usage: lamina-batch fake-provider [OPTIONS]\n"
			    "\n"
			    "Serve the batch APIs of OpenAI, Anthropic and Gemini on 127.0.0.1, for tests and dry runs. The "
			    "first line of output is\n"
			    "'listening on http://127.0.0.1:PORT'. Ends on INT or TERM.\n"
			    "\n"
			    "  --port N          the port; 0, the default: any that is free\n"
			    "  --faults FILE     what shall go wrong: a file, or a JSON document itself (it begins with '{')\n"
			    "  --log FILE        a line of JSON per call\n"
			    "  --latency-ms N    wait before each answer\n"
			    "  --folder DIR      where a temporary folder is made (default: TMPDIR, or /tmp)\n"
			    "  -h, --help        show this\n";

struct wish {
	struct lm_fake_options options;
	const char *faults;
	bool help;
};

static int
read_number(const char *text, const char *option, uint64_t max, uint64_t *out, struct lm_err *err)
{
	if (lm_parse_u64(lm_str_of(text), max, out))
		return 0;
	return lm_err_set(err, LM_E_USAGE, "%s: '%s' is no number from 0 to %llu", option, text, (unsigned long long)max);
}

static int
read_options(int argc, char **argv, struct wish *wish, struct lm_err *err)
{
	static const struct option options[] = {
		{ "port", required_argument, nullptr, 'p' },
		{ "faults", required_argument, nullptr, 'f' },
		{ "log", required_argument, nullptr, 'l' },
		{ "latency-ms", required_argument, nullptr, 'm' },
		{ "folder", required_argument, nullptr, 'd' },
		{ "help", no_argument, nullptr, 'h' },
		{},
	};
	uint64_t number = 0;
	int letter;

	opterr = 0;
	optind = 1;
	while ((letter = getopt_long(argc, argv, ":h", options, nullptr)) != -1) {
		switch (letter) {
		case 'p':
			if (read_number(optarg, "--port", UINT16_MAX, &number, err) < 0)
				return -1;
			wish->options.port = (uint16_t)number;
			break;
		case 'm':
			if (read_number(optarg, "--latency-ms", 3600 * 1000, &wish->options.latency_ms, err) < 0)
				return -1;
			break;
		case 'f':
			wish->faults = optarg;
			break;
		case 'l':
			wish->options.log = optarg;
			break;
		case 'd':
			wish->options.folder = optarg;
			break;
		case 'h':
			wish->help = true;
			break;
		case ':':
			return lm_err_set(err, LM_E_USAGE, "option '%s' needs a value", argv[optind - 1]);
		default:
			return lm_err_set(err, LM_E_USAGE, "there is no option '%s'", argv[optind - 1]);
		}
	}
	return optind == argc ? 0 : lm_err_set(err, LM_E_USAGE, "'%s' is not expected here", argv[optind]);
}

static int
serve(struct wish *wish, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	struct lm_fake *fake = nullptr;
	size_t len = 0;

	if (wish->faults != nullptr && wish->faults[0] == '{')
		wish->options.faults = lm_str_of(wish->faults);
	else if (wish->faults != nullptr) {
		if (lm_file_read(wish->faults, LM_FAKE_FAULTS_MAX_BYTES, &text, &len, err) < 0)
			return -1;
		wish->options.faults = (struct lm_str){ text, len };
	}
	lm_cancel_install();
	if (lm_fake_start(&wish->options, &fake, err) < 0)
		return -1;
	printf("listening on http://127.0.0.1:%u\n", lm_fake_port(fake));
	if (fflush(stdout) == 0) {
		struct pollfd cancel = { .fd = lm_cancel_fd(), .events = POLLIN };
		while (poll(&cancel, 1, -1) < 0 && errno == EINTR && !lm_cancel_requested())
			;
	}
	lm_fake_stop(fake);
	return 0;
}

int
lm_cmd_fake_provider(int argc, char **argv)
{
	struct lm_err err = {};
	struct wish wish = {};
	const char *folder = getenv("TMPDIR");

	wish.options.folder = folder != nullptr && *folder != '\0' ? folder : "/tmp";
	(void)signal(SIGPIPE, SIG_IGN);
	int rc = read_options(argc, argv, &wish, &err);
	if (rc == 0 && wish.help)
		return fputs(usage, stdout) < 0 || fflush(stdout) != 0;
	if (rc == 0)
		rc = serve(&wish, &err);
	if (rc == 0)
		return 0;
	fprintf(stderr, "lamina-batch: error: %s\n", err.text);
	return err.code == LM_E_USAGE ? 2 : 1;
}
