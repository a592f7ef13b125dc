// lamina-batch fake-provider.
#pragma once

// argv[0] is "fake-provider". Runs until TERM or INT; returns the exit code.
int lm_cmd_fake_provider(int argc, char **argv);
