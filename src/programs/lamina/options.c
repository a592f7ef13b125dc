// The table of options, and reading a command line with it.
#include "cli.h"

#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
	enum lm_option_group group;
	const char *name;     // long name
	char letter;          // short name or 0
	const char *argument; // null: a switch
	unsigned commands;
	// TRI is 1 when given, -1 with "no-", 0 when not given
	enum { TEXT, LIST, YES, NO, TRI, COUNT_UP, COUNT_DOWN } kind;
	bool both;    // a switch whose opposite is shown too; "no-" is taken before any YES, NO or TRI
	size_t field; // offset in struct lm_cli
	const char *help;
};

#define AT(member) offsetof(struct lm_cli, member)
enum {
	MAKES = LM_CMD_BUILD | LM_CMD_PUBLISH | LM_CMD_EXPORT,
	WORKS = LM_CMD_LOCK | MAKES,
	LOCKS = LM_CMD_LOCK | LM_CMD_BUILD,
	PACKS = LM_CMD_BUILD | LM_CMD_PUBLISH | LM_CMD_CHECK,
	STACKS = LM_CMD_ALL & ~LM_CMD_DIFF,
	FETCHES = WORKS | LM_CMD_CHECK
};

static const struct option_row rows[] = {
	{ LM_GROUP_WHAT, "expected", 'e', "DIR", LM_CMD_CHECK, TEXT, false, AT(expected),
		"what was published before: the folder, or one that has a folder for each platform" },
	{ LM_GROUP_WHAT, "cached", 0, nullptr, LM_CMD_CHECK, YES, false, AT(cached),
		"use what the store knows about wheels and runtimes, instead of finding it out again from their bytes" },
	{ LM_GROUP_WHAT, "diffoscope", 0, nullptr, LM_CMD_DIFF, YES, false, AT(diffoscope),
		"let diffoscope look into the files that differ" },
	{ LM_GROUP_WHAT, "lock-if-needed", 0, nullptr, LM_CMD_BUILD, NO, true, AT(no_lock_if_needed),
		"lock layers without a valid lock first (default); with no- they are an error" },
	{ LM_GROUP_WHAT, "lock", 0, nullptr, LM_CMD_BUILD, NO, false, AT(no_lock_if_needed), "the same as --lock-if-needed" },
	{ LM_GROUP_WHAT, "build", 0, nullptr, LM_CMD_BUILD, TRI, true, AT(build),
		"write layer trees (default unless --publish is given)" },
	{ LM_GROUP_WHAT, "publish", 0, nullptr, LM_CMD_BUILD, YES, true, AT(publish), "publish archives (default: do not)" },
	{ LM_GROUP_WHAT, "if-needed", 0, nullptr, LM_CMD_LOCK, YES, false, AT(if_needed), "only layers without a valid lock" },
	{ LM_GROUP_WHAT, "reset-lock", 0, "GLOB", LOCKS, LIST, false, AT(reset_lock),
		"take the newest versions for these layers instead of those locked before; repeatable" },
	{ LM_GROUP_WHAT, "clean", 0, nullptr, LM_CMD_BUILD | LM_CMD_EXPORT, YES, true, AT(clean),
		"remove existing trees first (default: keep those that are current)" },
	{ LM_GROUP_WHAT, "clean", 0, nullptr, LM_CMD_LOCK, YES, true, AT(clean),
		"nothing: locking needs no trees; for scripts that give it" },
	{ LM_GROUP_WHAT, "force", 0, nullptr, MAKES, YES, false, AT(force), "make again what is current" },
	{ LM_GROUP_WHAT, "dry-run", 'n', nullptr, MAKES, YES, false, AT(dry_run), "say what would be made, and stop" },
	{ LM_GROUP_WHAT, "show", 0, nullptr, WORKS, YES, false, AT(show), "show the stack and what is selected first" },
	{ LM_GROUP_WHAT, "show-only", 0, nullptr, WORKS, YES, false, AT(show_only),
		"show the stack and what is selected, and stop" },

	{ LM_GROUP_LAYERS, "include", 'i', "GLOB", STACKS, LIST, false, AT(include),
		"only layers whose name matches; repeatable" },
	{ LM_GROUP_LAYERS, "allow-missing", 0, nullptr, STACKS, YES, false, AT(allow_missing), "a GLOB may match no layer" },
	{ LM_GROUP_LAYERS, "lock-dependencies", 0, nullptr, LOCKS, YES, false, AT(lock_dependencies),
		"with --include: also lock the layers below" },
	{ LM_GROUP_LAYERS, "build-dependencies", 0, nullptr, LM_CMD_BUILD, YES, false, AT(build_dependencies),
		"with --include: also build the layers below" },
	{ LM_GROUP_LAYERS, "publish-dependencies", 0, nullptr, MAKES, YES, false, AT(publish_dependencies),
		"with --include: also publish the layers below" },
	{ LM_GROUP_LAYERS, "include-dependencies", 0, nullptr, WORKS, YES, false, AT(include_dependencies),
		"with --include: everything for the layers below too" },
	{ LM_GROUP_LAYERS, "build-derived", 0, nullptr, LM_CMD_BUILD, YES, false, AT(build_derived),
		"with --include: also build the layers above" },
	{ LM_GROUP_LAYERS, "publish-derived", 0, nullptr, MAKES, YES, false, AT(publish_derived),
		"with --include: also publish the layers above" },
	{ LM_GROUP_LAYERS, "platform", 'p', "PLATFORM", MAKES, LIST, false, AT(platforms),
		"for this platform; repeatable; 'all' for every one with a known runtime (default: this machine's)" },

	{ LM_GROUP_LAYERS, "platform", 'p', "PLATFORM", LM_CMD_CHECK, LIST, false, AT(platforms),
		"for this platform; repeatable; 'all' for every one with a known runtime (default: those in the folder)" },

	{ LM_GROUP_SOURCES, "index", 0, nullptr, FETCHES, NO, true, AT(no_index),
		"ask package indexes (default), or take local wheels only" },
	{ LM_GROUP_SOURCES, "local-wheels", 0, "DIR", FETCHES, LIST, false, AT(local_wheels),
		"folder with wheels, relative to the spec; repeatable" },
	{ LM_GROUP_SOURCES, "runtime-mirror", 0, "DIR|URL", FETCHES, TEXT, false, AT(runtime_mirror),
		"where runtime archives are" },
	{ LM_GROUP_SOURCES, "store", 0, "DIR", STACKS, TEXT, false, AT(store),
		"what was downloaded and unpacked once (default: in the user's cache)" },
	{ LM_GROUP_SOURCES, "uv", 0, "PROGRAM", FETCHES, TEXT, false, AT(uv), "the resolver (default: uv)" },

	{ LM_GROUP_RESULTS, "output-dir", 'o', "DIR", LM_CMD_BUILD | LM_CMD_PUBLISH, TEXT, false, AT(output_dir),
		"where archives are published, relative to the spec (default: _artifacts)" },
	{ LM_GROUP_RESULTS, "output-dir", 'o', "DIR", LM_CMD_EXPORT, TEXT, false, AT(output_dir),
		"where trees are written, relative to the spec (default: _export)" },
	{ LM_GROUP_RESULTS, "build-dir", 0, "DIR", LM_CMD_BUILD, TEXT, false, AT(build_dir),
		"where trees are written, relative to the spec (default: _build)" },
	{ LM_GROUP_RESULTS, "build-dir", 0, "DIR", STACKS & ~(LM_CMD_CHECK | LM_CMD_BUILD), TEXT, false, AT(build_dir),
		"nothing: no tree of 'build' is needed; for scripts that give it" },
	{ LM_GROUP_RESULTS, "format", 'f', "FORMAT", PACKS, TEXT, false, AT(format),
		"tar.zst, tar.xz, tar.gz, zip or tar (default: as the spec says)" },
	{ LM_GROUP_RESULTS, "level", 0, "N", PACKS, TEXT, false, AT(level), "compression level of the format" },
	{ LM_GROUP_RESULTS, "tag-outputs", 0, nullptr, PACKS, YES, true, AT(tagged),
		"put platform and build number into archive names (default: do not)" },
	{ LM_GROUP_RESULTS, "json", 0, nullptr, LM_CMD_ALL, YES, false, AT(json), "results as one JSON document" },

	{ LM_GROUP_RUNNING, "jobs", 'j', "N", FETCHES, TEXT, false, AT(jobs), "threads (default: as many as processors)" },
	{ LM_GROUP_RUNNING, "quiet", 'q', nullptr, LM_CMD_ALL, COUNT_DOWN, false, AT(verbosity), "errors only" },
	{ LM_GROUP_RUNNING, "verbose", 'v', nullptr, LM_CMD_ALL, COUNT_UP, false, AT(verbosity), "more about what happens" },
	{ LM_GROUP_RUNNING, "help", 'h', nullptr, LM_CMD_ALL, YES, false, AT(help), "this text" },
};

bool
lm_option_at(size_t index, enum lm_command command, struct lm_option_info *out)
{
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		if ((rows[i].commands & command) == 0 || index-- > 0)
			continue;
		*out = (struct lm_option_info){ .group = rows[i].group,
			.name = rows[i].name,
			.letter = rows[i].letter,
			.argument = rows[i].argument,
			.both = rows[i].both,
			.repeatable = rows[i].kind == LIST || rows[i].kind == COUNT_UP || rows[i].kind == COUNT_DOWN,
			.help = rows[i].help };
		return true;
	}
	return false;
}

// The options a command takes, as getopt_long wants them: what it answers is the row, and whether "no-" stood before it.
enum { ROW = 1000, NO_ROW = 2000 };

struct parser {
	struct option long_options[2 * LM_COUNT(rows) + 1];
	char *negations[LM_COUNT(rows)]; // "no-..."
	char short_options[2 * LM_COUNT(rows) + 2];
};

static bool
has_negation(const struct option_row *row)
{
	return (row->kind == YES && !lm_cstr_equal(row->name, "help")) || row->kind == NO || row->kind == TRI;
}

static void
release_parser(struct parser *parser)
{
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		lm_free(parser->negations[i]);
}

static void
make_parser(enum lm_command command, struct parser *parser)
{
	size_t n = 0, s = 0;
	parser->short_options[s++] = ':';
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		const struct option_row *row = &rows[i];
		if ((row->commands & command) == 0)
			continue;
		int has_argument = row->argument != nullptr ? required_argument : no_argument;
		parser->long_options[n++] = (struct option){ .name = row->name, .has_arg = has_argument, .val = ROW + (int)i };
		if (has_negation(row)) {
			parser->negations[i] = lm_format("no-%s", row->name);
			parser->long_options[n++] = (struct option){ .name = parser->negations[i], .val = NO_ROW + (int)i };
		}
		if (row->letter != 0) {
			parser->short_options[s++] = row->letter;
			if (row->argument != nullptr)
				parser->short_options[s++] = ':';
		}
	}
	parser->long_options[n] = (struct option){};
	parser->short_options[s] = '\0';
}

static const struct option_row *
find_row(enum lm_command command, int value)
{
	if (value >= ROW)
		return &rows[value >= NO_ROW ? value - NO_ROW : value - ROW];
	for (size_t i = 0; i < LM_COUNT(rows) && value != 0; i++)
		if (rows[i].letter == value && (rows[i].commands & command) != 0)
			return &rows[i];
	return nullptr;
}

static int
apply(struct lm_cli *cli, const struct option_row *row, bool negated, const char *argument, struct lm_err *err)
{
	void *field = (char *)cli + row->field;
	if (argument != nullptr && argument[0] == '\0')
		return lm_err_set(
			err, LM_E_USAGE, "option '--%s' needs a value (%s), not an empty one", row->name, row->argument);
	switch (row->kind) {
	case TEXT:
		*(const char **)field = argument;
		break;
	case LIST:
		lm_strings_add(field, argument);
		break;
	case YES:
		*(bool *)field = !negated;
		break;
	case NO:
		*(bool *)field = negated;
		break;
	case TRI:
		*(int *)field = negated ? -1 : 1;
		break;
	case COUNT_UP:
		++*(int *)field;
		break;
	case COUNT_DOWN:
		--*(int *)field;
		break;
	}
	return 0;
}

// Whether another command has this option; then the user mixed up commands and not names.
static bool
known_elsewhere(const char *given)
{
	const char *word = lm_cstr_starts(given, "--no-") ? given + 5 : given + 2;
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if (lm_cstr_starts(given, "--") ? lm_cstr_equal(rows[i].name, word) : rows[i].letter == given[1])
			return true;
	return false;
}

static int
unknown_option(enum lm_command command, const struct parser *parser, const char *given, struct lm_err *err)
{
	const char *names[2 * LM_COUNT(rows)], *name = lm_command_name(command);
	size_t count = 0, begun = 0, at[2] = {};
	bool is_long = lm_cstr_starts(given, "--");
	LM_AUTO(lm_free_ptr) char *option = lm_strndup(given, strcspn(given, "="));
	const char *word = option + strspn(option, "-");
	for (size_t i = 0; parser->long_options[i].name != nullptr; i++) {
		if (is_long && lm_cstr_starts(parser->long_options[i].name, word)) {
			at[begun < 2 ? begun : 1] = i;
			begun++;
		}
		names[count++] = parser->long_options[i].name;
	}
	if (begun > 1 && word[0] != '\0')
		return lm_err_set(err, LM_E_USAGE, "option '%s' may mean '--%s' or '--%s'", option, names[at[0]], names[at[1]]);
	if (option[1] != '\0' && known_elsewhere(option))
		return lm_err_set(err, LM_E_USAGE, "'lamina %s' has no option '%s'; 'lamina %s --help' lists those it has",
			name, option, name);
	const char *near = is_long ? lm_nearest(word, names, count) : nullptr;
	if (near != nullptr)
		return lm_err_set(err, LM_E_USAGE, "there is no option '%s', did you mean '--%s'?", option, near);
	return lm_err_set(err, LM_E_USAGE, "there is no option '%s'; 'lamina %s --help' lists them", option, name);
}

static int
take_paths(struct lm_cli *cli, int argc, char **argv, struct lm_err *err)
{
	int at = optind, most = (cli->command & MAKES) != 0 ? 2 : 1;
	if (cli->help)
		return 0;
	if (cli->command == LM_CMD_DIFF) {
		most = 2;
		if (argc - at < 2)
			return lm_err_set(err, LM_E_USAGE, "'lamina diff' needs two archives, published folders or manifests");
	}
	if (at >= argc)
		return lm_err_set(err, LM_E_USAGE, "'lamina %s' needs the path of a stack spec, for example '%s'",
			lm_command_name(cli->command), "venvstacks.toml");
	if (argc - at > most)
		return lm_err_set(err, LM_E_USAGE, "'%s' is one argument too many", argv[at + most]);
	cli->spec = argv[at];
	cli->folder = at + 1 < argc ? argv[at + 1] : nullptr;
	if (cli->spec[0] == '\0' || (cli->folder != nullptr && cli->folder[0] == '\0'))
		return lm_err_set(
			err, LM_E_USAGE, "the path of %s is empty", cli->spec[0] == '\0' ? "the stack spec" : "the folder");
	if (cli->command == LM_CMD_CHECK && cli->expected == nullptr)
		return lm_err_set(
			err, LM_E_USAGE, "'lamina check' needs '--expected DIR', the folder with what was published before");
	return 0;
}

static int
parse(struct lm_cli *cli, const struct parser *parser, int argc, char **argv, struct lm_err *err)
{
	opterr = 0;
	optind = 1;
	for (;;) {
		int before = optind;
		int value = getopt_long(argc, argv, parser->short_options, parser->long_options, nullptr);
		if (value == -1)
			return take_paths(cli, argc, argv, err);
		const struct option_row *row = find_row(cli->command, value == ':' || value == '?' ? optopt : value);
		if (value == ':')
			return lm_err_set(err, LM_E_USAGE, "option '--%s' needs a value (%s)", row->name, row->argument);
		if (value == '?' && row != nullptr)
			return lm_err_set(
				err, LM_E_USAGE, "option '--%s%s' takes no value", optopt >= NO_ROW ? "no-" : "", row->name);
		if (value == '?') {
			LM_AUTO(lm_free_ptr) char *letter = lm_format("-%c", optopt);
			const char *given = optopt != 0 ? letter : argv[optind > before ? optind - 1 : before];
			return unknown_option(cli->command, parser, given, err);
		}
		if (apply(cli, row, value >= NO_ROW, optarg, err) < 0)
			return -1;
	}
}

int
lm_cli_parse(struct lm_cli *cli, int argc, char **argv, struct lm_err *err)
{
	LM_AUTO(release_parser) struct parser parser = {};
	make_parser(cli->command, &parser);
	return parse(cli, &parser, argc, argv, err);
}

void
lm_cli_release(struct lm_cli *cli)
{
	lm_strings_release(&cli->include);
	lm_strings_release(&cli->reset_lock);
	lm_strings_release(&cli->local_wheels);
	lm_strings_release(&cli->platforms);
}
