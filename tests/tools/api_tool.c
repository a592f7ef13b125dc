// Uses the public C API as a program would that does more than one thing at once.
//
//	api_tool two SPEC STORE STATE OUT OUT2      publish one spec from two threads, each with a stack of its own
//	api_tool cancel SPEC STORE STATE OUT        cancel from the callback, then go on
//	api_tool check SPEC STORE STATE EXPECTED    compare with what was published
//	api_tool build SPEC STORE STATE FOLDER      write trees
//
// Prints one line per call: its code, then the error.
#include "lamina/lamina.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct job {
	char **argv;
	const char *out;
	enum lamina_code code;
	char error[256];
	atomic_int events, waits;
	atomic_bool cancels; // once
};

static void
on_event(void *context, const struct lamina_event *event)
{
	struct job *job = context;
	atomic_fetch_add(&job->events, 1);
	if (event->kind == LAMINA_EVENT_WARNING && strncmp(event->text, "waiting for ", 12) == 0)
		atomic_fetch_add(&job->waits, 1);
	if (event->kind == LAMINA_EVENT_BEGIN && strcmp(event->step, "publish") == 0 && atomic_exchange(&job->cancels, false))
		lamina_cancel();
}

static struct lamina_stack *
load(struct job *job)
{
	struct lamina_options options = {
		.store = job->argv[3], .state = job->argv[4], .no_index = 1, .on_event = on_event, .context = job
	};
	struct lamina_stack *stack = nullptr;
	if (lamina_load(job->argv[2], &options, &stack) != LAMINA_OK)
		(void)printf("cannot load: %s\n", lamina_error(stack));
	return stack;
}

static void
tell(enum lamina_code code, const struct lamina_stack *stack)
{
	(void)printf("%d %s\n", (int)code, lamina_error(stack));
}

static void *
run_job(void *context)
{
	struct job *job = context;
	struct lamina_stack *stack = load(job);
	job->code = lamina_publish(stack, job->out, nullptr, nullptr, nullptr, nullptr);
	(void)snprintf(job->error, sizeof job->error, "%s", lamina_error(stack));
	lamina_free(stack);
	return nullptr;
}

static int
two(char **argv)
{
	struct job jobs[2] = { { .argv = argv, .out = argv[5] }, { .argv = argv, .out = argv[6] } };
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], nullptr, run_job, &jobs[i]) != 0)
			return 1;
	for (int i = 0; i < 2; i++) {
		(void)pthread_join(threads[i], nullptr);
		(void)printf("%d %s\n", (int)jobs[i].code, jobs[i].error);
	}
	// into one folder, the later one may find everything done before it had to wait
	bool told = strcmp(jobs[0].out, jobs[1].out) == 0 ? jobs[0].events + jobs[1].events > 0
							  : jobs[0].events > 0 && jobs[1].events > 0;
	return told && jobs[0].waits + jobs[1].waits <= 1 ? 0 : 1;
}

static int
cancel(char **argv)
{
	struct job job = { .argv = argv, .cancels = true };
	struct lamina_stack *stack = load(&job);
	const char *json = "";
	tell(lamina_publish(stack, argv[5], nullptr, nullptr, nullptr, &json), stack);
	(void)printf("%s\n", json == nullptr ? "no answer" : json);
	tell(lamina_build(stack, argv[5], nullptr, nullptr), stack);
	lamina_resume();
	tell(lamina_publish(stack, argv[5], nullptr, nullptr, nullptr, nullptr), stack);
	lamina_free(stack);
	return 0;
}

static int
with_answer(char **argv, bool checks)
{
	struct job job = { .argv = argv };
	struct lamina_stack *stack = load(&job);
	const char *json = nullptr;
	if (checks)
		tell(lamina_check(stack, argv[5], nullptr, nullptr, &json), stack);
	else
		tell(lamina_build(stack, argv[5], nullptr, nullptr), stack);
	(void)fputs(json == nullptr ? "" : json, stdout);
	lamina_free(stack);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "two") == 0)
		return two(argv);
	if (argc == 6 && strcmp(argv[1], "cancel") == 0)
		return cancel(argv);
	if (argc == 6)
		return with_answer(argv, strcmp(argv[1], "check") == 0);
	return 2;
}
