// SPDX-License-Identifier: MIT
/// For programs whose output must be the same on Linux as here (abi_*.c): what a call answers, by name.
/// They print nothing that may differ from run to run: no address, no number of a process, no time.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/// "clock_gettime(99, &now): EINVAL", or its value. The C library is not asked: it may answer itself.
#define SHOW(what, ...) show(what, syscall(__VA_ARGS__))
/// Something that must be so.
#define HOLDS(condition) printf("%s: %s\n", #condition, (condition) ? "yes" : "NO")

#define BAD ((void*)-1)

static inline void show(const char* what, long result) {
  if (result == -1)
    printf("%s: %s\n", what, strerrorname_np(errno));
  else
    printf("%s: %ld\n", what, result);
  fflush(stdout);
}
