// Reading a command line with a program's table of options.
#include "options.h"

#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What getopt_long answers is the row, and whether "no-" stood before it.
enum { ROW = 1000, NO_ROW = 2000 };

struct parser {
	const struct lm_program *program;
	const struct lm_command_info *command;
	struct option *long_options;
	char **negations; // "no-...", by row
	char *short_options;
};

static bool
has_negation(const struct lm_option_row *row)
{
	return (row->kind == LM_OPTION_YES && !lm_cstr_equal(row->name, "help")) || row->kind == LM_OPTION_NO ||
		row->kind == LM_OPTION_TRI;
}

static void
release_parser(struct parser *parser)
{
	for (size_t i = 0; i < parser->program->row_count; i++)
		lm_free(parser->negations[i]);
	lm_free(parser->negations);
	lm_free(parser->long_options);
	lm_free(parser->short_options);
}

static void
make_parser(struct parser *parser)
{
	const struct lm_program *program = parser->program;
	size_t n = 0, s = 0;
	parser->long_options = lm_alloc((2 * program->row_count + 1) * sizeof *parser->long_options);
	parser->negations = lm_alloc((program->row_count + 1) * sizeof *parser->negations);
	parser->short_options = lm_alloc(2 * program->row_count + 2);
	parser->short_options[s++] = ':';
	for (size_t i = 0; i < program->row_count; i++) {
		const struct lm_option_row *row = &program->rows[i];
		if ((row->commands & parser->command->command) == 0)
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

static const struct lm_option_row *
find_row(const struct parser *parser, int value)
{
	const struct lm_program *program = parser->program;
	if (value >= ROW)
		return &program->rows[value >= NO_ROW ? value - NO_ROW : value - ROW];
	for (size_t i = 0; i < program->row_count && value != 0; i++)
		if (program->rows[i].letter == value && (program->rows[i].commands & parser->command->command) != 0)
			return &program->rows[i];
	return nullptr;
}

// As Python's float reads it, without signs and underscores: "2", "0.5", ".5", "1e-3".
static bool
is_decimal(const char *text)
{
	size_t whole = strspn(text, "0123456789");
	text += whole;
	size_t part = *text == '.' ? strspn(text + 1, "0123456789") : 0;
	text += *text == '.' ? part + 1 : 0;
	if (whole + part == 0)
		return false;
	if (*text != 'e' && *text != 'E')
		return *text == '\0';
	text += text[1] == '+' || text[1] == '-' ? 2 : 1;
	size_t digits = strspn(text, "0123456789");
	return digits > 0 && text[digits] == '\0';
}

// Seconds as milliseconds; what is less than one more counts as one.
static bool
parse_seconds(const char *text, uint64_t max_ms, uint64_t *out)
{
	static const double tiny = 1e-6; // 0.07 * 1000 is more than 70
	if (!is_decimal(text))
		return false;
	double ms = strtod(text, nullptr) * 1000;
	if (!(ms <= (double)max_ms))
		return false;
	*out = (uint64_t)ms;
	*out += ms - (double)*out > tiny ? 1 : 0;
	return *out <= max_ms;
}

static struct lm_option_range
range_of(const struct lm_program *program, const struct lm_option_row *row)
{
	for (size_t i = 0; i < program->range_count; i++)
		if (lm_cstr_equal(program->ranges[i].name, row->name))
			return program->ranges[i];
	return (struct lm_option_range){ .name = row->name, .max = UINT32_MAX };
}

static int
take_number(const struct lm_program *program, const struct lm_option_row *row, const char *argument,
	struct lm_given_number *out, struct lm_err *err)
{
	struct lm_option_range range = range_of(program, row);
	bool seconds = row->kind == LM_OPTION_SECONDS;
	struct lm_str text = lm_str_of(argument);
	bool good = seconds ? parse_seconds(argument, range.max, &out->value) : lm_parse_u64(text, range.max, &out->value);
	out->given = true;
	if (good && out->value >= range.min)
		return 0;
	if (seconds)
		return lm_err_set(err, LM_E_USAGE, "--%s is '%s', not a number of seconds from %.12g to %.12g", row->name,
			argument, (double)range.min / 1000, (double)range.max / 1000);
	return lm_err_set(err, LM_E_USAGE, "--%s is '%s', not a number from %llu to %llu", row->name, argument,
		(unsigned long long)range.min, (unsigned long long)range.max);
}

static int
apply(const struct lm_program *program, void *fields, const struct lm_option_row *row, bool negated, const char *argument,
	struct lm_err *err)
{
	void *field = (char *)fields + row->field;
	if (argument != nullptr && argument[0] == '\0')
		return lm_err_set(
			err, LM_E_USAGE, "option '--%s' needs a value (%s), not an empty one", row->name, row->argument);
	switch (row->kind) {
	case LM_OPTION_TEXT:
		*(const char **)field = argument;
		break;
	case LM_OPTION_LIST:
		lm_strings_add(field, argument);
		break;
	case LM_OPTION_YES:
		*(bool *)field = !negated;
		break;
	case LM_OPTION_NO:
		*(bool *)field = negated;
		break;
	case LM_OPTION_TRI:
		*(int *)field = negated ? -1 : 1;
		break;
	case LM_OPTION_UP:
		++*(int *)field;
		break;
	case LM_OPTION_DOWN:
		--*(int *)field;
		break;
	case LM_OPTION_NUMBER:
	case LM_OPTION_SECONDS:
		return take_number(program, row, argument, field, err);
	}
	return 0;
}

// Whether another command has this option; then the user mixed up commands and not names.
static bool
known_elsewhere(const struct lm_program *program, const char *given)
{
	const char *word = lm_cstr_starts(given, "--no-") ? given + 5 : given + 2;
	for (size_t i = 0; i < program->row_count; i++)
		if (lm_cstr_starts(given, "--") ? lm_cstr_equal(program->rows[i].name, word)
						: program->rows[i].letter == given[1])
			return true;
	return false;
}

static int
unknown_option(const struct parser *parser, const char *given, struct lm_err *err)
{
	const struct lm_program *program = parser->program;
	const char *command = parser->command->name;
	LM_AUTO(lm_free_ptr) const char **names = lm_alloc((2 * program->row_count + 1) * sizeof *names);
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
	if (option[1] != '\0' && known_elsewhere(program, option))
		return lm_err_set(err, LM_E_USAGE, "'%s %s' has no option '%s'; '%s %s --help' lists those it has",
			program->name, command, option, program->name, command);
	const char *near = is_long ? lm_nearest(word, names, count) : nullptr;
	if (near != nullptr)
		return lm_err_set(err, LM_E_USAGE, "there is no option '%s', did you mean '--%s'?", option, near);
	return lm_err_set(
		err, LM_E_USAGE, "there is no option '%s'; '%s %s --help' lists them", option, program->name, command);
}

static int
parse(const struct parser *parser, void *fields, int argc, char **argv, struct lm_err *err)
{
	opterr = 0;
	optind = 1;
	for (;;) {
		int before = optind;
		int value = getopt_long(argc, argv, parser->short_options, parser->long_options, nullptr);
		if (value == -1)
			return 0;
		const struct lm_option_row *row = find_row(parser, value == ':' || value == '?' ? optopt : value);
		if (value == ':')
			return lm_err_set(err, LM_E_USAGE, "option '--%s' needs a value (%s)", row->name, row->argument);
		if (value == '?' && row != nullptr)
			return lm_err_set(
				err, LM_E_USAGE, "option '--%s%s' takes no value", optopt >= NO_ROW ? "no-" : "", row->name);
		if (value == '?') {
			LM_AUTO(lm_free_ptr) char *letter = lm_format("-%c", optopt);
			return unknown_option(parser, optopt != 0 ? letter : argv[optind > before ? optind - 1 : before], err);
		}
		if (apply(parser->program, fields, row, value >= NO_ROW, optarg, err) < 0)
			return -1;
	}
}

int
lm_options_parse(const struct lm_program *program, const struct lm_command_info *command, void *fields, int argc, char **argv,
	int *first_argument, struct lm_err *err)
{
	LM_AUTO(release_parser) struct parser parser = { .program = program, .command = command };
	make_parser(&parser);
	if (parse(&parser, fields, argc, argv, err) < 0)
		return -1;
	*first_argument = optind;
	return 0;
}
