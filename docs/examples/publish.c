// Publish a stack: publish SPEC FOLDER [STORE]
//
// Shows what is used most of the C API of lamina: loading a stack, its status, locking, publishing, progress, interruption
// and errors. Build it with
//
//	cc publish.c $(pkg-config --cflags --libs lamina) -o publish
#include <lamina/lamina.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

// Ctrl-C: calls that run return LAMINA_INTERRUPTED.
static void
on_interrupt(int number)
{
	(void)number;
	lamina_cancel();
}

// May be called from several threads at once. One fprintf is one line: stdio locks it.
static void
on_event(void *context, const struct lamina_event *event)
{
	(void)context;
	if (event->kind == LAMINA_EVENT_END)
		(void)fprintf(stderr, "%s %s%s%s\n", event->step, event->subject, event->text != NULL ? ": " : "",
			event->text != NULL ? event->text : "");
	else if (event->kind == LAMINA_EVENT_WARNING)
		(void)fprintf(stderr, "warning: %s\n", event->text);
}

// Findings have their place in the spec; the error sums them up.
static int
report(const struct lamina_stack *stack, enum lamina_code code)
{
	(void)fprintf(stderr, "%s", lamina_diagnostics(stack));
	(void)fprintf(stderr, "publish: %s\n", lamina_error(stack));
	return (int)code;
}

static int
publish(struct lamina_stack *stack, const char *folder)
{
	const char *json = NULL;
	enum lamina_code code = lamina_status(stack, &json);
	if (code != LAMINA_OK)
		return report(stack, code);
	if (strstr(json, "\"has_valid_lock\": false") != NULL) // a program would parse it
		(void)fprintf(stderr, "some layers need to be locked\n");

	code = lamina_lock(stack, NULL, 1); // all layers, as far as they have no valid lock
	if (code != LAMINA_OK)
		return report(stack, code);

	code = lamina_publish(stack, folder, NULL, NULL, NULL, &json); // all layers, this machine's platform, the spec's format
	if (code != LAMINA_OK)
		return report(stack, code);
	(void)printf("%s\n", json); // {"linux_x86_64": {"layers": ...}}
	return 0;
}

int
main(int argc, char **argv)
{
	struct lamina_options options = { .state = ".", .on_event = on_event };
	struct lamina_stack *stack = NULL;

	if (argc < 3 || argc > 4) {
		(void)fprintf(stderr, "usage: publish SPEC FOLDER [STORE]\n");
		return LAMINA_INVALID;
	}
	options.store = argc == 4 ? argv[3] : "store";
	enum lamina_code code = lamina_load(argv[1], &options, &stack);
	(void)signal(SIGINT, on_interrupt); // once a stack is loaded, or was tried to
	int result = code != LAMINA_OK ? report(stack, code) : publish(stack, argv[2]);
	lamina_free(stack); // in any case
	return result;
}
