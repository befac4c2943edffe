// SPDX-License-Identifier: MIT
/// Fork bombs: one that a limit on processes ends, one that doubles, one that only the machine ends. Every process
/// holds the end of a pipe, so that who made them knows when the last is gone.
#include "siege.h"

#include <sys/resource.h>

static int ends[2];

static void limit_processes(rlim_t most) {
  const struct rlimit limit = {most, most};
  if (setrlimit(RLIMIT_NPROC, &limit) != 0) _exit(90);
}

/// Forks until that fails; the children wait for it. Its status says what ended it.
static void fork_until_refused(void) {
  int gate[2];
  if (pipe(gate) != 0) _exit(91);
  for (;;) {
    const pid_t child = fork();
    if (child < 0) _exit(errno == EAGAIN ? 1 : errno == ENOMEM ? 2 : 92);
    if (child != 0) continue;
    char byte;
    close(gate[1]);
    _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
  }
}

static void limited(const void* most) {
  limit_processes(*(const rlim_t*)most);
  fork_until_refused();
}
static void doubling(const void* most) {
  limit_processes(*(const rlim_t*)most);
  for (int i = 0; i < 9; ++i) fork();
  _exit(3);
}
static void unlimited(const void* unused) {
  (void)unused;
  fork_until_refused();
}

/// `act` in a child, and what else came of it gone.
static int last_of(void (*act)(const void*), const void* argument) {
  if (pipe(ends) != 0) return -1;
  const int outcome = outcome_of(act, argument);
  char byte;
  close(ends[1]);
  while (read(ends[0], &byte, 1) > 0) {
  }
  close(ends[0]);
  return outcome;
}

int main(void) {
  const rlim_t few = 40, some = 150;
  int outcome = last_of(limited, &few);
  if (outcome != 1) complain("a limit of 40 processes: %d", outcome);
  outcome = last_of(doubling, &some);
  if (outcome != 3) complain("doubling under a limit of 150 processes: %d", outcome);
  outcome = last_of(unlimited, NULL);
  if (outcome != 1 && outcome != 2) complain("no limit: %d", outcome);
  outcome = last_of(limited, &few);
  if (outcome != 1) complain("a limit of 40 processes, again: %d", outcome);
  return verdict("siege_forks");
}
