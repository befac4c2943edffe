// SPDX-License-Identifier: MIT
/* What the calls about memory answer, and what they did: Linux's error numbers one by one. Where the
 * file calls are missing, what is about files is left out. Prints each check that fails; its status
 * is how many did. The same file compiled for any Linux passes there, too. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };
static char *const kTop = (char *)(1UL << 54); /* beyond every user half */

static int failures, checks;

static void check(const char *what, long got, long expected) {
  ++checks;
  if (got == expected) return;
  ++failures;
  printf("%s: %ld, not %ld\n", what, got, expected);
}

/* 0, or the error number */
#define ERR(call) (errno = 0, (long)(call) == -1 ? errno : 0)
#define IS(expected, call) check(#call, ERR(call), expected)

static char *map(size_t pages, int protection, int flags) {
  char *p = mmap(0, pages * PAGE, protection, flags, -1, 0);
  if (p == MAP_FAILED) exit(99);
  return p;
}

/* The signal that reading (0) or writing (1) a byte of a child's raises; 0 if none. */
static int signal_of(volatile char *p, int write) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (write)
      *p = 1;
    else
      (void)*p;
    _exit(0);
  }
  int status;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) exit(98);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void mmap_refuses(void) {
  char *p = map(4, RW, ANON);
  IS(EINVAL, mmap(0, 0, RW, ANON, -1, 0));
  IS(EINVAL, mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0));
  IS(EINVAL, mmap(0, PAGE, RW, MAP_ANONYMOUS | 3, -1, 0));
  IS(EINVAL, syscall(SYS_mmap, 0, PAGE, RW, ANON, -1, 1));
  IS(ENOMEM, mmap(0, (size_t)-PAGE, RW, ANON, -1, 0));
  IS(ENOMEM, mmap(kTop, PAGE, RW, ANON | MAP_FIXED, -1, 0));
  IS(EINVAL, mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
  IS(EEXIST, mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
  IS(EBADF, mmap(0, PAGE, RW, MAP_PRIVATE, -1, 0));
  IS(EBADF, mmap(0, PAGE, RW, MAP_PRIVATE, 1000, 0));
  IS(EINVAL, mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
  IS(0, mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0));
  check("a hint is taken", (long)(mmap(p + 64 * PAGE, 1, RW, ANON, -1, 0) != MAP_FAILED), 1);
  munmap(p, 4 * PAGE);
}

static void munmap_and_mprotect_answer(void) {
  char *p = map(8, RW, ANON);
  IS(EINVAL, munmap(p + 1, PAGE));
  IS(EINVAL, munmap(p, 0));
  IS(EINVAL, munmap(kTop, PAGE));
  memset(p, 7, 8 * PAGE);
  IS(0, munmap(p + 2 * PAGE, PAGE));
  IS(0, munmap(p + 2 * PAGE, PAGE));
  check("reads a hole", signal_of(p + 2 * PAGE, 0), SIGSEGV);
  check("reads above it", signal_of(p + 3 * PAGE, 0), 0);
  IS(EINVAL, mprotect(p + 1, PAGE, PROT_READ));
  IS(0, mprotect(p, 0, PROT_READ));
  IS(EINVAL, mprotect(p, PAGE, 0x40));
  IS(ENOMEM, mprotect(p, 4 * PAGE, PROT_READ));
  check("writes before the hole", signal_of(p, 1), SIGSEGV);
  check("writes behind it", signal_of(p + 3 * PAGE, 1), 0);
  IS(0, mprotect(p + 3 * PAGE, PAGE, PROT_NONE));
  check("reads what has no rights", signal_of(p + 3 * PAGE, 0), SIGSEGV);
  IS(0, mprotect(p + 3 * PAGE, PAGE, PROT_WRITE));
  check("what can be written can be read", p[3 * PAGE], 7);
  munmap(p, 8 * PAGE);
}

static void mremap_answers(void) {
  char *p = map(8, RW, ANON), *q = map(8, RW, ANON);
  munmap(q, 8 * PAGE);
  memset(p, 5, 4 * PAGE);
  IS(EINVAL, mremap(p + 1, PAGE, PAGE, 0));
  IS(EINVAL, mremap(p, PAGE, 0, 0));
  IS(EINVAL, mremap(p, PAGE, PAGE, 0x80));
  IS(EINVAL, mremap(p, PAGE, PAGE, MREMAP_FIXED, q));
  IS(EINVAL, mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE));
  IS(EINVAL, mremap(p, 0, PAGE, MREMAP_MAYMOVE));
  IS(EFAULT, mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
  IS(ENOMEM, mremap(p, PAGE, 2 * PAGE, 0));
  IS(0, mremap(p + 4 * PAGE, 4 * PAGE, PAGE, 0));
  check("shrinks", signal_of(p + 5 * PAGE, 0), SIGSEGV);
  char *moved = mremap(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
  check("moves", moved == q, 1);
  check("keeps its bytes", q[3 * PAGE + 9], 5);
  check("grows with zeros", q[5 * PAGE], 0);
  check("is gone there", signal_of(p, 0), SIGSEGV);
  munmap(q, 8 * PAGE);
  munmap(p, 8 * PAGE);
}

static void madvise_answers(void) {
  char *p = map(4, RW, ANON);
  memset(p, 9, 4 * PAGE);
  IS(EINVAL, madvise(p + 1, PAGE, MADV_NORMAL));
  IS(EINVAL, madvise(p, PAGE, 77));
  IS(0, madvise(p, 0, MADV_DONTNEED));
  IS(0, madvise(p, PAGE, MADV_DONTNEED));
  check("is zeros again", p[0], 0);
  check("its neighbour is not", p[PAGE], 9);
  IS(0, madvise(p, PAGE, MADV_WILLNEED));
  IS(0, madvise(p + PAGE, PAGE, MADV_DONTFORK));
  check("a child has not got it", signal_of(p + PAGE, 0), SIGSEGV);
  IS(0, madvise(p + PAGE, PAGE, MADV_DOFORK));
  check("a child has it", signal_of(p + PAGE, 0), 0);
  munmap(p + 2 * PAGE, PAGE);
  IS(ENOMEM, madvise(p, 4 * PAGE, MADV_DONTNEED));
  check("behind the hole too", p[3 * PAGE], 0);
  munmap(p, 4 * PAGE);
}

static void mincore_msync_mlock_answer(void) {
  unsigned char vec[4] = {0xff, 0xff, 0xff, 0xff};
  char *p = map(4, RW, ANON);
  p[0] = p[2 * PAGE] = 1;
  IS(0, mincore(p, 4 * PAGE, vec));
  check("resident", vec[0] | vec[1] << 1 | vec[2] << 2 | vec[3] << 3, 5);
  IS(EINVAL, mincore(p + 1, PAGE, vec));
  IS(EFAULT, mincore(p, PAGE, (void *)-1));
  IS(ENOMEM, mincore(kTop, PAGE, vec));
  IS(0, msync(p, 4 * PAGE, MS_SYNC));
  IS(0, msync(p, 0, MS_ASYNC));
  IS(EINVAL, msync(p, PAGE, MS_SYNC | MS_ASYNC));
  IS(EINVAL, msync(p, PAGE, 0x100));
  IS(EINVAL, msync(p + 1, PAGE, MS_SYNC));
  IS(0, mlock(p + 1, 1));
  IS(0, mlock(p, 2 * PAGE));
  IS(0, mincore(p, 4 * PAGE, vec));
  check("locked pages are there", vec[1] & 1, 1);
  IS(EINVAL, syscall(SYS_mlock2, p, PAGE, 2));
  IS(0, syscall(SYS_mlock2, p, PAGE, 1));
  IS(0, munlock(p, 4 * PAGE));
  IS(EINVAL, mlockall(0));
  IS(EINVAL, mlockall(8));
  IS(EINVAL, mlockall(4));
  IS(0, munlockall());
  munmap(p + 3 * PAGE, PAGE);
  IS(ENOMEM, mincore(p, 4 * PAGE, vec));
  IS(ENOMEM, msync(p, 4 * PAGE, MS_SYNC));
  IS(ENOMEM, mlock(p, 4 * PAGE));
  IS(ENOMEM, munlock(p, 4 * PAGE));
  munmap(p, 4 * PAGE);
}

static void brk_moves_to_the_byte(void) {
  char *start = (char *)syscall(SYS_brk, 0);
  check("brk(+100)", syscall(SYS_brk, start + 100) == (long)(start + 100), 1);
  start[99] = 1;
  check("brk(bad) answers where it is", syscall(SYS_brk, (char *)1) == (long)(start + 100), 1);
  check("brk(+3 pages)", syscall(SYS_brk, start + 3 * PAGE) == (long)(start + 3 * PAGE), 1);
  start[3 * PAGE - 1] = 1;
  check("keeps", start[99], 1);
  check("brk(back)", syscall(SYS_brk, start) == (long)start, 1);
}

static void memory_is_shared_or_private(void) {
  char *shared = map(2, RW, MAP_SHARED | MAP_ANONYMOUS), *own = map(2, RW, ANON);
  shared[0] = own[0] = 1;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    shared[0] = own[0] = 2;
    shared[PAGE] = 3;
    _exit(own[0]);
  }
  int status;
  waitpid(pid, &status, 0);
  check("the child's own", WEXITSTATUS(status), 2);
  check("shared", shared[0], 2);
  check("shared, touched by the child alone", shared[PAGE], 3);
  check("private", own[0], 1);
  munmap(shared, 2 * PAGE);
  munmap(own, 2 * PAGE);
}

static void limits_hold(void) {
  struct rlimit was, now;
  IS(EINVAL, getrlimit(99, &was));
  IS(EFAULT, syscall(SYS_prlimit64, 0, RLIMIT_AS, 0, (void *)-1));
  IS(ESRCH, syscall(SYS_prlimit64, 32000, RLIMIT_AS, 0, &was));
  IS(0, getrlimit(RLIMIT_DATA, &was));
  now.rlim_cur = 5, now.rlim_max = 4;
  IS(EINVAL, setrlimit(RLIMIT_DATA, &now));
  IS(0, getrlimit(RLIMIT_STACK, &now));
  check("the stack's limit", (long)now.rlim_cur, 8 << 20);
  IS(0, getrlimit(RLIMIT_NOFILE, &now));
  check("descriptors", now.rlim_cur >= 256, 1);
}

/* RLIMIT_MEMLOCK binds whoever has not CAP_IPC_LOCK: root, once he has given it up. */
static void locking_is_limited(void) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct had[2], less[2];
    struct rlimit limit = {2 * PAGE, 2 * PAGE};
    char *p = map(4, RW, ANON);
    const uint32_t lock = 1u << CAP_IPC_LOCK;
    failures = 0;
    IS(0, setrlimit(RLIMIT_MEMLOCK, &limit));
    IS(0, syscall(SYS_capget, &header, had));
    memcpy(less, had, sizeof had);
    less[0].effective &= ~lock, less[0].permitted &= ~lock;
    if (had[0].effective & lock) {
      IS(0, mlock(p, 4 * PAGE));
      IS(0, munlockall());
      IS(0, syscall(SYS_capset, &header, less));
      IS(EPERM, syscall(SYS_capset, &header, had));
      IS(0, syscall(SYS_capget, &header, had));
      check("it is gone", had[0].effective == less[0].effective && had[0].permitted == less[0].permitted, 1);
      less[0].effective |= lock;
      IS(EPERM, syscall(SYS_capset, &header, less));
      header.pid = 1;
      IS(EPERM, syscall(SYS_capset, &header, had));
      header.pid = 0, header.version = 7;
      IS(EINVAL, syscall(SYS_capset, &header, had));
      check("the version", header.version, _LINUX_CAPABILITY_VERSION_3);
      IS(EFAULT, syscall(SYS_capset, &header, (void *)-1));
    }
    IS(ENOMEM, mlock(p, 4 * PAGE));
    IS(0, mlock(p, 2 * PAGE));
    IS(ENOMEM, mlock(p + 2 * PAGE, PAGE));
    check("locked, and too much", mmap(0, PAGE, RW, ANON | MAP_LOCKED, -1, 0) == MAP_FAILED && errno == EAGAIN, 1);
    IS(0, munlock(p, PAGE));
    IS(0, mlock(p + 2 * PAGE, PAGE));
    limit.rlim_cur = 0;
    IS(0, setrlimit(RLIMIT_MEMLOCK, &limit));
    IS(EPERM, mlock(p, PAGE));
    fflush(stdout);
    _exit(failures);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  check("limits of locking", status, 0);
}

/* PROT_GROWSDOWN: from where the stack begins. */
static void from_the_start_of_a_stack(void) {
  char *p = map(8, RW, ANON);
  IS(0, munmap(p, 4 * PAGE));
  char *stack = mmap(p + PAGE, 3 * PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
  check("a stack", stack == p + PAGE, 1);
  IS(EINVAL, mprotect(stack, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
  IS(EINVAL, mprotect(stack, PAGE, PROT_READ | PROT_GROWSUP));
  IS(EINVAL, mprotect(p + 5 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
  IS(ENOMEM, mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
  check("still writable", signal_of(stack, 1), 0);
  IS(0, mprotect(stack + 2 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
  check("its start", signal_of(stack, 1), SIGSEGV);
  check("its end", signal_of(stack + 2 * PAGE, 1), SIGSEGV);
  IS(0, mprotect(p, 2 * PAGE, RW | PROT_GROWSDOWN));
  check("its start again", signal_of(stack, 1), 0);
  check("its end still", signal_of(stack + 2 * PAGE, 1), SIGSEGV);
  IS(0, munmap(p, 8 * PAGE));
}

static void files_are_mapped(void) {
  const char *name = "/tmp/memory_calls_file";
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 && errno == ENOSYS) return;
  check("open", fd >= 0, 1);
  check("ftruncate", ftruncate(fd, 3 * PAGE), 0);
  char *s = mmap(0, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char *p = mmap(0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
  s[0] = 'a', s[PAGE] = 'b';
  check("private sees what is not its own", p[PAGE], 'b');
  p[0] = 'c';
  s[0] = 'd';
  check("private keeps its own", p[0], 'c');
  char byte = 0;
  check("the file has it", pread(fd, &byte, 1, 0) == 1 && byte == 'd', 1);
  byte = 'e';
  check("pwrite", pwrite(fd, &byte, 1, 2 * PAGE), 1);
  check("shared sees the file", s[2 * PAGE], 'e');
  check("beyond the end", signal_of(s + 3 * PAGE, 0), SIGBUS);
  p[2 * PAGE] = 'f';
  check("shrink", ftruncate(fd, PAGE + 1), 0);
  check("cut off", signal_of(s + 2 * PAGE, 0), SIGBUS);
  check("cut off, own copy", signal_of(p + 2 * PAGE, 0), SIGBUS);
  check("grow", ftruncate(fd, 3 * PAGE), 0);
  check("comes back as zeros", s[2 * PAGE], 0);
  int ro = open(name, O_RDONLY), wo = open(name, O_WRONLY);
  IS(EACCES, mmap(0, PAGE, RW, MAP_SHARED, ro, 0));
  IS(0, mmap(0, PAGE, RW, MAP_PRIVATE, ro, 0));
  IS(EACCES, mmap(0, PAGE, PROT_READ, MAP_SHARED, wo, 0));
  IS(EACCES, mmap(0, PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
  char *r = mmap(0, PAGE, PROT_READ, MAP_SHARED, ro, 0);
  IS(EACCES, mprotect(r, PAGE, RW));
  IS(EINVAL, mmap(0, 0, RW, MAP_SHARED, fd, 0));
  IS(EINVAL, mmap(0, PAGE, RW, 0, fd, 0));
  IS(EOVERFLOW, mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0x7ffffffffffff000));
  int dir = open("/tmp", O_RDONLY | O_DIRECTORY);
  IS(ENODEV, mmap(0, PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
  int zero = open("/dev/zero", O_RDWR);
  char *z = mmap(0, PAGE, RW, MAP_PRIVATE, zero, 0);
  check("/dev/zero", z != MAP_FAILED && z[5] == 0 && (z[5] = 1) == 1, 1);
  close(fd), close(ro), close(wo), close(dir), close(zero);
  s[0] = 'g';
  check("a mapping outlives the descriptor", s[0], 'g');
  unlink(name);
  munmap(s, 4 * PAGE);
  munmap(p, 4 * PAGE);
}

static void a_stack_grows(void) {
  char *p = map(2048, PROT_NONE, ANON);
  char *top = p + 2047 * PAGE;
  munmap(p, 2048 * PAGE);
  IS(0, mmap(top, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0));
  top[-100] = 1;
  top[-3 * PAGE] = 2;
  check("what it grew over is zeros", top[-2 * PAGE + 7], 0);
  munmap(top - 4 * PAGE, 5 * PAGE);
}

int main(void) {
  mmap_refuses();
  munmap_and_mprotect_answer();
  mremap_answers();
  madvise_answers();
  mincore_msync_mlock_answer();
  brk_moves_to_the_byte();
  memory_is_shared_or_private();
  limits_hold();
  locking_is_limited();
  from_the_start_of_a_stack();
  files_are_mapped();
  a_stack_grows();
  printf("%d checks, %d failed\n", checks, failures);
  return failures;
}
