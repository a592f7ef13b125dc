#include "cmd_fake_provider.h"

#include "lamina/version.h"

#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("lamina-batch " LAMINA_VERSION "\n");
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (argc >= 2 && strcmp(argv[1], "fake-provider") == 0)
		return lm_cmd_fake_provider(argc - 1, argv + 1);
	fprintf(stderr, "lamina-batch: error: %s\n", argc < 2 ? "a command is missing" : "there is no such command");
	return 2;
}
