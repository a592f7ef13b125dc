#include "cli.h"

#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
	const char *name;     // long name
	char letter;          // short name or 0
	const char *argument; // null: a switch
	unsigned commands;
	enum { TEXT, LIST, YES, NO, COUNT_UP, COUNT_DOWN } kind;
	size_t field; // offset in struct lm_cli
	const char *help;
};

#define AT(member) offsetof(struct lm_cli, member)
enum { BUILDS = LM_CMD_BUILD | LM_CMD_PUBLISH | LM_CMD_EXPORT, WORKS = LM_CMD_LOCK | BUILDS };

static const struct option_row rows[] = {
	{ "include", 'i', "GLOB", LM_CMD_ALL, LIST, AT(include), "only layers whose name matches (repeatable)" },
	{ "allow-missing", 0, nullptr, LM_CMD_ALL, YES, AT(allow_missing), "a GLOB may match no layer" },
	{ "platform", 'p', "PLATFORM", BUILDS, LIST, AT(platforms),
		"build for this platform (repeatable; 'all'; default: this one)" },
	{ "output-dir", 'o', "DIR", BUILDS, TEXT, AT(output_dir), "where results go (relative to the spec)" },
	{ "build-dir", 0, "DIR", WORKS | LM_CMD_SHOW, TEXT, AT(build_dir),
		"where layer trees are built (relative to the spec; _build)" },
	{ "if-needed", 0, nullptr, LM_CMD_LOCK, YES, AT(if_needed), "only layers without a valid lock" },
	{ "lock-if-needed", 0, nullptr, LM_CMD_BUILD, NO, AT(no_lock_if_needed),
		"lock layers without a valid lock first (default)" },
	{ "lock", 0, nullptr, LM_CMD_BUILD, NO, AT(no_lock_if_needed), "the same as --lock-if-needed" },
	{ "no-lock-if-needed", 0, nullptr, LM_CMD_BUILD, YES, AT(no_lock_if_needed), "fail on a layer without a valid lock" },
	{ "reset-lock", 0, "GLOB", LM_CMD_LOCK | LM_CMD_BUILD, LIST, AT(reset_lock),
		"forget locked versions of these layers (repeatable)" },
	{ "build", 0, nullptr, LM_CMD_BUILD, YES, AT(build), "write layer trees (default without --publish)" },
	{ "no-build", 0, nullptr, LM_CMD_BUILD, YES, AT(no_build), "write no layer trees" },
	{ "publish", 0, nullptr, LM_CMD_BUILD, YES, AT(publish), "publish archives" },
	{ "no-publish", 0, nullptr, LM_CMD_BUILD, NO, AT(publish), "publish no archives (default)" },
	{ "clean", 0, nullptr, LM_CMD_LOCK | LM_CMD_BUILD | LM_CMD_EXPORT, YES, AT(clean), "remove existing trees first" },
	{ "no-clean", 0, nullptr, LM_CMD_LOCK | LM_CMD_BUILD | LM_CMD_EXPORT, NO, AT(clean),
		"keep existing trees that are current (default)" },
	{ "no-index", 0, nullptr, WORKS, YES, AT(no_index), "ask no package index, only local wheels" },
	{ "index", 0, nullptr, WORKS, NO, AT(no_index), "ask package indexes (default)" },
	{ "local-wheels", 0, "DIR", WORKS, LIST, AT(local_wheels), "folder with wheels (repeatable; relative to the spec)" },
	{ "runtime-mirror", 0, "DIR|URL", WORKS, TEXT, AT(runtime_mirror),
		"where runtime archives are (LAMINA_RUNTIME_MIRROR)" },
	{ "format", 'f', "FORMAT", LM_CMD_BUILD | LM_CMD_PUBLISH, TEXT, AT(format), "tar.zst, tar.xz, tar.gz, zip or tar" },
	{ "level", 0, "N", LM_CMD_BUILD | LM_CMD_PUBLISH, TEXT, AT(level), "compression level of the format" },
	{ "tag-outputs", 0, nullptr, LM_CMD_BUILD | LM_CMD_PUBLISH, YES, AT(tagged),
		"put platform and build number into archive names" },
	{ "no-tag-outputs", 0, nullptr, LM_CMD_BUILD | LM_CMD_PUBLISH, NO, AT(tagged), "plain archive names (default)" },
	{ "force", 0, nullptr, BUILDS, YES, AT(force), "make again what is current" },
	{ "dry-run", 'n', nullptr, BUILDS, YES, AT(dry_run), "say what would be made, and stop" },
	{ "lock-dependencies", 0, nullptr, LM_CMD_LOCK | LM_CMD_BUILD, YES, AT(lock_dependencies), "also lock layers below" },
	{ "build-dependencies", 0, nullptr, LM_CMD_BUILD, YES, AT(build_dependencies), "also build layers below" },
	{ "publish-dependencies", 0, nullptr, BUILDS, YES, AT(publish_dependencies), "also publish layers below" },
	{ "include-dependencies", 0, nullptr, WORKS, YES, AT(include_dependencies), "do everything for layers below too" },
	{ "build-derived", 0, nullptr, LM_CMD_BUILD, YES, AT(build_derived), "also build layers above" },
	{ "publish-derived", 0, nullptr, BUILDS, YES, AT(publish_derived), "also publish layers above" },
	{ "show", 0, nullptr, WORKS, YES, AT(show), "show the stack and what is selected first" },
	{ "show-only", 0, nullptr, WORKS, YES, AT(show_only), "show the stack and what is selected, and stop" },
	{ "json", 0, nullptr, LM_CMD_ALL, YES, AT(json), "results as JSON" },
	{ "store", 0, "DIR", LM_CMD_ALL, TEXT, AT(store), "the store (LAMINA_STORE; default: in the user's cache)" },
	{ "uv", 0, "PROGRAM", WORKS, TEXT, AT(uv), "the resolver (LAMINA_UV; default: uv)" },
	{ "jobs", 'j', "N", WORKS, TEXT, AT(jobs), "threads (default: as many as processors)" },
	{ "quiet", 'q', nullptr, LM_CMD_ALL, COUNT_DOWN, AT(verbosity), "errors only" },
	{ "verbose", 'v', nullptr, LM_CMD_ALL, COUNT_UP, AT(verbosity), "more about what happens" },
	{ "help", 'h', nullptr, LM_CMD_ALL, YES, AT(help), "this text" },
};

static const struct {
	enum lm_command command;
	const char *name, *usage, *summary, *example;
} commands[] = {
	{ LM_CMD_LOCK, "lock", "SPEC", "lock the packages of every layer", "lamina lock --if-needed stack/venvstacks.toml" },
	{ LM_CMD_BUILD, "build", "SPEC [DIR]", "lock what needs it, build layer trees, publish with --publish",
		"lamina build --publish stack/venvstacks.toml out" },
	{ LM_CMD_PUBLISH, "publish", "SPEC [DIR]", "publish archives of locked layers",
		"lamina publish --platform all --tag-outputs stack/venvstacks.toml out" },
	{ LM_CMD_EXPORT, "local-export", "SPEC [DIR]", "write trees that are ready to run, with their metadata",
		"lamina local-export --include app-editor --publish-dependencies stack/venvstacks.toml" },
	{ LM_CMD_SHOW, "show", "SPEC", "show the layers of a stack", "lamina show --json stack/venvstacks.toml" },
};

const char *
lm_command_name(enum lm_command command)
{
	for (size_t i = 0; i < LM_COUNT(commands); i++)
		if (commands[i].command == command)
			return commands[i].name;
	return "";
}

int
lm_command_parse(const char *name, enum lm_command *out, struct lm_err *err)
{
	const char *names[LM_COUNT(commands)];
	for (size_t i = 0; i < LM_COUNT(commands); i++) {
		names[i] = commands[i].name;
		if (lm_cstr_equal(name, names[i])) {
			*out = commands[i].command;
			return 0;
		}
	}
	const char *near = lm_nearest(name, names, LM_COUNT(names));
	if (near != nullptr)
		return lm_err_set(err, LM_E_USAGE, "there is no command '%s', did you mean '%s'?", name, near);
	return lm_err_set(err, LM_E_USAGE, "there is no command '%s'; 'lamina --help' lists them", name);
}

void
lm_cli_overview(void)
{
	(void)puts("Usage: lamina COMMAND [OPTION]... SPEC [DIR]\n\n"
		   "Lock, build and publish layered Python environments as archives that come out\n"
		   "byte for byte the same wherever they are built.\n\nCommands:");
	for (size_t i = 0; i < LM_COUNT(commands); i++)
		(void)printf("  %-13s %s\n", commands[i].name, commands[i].summary);
	(void)puts("\n'lamina COMMAND --help' shows the options of a command; 'lamina --version' the version.");
}

void
lm_cli_help(enum lm_command command)
{
	for (size_t i = 0; i < LM_COUNT(commands); i++)
		if (commands[i].command == command)
			(void)printf("Usage: lamina %s [OPTION]... %s\n\n%c%s.\n\nExample:\n  %s\n\nOptions:\n",
				commands[i].name, commands[i].usage, commands[i].summary[0] - 'a' + 'A',
				commands[i].summary + 1, commands[i].example);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		if ((rows[i].commands & command) == 0)
			continue;
		LM_AUTO(lm_free_ptr)
		char *left = lm_format("%s%s%s", rows[i].name, rows[i].argument != nullptr ? " " : "",
			rows[i].argument != nullptr ? rows[i].argument : "");
		if (rows[i].letter != 0)
			(void)printf("  -%c, --%-22s %s\n", rows[i].letter, left, rows[i].help);
		else
			(void)printf("      --%-22s %s\n", left, rows[i].help);
	}
	(void)puts("\nExit status: 0 done, 1 the work failed, 2 wrong use or invalid spec,\n"
		   "4 bytes differ from their recorded digest, 130 interrupted.");
}

const char *
lm_command_at(size_t index, enum lm_command *command)
{
	if (index >= LM_COUNT(commands))
		return nullptr;
	*command = commands[index].command;
	return commands[index].summary;
}

bool
lm_option_at(size_t index, enum lm_command command, struct lm_option_info *out)
{
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		if ((rows[i].commands & command) == 0 || index-- > 0)
			continue;
		*out = (struct lm_option_info){
			.name = rows[i].name, .letter = rows[i].letter, .argument = rows[i].argument, .help = rows[i].help
		};
		return true;
	}
	return false;
}

// The options a command takes, as getopt_long wants them.
struct parser {
	struct option long_options[LM_COUNT(rows) + 1];
	char short_options[2 * LM_COUNT(rows) + 2];
};

static void
make_parser(enum lm_command command, struct parser *parser)
{
	size_t n = 0, s = 0;
	parser->short_options[s++] = ':';
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		if ((rows[i].commands & command) == 0)
			continue;
		parser->long_options[n++] = (struct option){ .name = rows[i].name,
			.has_arg = rows[i].argument != nullptr ? required_argument : no_argument,
			.val = 1000 + (int)i };
		if (rows[i].letter != 0) {
			parser->short_options[s++] = rows[i].letter;
			if (rows[i].argument != nullptr)
				parser->short_options[s++] = ':';
		}
	}
	parser->long_options[n] = (struct option){};
	parser->short_options[s] = '\0';
}

static void
apply(struct lm_cli *cli, const struct option_row *row, const char *argument)
{
	void *field = (char *)cli + row->field;
	switch (row->kind) {
	case TEXT:
		*(const char **)field = argument;
		break;
	case LIST:
		lm_strings_add(field, argument);
		break;
	case YES:
		*(bool *)field = true;
		break;
	case NO:
		*(bool *)field = false;
		break;
	case COUNT_UP:
		++*(int *)field;
		break;
	case COUNT_DOWN:
		--*(int *)field;
		break;
	}
}

static int
unknown_option(enum lm_command command, const char *given, struct lm_err *err)
{
	const char *names[LM_COUNT(rows)];
	size_t count = 0;
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if ((rows[i].commands & command) != 0)
			names[count++] = rows[i].name;
	const char *bare = given + strspn(given, "-");
	LM_AUTO(lm_free_ptr) char *word = lm_strndup(bare, strcspn(bare, "="));
	const char *near = given[0] == '-' && given[1] == '-' ? lm_nearest(word, names, count) : nullptr;
	if (near != nullptr)
		return lm_err_set(err, LM_E_USAGE, "there is no option '--%s', did you mean '--%s'?", word, near);
	return lm_err_set(
		err, LM_E_USAGE, "there is no option '%s'; 'lamina %s --help' lists them", given, lm_command_name(command));
}

static const struct option_row *
find_row(enum lm_command command, int value)
{
	if (value >= 1000)
		return &rows[value - 1000];
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if (rows[i].letter == value && (rows[i].commands & command) != 0)
			return &rows[i];
	return nullptr;
}

static int
take_paths(struct lm_cli *cli, int argc, char **argv, struct lm_err *err)
{
	int at = optind, most = cli->command == LM_CMD_LOCK || cli->command == LM_CMD_SHOW ? 1 : 2;
	if (cli->help)
		return 0;
	if (at >= argc)
		return lm_err_set(err, LM_E_USAGE, "'lamina %s' needs the path of a stack spec, for example '%s'",
			lm_command_name(cli->command), "venvstacks.toml");
	if (argc - at > most)
		return lm_err_set(err, LM_E_USAGE, "'%s' is one argument too many", argv[at + most]);
	cli->spec = argv[at];
	cli->folder = at + 1 < argc ? argv[at + 1] : nullptr;
	return 0;
}

int
lm_cli_parse(struct lm_cli *cli, int argc, char **argv, struct lm_err *err)
{
	struct parser parser = {};
	make_parser(cli->command, &parser);
	opterr = 0;
	optind = 1;
	for (;;) {
		int before = optind;
		int value = getopt_long(argc, argv, parser.short_options, parser.long_options, nullptr);
		if (value == -1)
			return take_paths(cli, argc, argv, err);
		if (value == ':')
			return lm_err_set(err, LM_E_USAGE, "option '%s' needs a value", argv[optind - 1]);
		if (value == '?') {
			LM_AUTO(lm_free_ptr) char *letter = lm_format("-%c", optopt);
			bool is_long = optopt == 0 || optopt >= 1000;
			return unknown_option(
				cli->command, is_long ? argv[optind > before ? optind - 1 : before] : letter, err);
		}
		apply(cli, find_row(cli->command, value), optarg);
	}
}

void
lm_cli_release(struct lm_cli *cli)
{
	lm_strings_release(&cli->include);
	lm_strings_release(&cli->reset_lock);
	lm_strings_release(&cli->local_wheels);
	lm_strings_release(&cli->platforms);
}
