// SPDX-License-Identifier: MIT
/// For programs that check from inside what a program may rely on, with the same result on Linux: they
/// print a line for each failure, and their status is how many there were.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failures, checks;

/// Given "strict" as its argument a program also checks what only a kernel does: an emulator that runs
/// programs (qemu-user), which judges the rest, tells no syndromes and takes any PSTATE.
static inline int is_strict(int argc, char** argv) {
  return argc > 1 && strcmp(argv[1], "strict") == 0;
}

/// The line says `what` failed, and the value that tells more.
static inline void check(int holds, const char* what, long value) {
  ++checks;
  if (holds) return;
  ++failures;
  printf("FAILED: %s (%ld)\n", what, value);
}

/// `got` is what must be `wanted`; the line says both.
static inline void same(const char* what, int line, long got, long wanted) {
  ++checks;
  if (got == wanted) return;
  ++failures;
  printf("line %d: %s is %ld, not %ld\n", line, what, got, wanted);
}
#define IS(got, wanted) same(#got, __LINE__, (long)(got), (long)(wanted))
#define HOLDS(condition) IS(!!(condition), 1)

/// What a system call answers, as the kernel does: minus the error's number, if it is one.
#define ANSWER(...)                         \
  ({                                        \
    const long answer_ = syscall(__VA_ARGS__); \
    answer_ == -1 ? -(long)errno : answer_; \
  })
/// The same of a C library's function.
#define RESULT(call)                    \
  ({                                    \
    const long result_ = (long)(call);  \
    result_ == -1 ? -(long)errno : result_; \
  })

/// An address that no program has.
#define BAD ((void*)-4096)

static inline int finish(void) {
  printf("%d checks, %d failures\n", checks, failures);
  return failures > 100 ? 100 : failures;
}
