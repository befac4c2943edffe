// SPDX-License-Identifier: MIT
/// `siege_memory ADDRESS...`: reads, writes and runs what is not the program's. The addresses are what the
/// kernel says it has in its half; holes, tags and the program's own pages are added here.
#include "siege.h"

#include <sys/mman.h>
#include <sys/resource.h>

enum way { kRead, kWrite, kRun, kExclusive, kZeroLine, kWays };
static const char* const kNames[] = {"read", "write", "run", "exclusive read", "dc zva"};

struct access {
  enum way way;
  uint64_t address;
};

static void touch(const void* argument) {
  const struct access* const access = argument;
  const uint64_t at = access->address;
  switch (access->way) {
    case kRead:
      (void)*(volatile uint8_t*)at;
      return;
    case kWrite:
      *(volatile uint8_t*)at = 1;
      return;
    case kRun:
      ((void (*)(void))at)();
      return;
    case kExclusive:
      asm volatile("ldxrb w9, [%0]" : : "r"(at) : "x9");
      return;
    case kZeroLine:
      asm volatile("dc zva, %0" : : "r"(at) : "memory");
      return;
    case kWays:
      return;
  }
}

static void expect(enum way way, uint64_t address, int signal) {
  const struct access access = {way, address};
  const int outcome = outcome_of(touch, &access);
  if (outcome != 128 + signal)
    complain("%s at %016lx: %d, not signal %d", kNames[way], (unsigned long)address, outcome, signal);
}

/// (A jump to an odd address that is also forbidden is tried at even ones: QEMU looks at the page first,
/// where the architecture would have the alignment fault.)
static void forbid(uint64_t address) {
  for (enum way way = kRead; way < kWays; ++way)
    expect(way, way == kRun ? address & ~UINT64_C(3) : address, SIGSEGV);
}

static const uint32_t kReturn = 0xd65f03c0;  // ret
static uint32_t data[1024] = {0xd65f03c0};

/// Its own pages, in ways that their rights do not allow.
static void own_pages(void) {
  expect(kWrite, (uint64_t)touch, SIGSEGV);
  expect(kZeroLine, (uint64_t)touch, SIGSEGV);
  expect(kWrite, (uint64_t)&kReturn, SIGSEGV);
  expect(kRun, (uint64_t)data, SIGSEGV);
  uint32_t stack[1] = {kReturn};
  expect(kRun, (uint64_t)stack, SIGSEGV);
  for (unsigned odd = 1; odd < 4; ++odd) expect(kRun, (uint64_t)touch + odd, SIGBUS);
}

/// A tag in the top byte is the program's to set, but not to get at another half by.
static void tags(const uint64_t* addresses, int count) {
  for (int i = 0; i < count; ++i)
    for (uint64_t tag = 1; tag < 0xff; tag += 0x3f) {
      const uint64_t low = addresses[i] & ~(UINT64_C(0xff) << 56);
      expect(kRead, low | tag << 56, SIGSEGV);
      expect(kWrite, low | tag << 56, SIGSEGV);
    }
}

static volatile char* deeper(volatile char* above, unsigned long left) {
  volatile char here[4096];
  here[0] = above[0];
  return left == 0 ? above : deeper(here, left - 1) + here[0];
}
static void run_away(const void* unused) {
  char first = 0;
  (void)unused;
  deeper(&first, 1UL << 40);
}

/// Takes memory until there is no more, and uses it; 7 is the limit's own answer.
static void take_all(const void* limit) {
  const struct rlimit most = {*(const rlim_t*)limit, *(const rlim_t*)limit};
  if (setrlimit(RLIMIT_AS, &most) != 0) _exit(8);
  for (;;) {
    char* const page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) _exit(errno == ENOMEM ? 7 : 9);
    for (int i = 0; i < 1 << 20; i += 4096) page[i] = 1;
  }
}
static void grow_break(const void* limit) {
  const struct rlimit most = {*(const rlim_t*)limit, *(const rlim_t*)limit};
  if (setrlimit(RLIMIT_DATA, &most) != 0) _exit(8);
  for (;;) {
    char* const chunk = sbrk(1 << 20);
    if (chunk == (char*)-1) _exit(errno == ENOMEM ? 7 : 9);
    memset(chunk, 1, 1 << 20);
  }
}

static void runaways(void) {
  const rlim_t limit = 24 << 20;
  int outcome = outcome_of(run_away, NULL);
  if (outcome != 128 + SIGSEGV) complain("the stack's runaway: %d", outcome);
  outcome = outcome_of(take_all, &limit);
  if (outcome != 7) complain("mmap's runaway: %d", outcome);
  outcome = outcome_of(grow_break, &limit);
  if (outcome != 7) complain("brk's runaway: %d", outcome);
}

int main(int argc, char** argv) {
  static uint64_t addresses[256];
  int count = 0;
  for (int i = 1; i < argc && count < 200; ++i) addresses[count++] = strtoull(argv[i], NULL, 16);
  const uint64_t others[] = {
      0,                    // and the rest of the first page
      0xfff,
      0x1000,
      0x0001000000000000,   // the hole: its edges, its middle
      0x0001000000000003,
      0x00ffffffffffffff,
      0x7fffffffffffffff,
      0x8000000000000000,
      0xfffeffffffffffff,
      0xffffffffffffffff,
      0xfffffffffffffffe,
  };
  for (unsigned i = 0; i < sizeof others / sizeof *others; ++i) addresses[count++] = others[i];
  for (int i = 0; i < count; ++i) forbid(addresses[i]);
  own_pages();
  tags(addresses, count);
  runaways();
  return verdict("siege_memory");
}
