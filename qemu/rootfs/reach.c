// SPDX-License-Identifier: MIT
/// How far a process reaches: the highest page that mmap() gives, found by halving, written, and marked.
#include <errno.h>

#include "guide.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/// Is there such an address for a process, taken or not?
static int is_reached(uint64_t at) {
  void* const page = mmap((void*)at, kPage, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (page == MAP_FAILED) return errno == EEXIST;
  munmap(page, kPage);
  return page == (void*)at;
}

int main(void) {
  // main's own page is reached, and 2^63 is not.
  uint64_t reached = (uint64_t)(uintptr_t)main & -(uint64_t)kPage, beyond = (uint64_t)1 << 63;
  while (beyond - reached > kPage) {
    const uint64_t middle = (reached + (beyond - reached) / 2) & -(uint64_t)kPage;
    if (is_reached(middle))
      reached = middle;
    else
      beyond = middle;
  }
  volatile unsigned char* const last = (unsigned char*)(uintptr_t)reached;
  mmap((void*)last, kPage, PROT_READ | PROT_WRITE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  last[kPage - 1] = 0x5a;
  say("reach: the last page is at %p, and its last byte holds %#x\n", (void*)last, last[kPage - 1]);
  mark((void*)last, kPage);
  return 0;
}
