// SPDX-License-Identifier: MIT
/// Makes the kernel change tables in all the ways that a program can ask for, on several CPUs at once:
/// rights that go and come back, pages that move, copy on write, spaces that two processes share, and
/// programs that take each other's place. What was written must be there, and nothing else.
///
///   tables [WORKERS [ROUNDS]]
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define PAGES 64UL

static const char* own_path;

static void check(int good, const char* what) {
  if (good) return;
  perror(what);
  _exit(1);
}

static void wait_for(pid_t child) {
  int status;
  check(waitpid(child, &status, 0) == child && status == 0, "child");
}

static void touch(volatile char* memory, unsigned long pages, char value) {
  for (unsigned long i = 0; i < pages; ++i) memory[i * PAGE] = value;
}

/// What was written is there, page by page.
static void expect(const volatile char* memory, unsigned long pages, char value) {
  for (unsigned long i = 0; i < pages; ++i) check(memory[i * PAGE] == value, "another value");
}

static char* map(unsigned long pages) {
  char* const memory =
      mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory != MAP_FAILED, "mmap");
  return memory;
}

/// Rights that go and come back, pages that move, pages that go one by one.
static void change_mappings(char mark) {
  char* memory = map(PAGES);
  touch(memory, PAGES, mark);
  check(!mprotect(memory, PAGES * PAGE, PROT_READ), "mprotect");
  expect(memory, PAGES, mark);
  check(!mprotect(memory, PAGES * PAGE, PROT_READ | PROT_WRITE), "mprotect");
  touch(memory, PAGES, mark);
  memory = mremap(memory, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
  check(memory != MAP_FAILED, "mremap");
  expect(memory, PAGES, mark);
  check(!madvise(memory, PAGES * PAGE, MADV_DONTNEED), "madvise");
  expect(memory, PAGES, 0);
  for (unsigned long i = 0; i < 2 * PAGES; i += 2) check(!munmap(memory + i * PAGE, PAGE), "munmap");
  check(!munmap(memory, 2 * PAGES * PAGE), "munmap");
}

/// Copy on write, in a child and in its parent.
static void share_with_child(char mark) {
  char* const memory = map(PAGES);
  touch(memory, PAGES, mark);
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    expect(memory, PAGES, mark);
    touch(memory, PAGES / 2, mark + 1);
    expect(memory, PAGES / 2, mark + 1);
    _exit(0);
  }
  touch(memory + PAGES / 4 * PAGE, PAGES / 2, mark + 2);
  wait_for(child);
  expect(memory, PAGES / 4, mark);
  check(!munmap(memory, PAGES * PAGE), "munmap");
}

static void execute(void) {
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    execl(own_path, own_path, "nothing", (char*)NULL);
    check(0, "exec");
  }
  wait_for(child);
}

static char* shared;
static atomic_int finished;

/// Writes what its sibling in the same space takes away beside it. It calls nothing of the C library,
/// whose thread it is not.
static int use_shared(void* unused) {
  (void)unused;
  while (!atomic_load(&finished)) touch(shared, PAGES, 7);
  return 0;
}

static void change_under_siblings(void) {
  enum { kSiblings = 2, kStack = 64 << 10 };
  pid_t siblings[kSiblings];
  shared = map(2 * PAGES);
  atomic_store(&finished, 0);
  char* const stacks = map(kSiblings * kStack / PAGE);
  for (int i = 0; i < kSiblings; ++i) {
    siblings[i] = clone(use_shared, stacks + (i + 1) * kStack, CLONE_VM | SIGCHLD, NULL);
    check(siblings[i] > 0, "clone");
  }
  for (int i = 0; i < 10; ++i) {
    touch(shared + PAGES * PAGE, PAGES, 1);
    check(!madvise(shared, 2 * PAGES * PAGE, MADV_DONTNEED), "madvise");
    check(!mprotect(shared + PAGES * PAGE, PAGES * PAGE, PROT_READ), "mprotect");
    expect(shared + PAGES * PAGE, PAGES, 0);
    check(!mprotect(shared + PAGES * PAGE, PAGES * PAGE, PROT_READ | PROT_WRITE), "mprotect");
    change_mappings(3);
    share_with_child(5);
  }
  atomic_store(&finished, 1);
  for (int i = 0; i < kSiblings; ++i) wait_for(siblings[i]);
  check(!munmap(shared, 2 * PAGES * PAGE), "munmap");
}

static void work(int number, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    change_mappings((char)(number + i));
    share_with_child((char)(number + i));
    execute();
    change_under_siblings();
  }
}

int main(int argc, char** argv) {
  own_path = argv[0];
  if (argc > 1 && !strcmp(argv[1], "nothing")) return 0;
  const int workers = argc > 1 ? atoi(argv[1]) : 2, rounds = argc > 2 ? atoi(argv[2]) : 1;
  for (int i = 0; i < workers; ++i) {
    const pid_t worker = fork();
    check(worker >= 0, "fork");
    if (worker != 0) continue;
    work(10 * i, rounds);
    _exit(0);
  }
  for (int i = 0; i < workers; ++i) {
    int status;
    check(wait(&status) > 0 && status == 0, "worker");
  }
  printf("tables: %d workers did what they should\n", workers);
  return 0;
}
