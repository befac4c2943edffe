// SPDX-License-Identifier: MIT
/// The only program of the Linux that runs under tlbsan: as process 1 it makes the kernel change
/// tables in all the ways that a program can ask for, on all CPUs, says so, and powers off. Given
/// addresses of the kernel's code instead, it prints their names.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define PAGES 64UL

static void check(int good, const char* what) {
  if (good) return;
  perror(what);
  _exit(1);
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
  int status;
  check(waitpid(child, &status, 0) == child && status == 0, "child");
  expect(memory, PAGES / 4, mark);
  check(!munmap(memory, PAGES * PAGE), "munmap");
}

static _Atomic(char*) shared;
static atomic_int finished;

/// Reads and writes what another thread maps, protects and unmaps pages beside.
static void* use_shared(void* unused) {
  while (!atomic_load(&finished)) {
    char* const memory = atomic_load(&shared);
    if (memory) touch(memory, PAGES, 7);
  }
  return unused;
}

static void change_under_threads(void) {
  pthread_t threads[2];
  char* const memory = map(2 * PAGES);
  atomic_store(&finished, 0);
  atomic_store(&shared, memory);
  for (int i = 0; i < 2; ++i) check(!pthread_create(&threads[i], NULL, use_shared, NULL), "thread");
  for (int i = 0; i < 20; ++i) {
    touch(memory + PAGES * PAGE, PAGES, 1);
    check(!madvise(memory, 2 * PAGES * PAGE, MADV_DONTNEED), "madvise");
    change_mappings(3);
  }
  atomic_store(&finished, 1);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  check(!munmap(memory, 2 * PAGES * PAGE), "munmap");
}

static void work(int number, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    change_mappings((char)(number + i));
    share_with_child((char)(number + i));
    const pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
      execl("/init", "init", "child", (char*)NULL);
      check(0, "exec");
    }
    int status;
    check(waitpid(child, &status, 0) == child && status == 0, "executed child");
  }
  change_under_threads();
}

static void work_on_all_cpus(int rounds) {
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  for (int i = 0; i < 2 * cpus; ++i)
    if (fork() == 0) {
      work(10 * i, rounds);
      _exit(0);
    }
  int status;
  while (wait(&status) > 0) check(status == 0, "worker");
  printf("init: user space worked on %ld CPUs\n", cpus);
}

/// Prints the last symbol of the kernel's code that is not after each address.
static void print_symbols(char* addresses) {
  for (char* word = strtok(addresses, ","); word; word = strtok(NULL, ",")) {
    const unsigned long wanted = strtoul(word, NULL, 16);
    unsigned long best = 0, address;
    char name[256] = "", line_name[256], kind;
    FILE* const symbols = fopen("/proc/kallsyms", "r");
    check(symbols != NULL, "kallsyms");
    while (fscanf(symbols, "%lx %c %255s%*[^\n]", &address, &kind, line_name) == 3)
      if (address <= wanted && address >= best && strchr("tTwW", kind)) {
        best = address;
        strcpy(name, line_name);
      }
    fclose(symbols);
    printf("symbol %lx %s+%#lx\n", wanted, name, wanted - best);
  }
}

int main(int argc, char** argv) {
  if (argc > 1 && !strcmp(argv[1], "child")) return 0;
  setvbuf(stdout, NULL, _IONBF, 0);
  check(!mount("proc", "/proc", "proc", 0, ""), "proc");
  // Words of the kernel's command line that it does not know itself are in its environment.
  char* const addresses = getenv("symbols");
  const char* const rounds = getenv("rounds");
  if (addresses)
    print_symbols(addresses);
  else
    work_on_all_cpus(rounds ? atoi(rounds) : 3);
  return reboot(RB_POWER_OFF);
}
