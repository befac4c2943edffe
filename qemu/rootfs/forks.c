// SPDX-License-Identifier: MIT
/// Copy on write, with places to stop and look: before the fork, in the child after it, and when the child has written to a
/// page that it shared with its parent until then (qemu/map/record.py stops there, and a person may with GDB).
#include <stdalign.h>
#include <sys/wait.h>
#include <unistd.h>

static alignas(4096) volatile char page[4096];

#define STOP(name) \
  __attribute__((noinline)) void name(void) { __asm__ volatile(""); }
STOP(before_fork)
STOP(after_fork)
STOP(after_write)

static int child(void) {
  after_fork();
  page[0] = 2;
  after_write();
  return page[0] == 2 ? 0 : 1;
}

int main(void) {
  int status;
  page[0] = 1;
  before_fork();
  const pid_t pid = fork();
  if (pid < 0) return 1;
  if (pid == 0) return child();
  if (waitpid(pid, &status, 0) != pid) return 1;
  return status == 0 && page[0] == 1 ? 0 : 1;
}
