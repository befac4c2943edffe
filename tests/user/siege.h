// SPDX-License-Identifier: MIT
/// For programs that try to get at the kernel (siege_*.c): each attempt is a child, which does what it must
/// not get away with, and how it ended is judged by its parent. Prints a line for each attempt that came out
/// otherwise, and how many there were; the status is 0 if all came out as they must.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int attempts, failures;

__attribute__((format(printf, 1, 2))) static inline void complain(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("# ");
  vprintf(format, arguments);
  printf("\n");
  fflush(stdout);
  va_end(arguments);
  ++failures;
}

static inline int verdict(const char* name) {
  printf("# %s: %d attempts, %d came out wrong\n", name, attempts, failures);
  return failures == 0 ? 0 : 1;
}

#ifdef __aarch64__
/// The call as the kernel answers it: the C library, and its errno, stay out of it.
static inline long call(long number, const uint64_t x[6]) {
  register long x8 asm("x8") = number;
  register uint64_t x0 asm("x0") = x[0];
  register uint64_t x1 asm("x1") = x[1];
  register uint64_t x2 asm("x2") = x[2];
  register uint64_t x3 asm("x3") = x[3];
  register uint64_t x4 asm("x4") = x[4];
  register uint64_t x5 asm("x5") = x[5];
  asm volatile("svc #0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return (long)x0;
}
#endif

/// How a child ended that does `act(argument)`: 128 and the signal, or its status (0 if it came back).
static inline int outcome_of(void (*act)(const void*), const void* argument) {
  ++attempts;
  const pid_t child = fork();
  if (child < 0) return -errno;
  if (child == 0) {
    act(argument);
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
