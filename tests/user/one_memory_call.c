// SPDX-License-Identifier: MIT
/* `one_memory_call N`: makes the Nth call about memory, after telling the kernel's tests that the next
 * allocations are its (msync of an address that they know). Status 0 if it was done, or refused with
 * ENOMEM or EAGAIN and nothing has changed; 1 otherwise, 2 if there is no Nth. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };
#define MARK ((void *)0x5a5a5000)

static char *p; /* eight pages with a number in each */
static char *far; /* where nothing is, nor near it */

static long do_mmap(void) { return (long)mmap(far, 3 * PAGE, RW, ANON | MAP_FIXED, -1, 0); }
static long do_shared(void) {
  return (long)mmap(far, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}
static long do_over(void) { return (long)mmap(p + PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0); }
static long do_munmap(void) { return munmap(p + 3 * PAGE, PAGE); }
static long do_mprotect(void) { return mprotect(p + 3 * PAGE, 2 * PAGE, PROT_READ); }
static long do_grow(void) { return (long)mremap(p, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE); }
static long do_move(void) {
  return (long)mremap(p + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, far);
}
static long do_keep(void) {
  return (long)mremap(p, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
}
static long do_dont_fork(void) { return madvise(p + PAGE, PAGE, MADV_DONTFORK); }
static long do_dont_need(void) { return madvise(p + PAGE, PAGE, MADV_DONTNEED); }
static long do_populate(void) { return madvise(p, 8 * PAGE, 23); }
static long do_mlock(void) { return mlock(p + PAGE, PAGE); }
static long do_mlockall(void) { return mlockall(MCL_CURRENT | MCL_FUTURE); }
static long do_brk(void) {
  char *now = (char *)syscall(SYS_brk, 0);
  return syscall(SYS_brk, now + 64 * PAGE) == (long)(now + 64 * PAGE) ? 0 : (errno = ENOMEM, -1);
}
static long do_touch(void) {
  char *q = mmap(far, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
  if (q == MAP_FAILED) return -1;
  return q[0] = q[PAGE] + 1, 0;
}
static long do_fork(void) {
  pid_t pid = fork();
  if (pid < 0) return -1;
  p[0] = 0; /* copies it */
  p[0] = 1;
  if (pid == 0) _exit(0);
  int status;
  return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : (errno = EINVAL, -1);
}
static long do_exec(void) {
  char *arguments[] = {"/bin/quiet", "0", 0};
  return execv(arguments[0], arguments);
}

static long (*const calls[])(void) = {
    do_mmap, do_shared,    do_over,     do_munmap,   do_mprotect, do_grow,  do_move,  do_keep,
    do_dont_fork, do_dont_need, do_populate, do_mlock, do_mlockall, do_brk, do_touch, do_fork, do_exec,
};

int main(int argc, char **argv) {
  unsigned long n = argc == 2 ? strtoul(argv[1], 0, 10) : ~0UL;
  if (n >= sizeof calls / sizeof *calls) return 2;
  p = mmap((void *)0x600000000, 8 * PAGE, RW, ANON, -1, 0);
  far = (char *)0x60000000;
  for (int i = 0; i < 8; ++i) p[i * PAGE] = (char)(i + 1);
  syscall(SYS_msync, MARK, 0, 0);
  long done = calls[n]();
  if (done != -1) return 0;
  if (errno != ENOMEM && errno != EAGAIN) return 1;
  for (int i = 0; i < 8; ++i)
    if (p[i * PAGE] != (char)(i + 1)) return 1;
  p[7 * PAGE] = 9; /* and it can be written as before */
  return 0;
}
