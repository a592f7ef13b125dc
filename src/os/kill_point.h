// Named instants at which tests end this process, as kill -9 or Ctrl-C would. Nothing of it is in a build without -Dkill-points.
#pragma once

#ifdef LM_KILL_POINTS

// Tell where to die and where to list what was passed; call before other threads begin.
//   request  "<name>", "<name>#<n>" or "<name>#<n>=<signal>": at the n-th passing (1: the first), by that signal (9: SIGKILL);
//            null: nowhere
//   trace    a file that gets a line with the name for each passing; null: none
void lm_kill_point_arm(const char *request, const char *trace);
void lm_kill_point(const char *name);
#define LM_KILL_POINT(name) lm_kill_point(name)

#else

#define LM_KILL_POINT(name) ((void)0)

#endif
