// SPDX-License-Identifier: MIT
/* Children that want all the memory there is. `memory_hog grow`: one of them touches page after page,
 * another has less and must survive. `memory_hog copy`: the pages come through system calls that write
 * to them. `memory_hog fork`: a chain of processes, each the child of the one before, until there can
 * be no more (400, or as many as there is memory for). Status 0: the one that had most was killed, and this one goes on. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <signal.h>

enum { PAGE = 4096 };
/* More than there is: 64 GiB, or what addresses there are. */
static size_t everything = 64UL << 30;

static char *reserve(size_t size) {
  char *p = mmap(0, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) exit(3);
  return p;
}

static char *reserve_everything(void) {
  for (;; everything /= 2) {
    char *p = mmap(0, everything, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) return p;
  }
}

static void touch_all(char *p) {
  for (size_t at = 0; at < everything; at += PAGE) p[at] = 1;
  _exit(4);
}

/* The kernel writes the answer of getrlimit() to page after page. */
static void let_the_kernel_touch_all(char *p) {
  for (size_t at = 0; at < everything; at += PAGE)
    if (getrlimit(RLIMIT_STACK, (struct rlimit *)(p + at)) != 0) _exit(5);
  _exit(4);
}

static int was_killed(pid_t pid) {
  int status;
  return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int hog(void (*how)(char *)) {
  char *small = reserve(64 * PAGE);
  memset(small, 7, 64 * PAGE);
  pid_t pid = fork();
  if (pid == 0) how(reserve_everything());
  if (pid < 0 || !was_killed(pid)) return 1;
  for (int i = 0; i < 64 * PAGE; ++i)
    if (small[i] != 7) return 2;
  return 0;
}

/* How many processes there could be below this one. */
static int chain(void) {
  struct rlimit few = {400, 400};
  setrlimit(RLIMIT_NPROC, &few);
  int *depth = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (;;) {
    pid_t pid = fork();
    if (pid < 0) _exit(*depth > 20 ? 0 : 6);
    if (pid > 0) {
      int status;
      if (waitpid(pid, &status, 0) != pid) return 7;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 8;
    }
    ++*depth;
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 9;
  if (strcmp(argv[1], "grow") == 0) return hog(touch_all);
  if (strcmp(argv[1], "copy") == 0) return hog(let_the_kernel_touch_all);
  return chain();
}
