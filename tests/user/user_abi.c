// SPDX-License-Identifier: MIT
/// What a program may rely on, checked from inside: the first stack, zeroed memory, registers
/// across system calls, and the results of the calls there are. Prints a line for each failure; its
/// status is how many there were. It runs on Linux too, with the same result.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "call.h"
#include "check.h"

static char zeros[100000];  // larger than a page: most of it has no byte in the file
static int initialised = 42;

static void check_start(int argc, char** argv) {
  check(argc == 3, "argc", argc);
  check(strcmp(argv[1], "one") == 0 && strcmp(argv[2], "two words") == 0, "argv", 0);
  check(argv[argc] == NULL, "argv ends with a null pointer", 0);
  check(getauxval(AT_PAGESZ) == 4096, "AT_PAGESZ", (long)getauxval(AT_PAGESZ));
  check(getauxval(AT_PHDR) != 0 && getauxval(AT_PHNUM) != 0, "AT_PHDR", 0);
  check(getauxval(AT_RANDOM) != 0, "AT_RANDOM", 0);
  check(initialised == 42, "data", initialised);
  long sum = 0;
  for (unsigned i = 0; i < sizeof zeros; ++i) sum += zeros[i];
  check(sum == 0, "bss is zero", sum);
}

static void check_unknown_calls(void) {
  check(call(1000, 0, 0, 0, 0, 0, 0) == -ENOSYS, "an unknown number", 0);
  check(call(-1, 0, 0, 0, 0, 0, 0) == -ENOSYS, "number -1", 0);
  check(call(0x7fffffff, 0, 0, 0, 0, 0, 0) == -ENOSYS, "a large number", 0);
  check(call((1L << 32) + SYS_getpid, 0, 0, 0, 0, 0, 0) == getpid(), "only w8 counts", 0);
}

/// Every register but x0 survives a call; so do the flags and a SIMD register.
static void check_registers(void) {
  uint64_t lost;
  asm volatile(
      "mov x8, %1\n mov x0, #0\n"
      "mov x9, #9\n mov x10, #10\n mov x11, #11\n mov x16, #16\n mov x17, #17\n mov x18, #18\n"
      "fmov d7, #7.0\n"
      "cmp x9, x9\n"
      "svc #0\n"
      "cset %0, ne\n"
      "eor x9, x9, #8\n sub x9, x9, #1\n orr %0, %0, x9\n"
      "sub x10, x10, #10\n orr %0, %0, x10\n sub x11, x11, #11\n orr %0, %0, x11\n"
      "sub x16, x16, #16\n orr %0, %0, x16\n sub x17, x17, #17\n orr %0, %0, x17\n"
      "sub x18, x18, #18\n orr %0, %0, x18\n"
      "fcvtzs x9, d7\n sub x9, x9, #7\n orr %0, %0, x9\n"
      : "=&r"(lost)
      : "r"((long)SYS_getpid)
      : "x0", "x8", "x9", "x10", "x11", "x16", "x17", "x18", "v7", "cc", "memory");
  check(lost == 0, "registers survive a system call", (long)lost);
}

static void check_write(void) {
  char* page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(munmap(page + 4096, 4096) == 0, "munmap of half a mapping", errno);
  memset(page, ' ', 4096);
  page[4094] = '.';
  page[4095] = '\n';
  check(call(SYS_write, 1, (long)(page + 4094), 2, 0, 0, 0) == 2, "write up to the end", 0);
  check(call(SYS_write, 1, (long)(page + 4094), 200, 0, 0, 0) == -EFAULT ||
            call(SYS_write, 1, (long)(page + 4094), 200, 0, 0, 0) == 2,
        "write across the end gives what there was, or EFAULT", 0);
  check(call(SYS_write, 1, (long)(page + 4096), 1, 0, 0, 0) == -EFAULT, "write from nowhere", 0);
  check(call(SYS_write, 1, 0, 0, 0, 0, 0) == 0, "write of nothing", 0);
  check(call(SYS_write, 77, (long)page, 1, 0, 0, 0) == -EBADF, "write to no file", 0);
  struct iovec pieces[3] = {{"ab", 2}, {"", 0}, {"c\n", 2}};
  check(writev(1, pieces, 3) == 4, "writev", errno);
  check(call(SYS_writev, 1, (long)pieces, 1025, 0, 0, 0) == -EINVAL, "writev of too many", 0);
  check(call(SYS_writev, 1, (long)(page + 4096), 1, 0, 0, 0) == -EFAULT, "writev from nowhere", 0);
}

/// Pointers that belong to nobody, in each argument that is one.
static void check_bad_pointers(void) {
  const long bad[] = {(long)0xffff800008000000,
                      (long)0xffff000000000000,
                      0x0001000000000000,
                      -1,
                      -4096,
                      (long)0x8000000000000000,
                      (long)0xfffeffffffffffff,
                      1,
                      (long)0xff00000000400000,
                      0x0100000000400000};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; ++i) {
    long got = call(SYS_write, 1, bad[i], 64, 0, 0, 0);
    check(got == -EFAULT, "write from a bad pointer", bad[i]);
    got = call(SYS_writev, 1, bad[i], 1, 0, 0, 0);
    check(got == -EFAULT, "writev from a bad pointer", bad[i]);
    struct iovec piece = {(void*)bad[i], 64};
    got = call(SYS_writev, 1, (long)&piece, 1, 0, 0, 0);
    check(got == -EFAULT, "writev of a bad piece", bad[i]);
  }
}

static void check_futex(void) {
  int word = 0;
  check(call(SYS_futex, (long)&word, 1 | 128, 1, 0, 0, 0) == 0, "waking nobody", 0);
  check(call(SYS_futex, (long)&word + 1, 1 | 128, 1, 0, 0, 0) == -EINVAL,
        "a futex that is not aligned", 0);
  check(call(SYS_futex, (long)0xffff800008000000, 1, 1, 0, 0, 0) == -EFAULT,
        "a futex in the kernel", 0);
}

static void check_break(void) {
  char* const start = sbrk(0);
  check(sbrk(100000) == start, "sbrk grows", errno);
  start[0] = 1;
  start[99999] = 2;
  check(start[50000] == 0, "a new heap page is zero", start[50000]);
  check(sbrk(0) == start + 100000, "the break is where it was put", 0);
  check(sbrk(-100000) == start + 100000 && sbrk(0) == start, "sbrk shrinks", 0);
  check(sbrk(100000) == start && start[0] == 0, "what was given back comes back zeroed", start[0]);
  check(call(SYS_brk, 0, 0, 0, 0, 0, 0) == (long)(start + 100000), "brk(0) asks", 0);
  check(call(SYS_brk, -1, 0, 0, 0, 0, 0) == (long)(start + 100000), "brk refuses the end of time",
        0);
}

static void check_mappings(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  char* const a = mmap(NULL, 3 * 4096 - 1, PROT_READ | PROT_WRITE, flags, -1, 0);
  check(a != MAP_FAILED && ((long)a & 4095) == 0, "mmap", errno);
  a[0] = 1;
  check(a[3 * 4096 - 1] == 0, "mmap rounds up and zeroes", 0);
  char* const b = mmap(NULL, 4096, PROT_READ, flags, -1, 0);
  check(b != MAP_FAILED && (b + 4096 <= a || b >= a + 3 * 4096), "a second mapping lies elsewhere",
        0);
  check(mprotect(a, 4096, PROT_READ) == 0 && a[0] == 1, "mprotect keeps the contents", errno);
  check(mprotect(a, 4096, PROT_READ | PROT_WRITE) == 0, "mprotect back", errno);
  a[0] = 3;
  check(mprotect(a + 1, 4096, PROT_READ) == -1 && errno == EINVAL, "mprotect of half pages", errno);
  check(mprotect(a, 1L << 40, PROT_READ) == -1 && errno == ENOMEM, "mprotect over a hole", errno);
  check(munmap(a, 3 * 4096) == 0 && munmap(b, 4096) == 0, "munmap", errno);
  check(munmap(a + 5, 4096) == -1 && errno == EINVAL, "munmap of half pages", errno);
  check(munmap(a, 0) == -1 && errno == EINVAL, "munmap of nothing", errno);
  check(mmap(NULL, 0, PROT_READ, flags, -1, 0) == MAP_FAILED && errno == EINVAL, "mmap of nothing",
        errno);
  check(mmap(NULL, 1L << 50, PROT_READ, flags, -1, 0) == MAP_FAILED && errno == ENOMEM,
        "mmap of too much", errno);
  check(munmap((void*)0xffff800008000000, 4096) == -1 && errno == EINVAL, "munmap of the kernel",
        errno);
  check(mprotect((void*)0xffff800008000000, 4096, PROT_READ) == -1 && errno == ENOMEM,
        "mprotect of the kernel", errno);
}

int main(int argc, char** argv) {
  check_start(argc, argv);
  check_unknown_calls();
  check_registers();
  check_write();
  check_bad_pointers();
  check_futex();
  check_break();
  check_mappings();
  return finish();
}
