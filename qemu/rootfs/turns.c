// SPDX-License-Identifier: MIT
/// Neighbours in virtual addresses are scattered frames: two buffers whose pages are touched in turns, as
/// programs do. The first is marked.
#include "guide.h"

int main(void) {
  enum { kPages = 8 };
  volatile unsigned char *const a = new_pages(kPages), *const b = new_pages(kPages);
  for (int i = 0; i < kPages; ++i) a[i * kPage] = b[i * kPage] = 1;
  say("turns: %d pages at %p and at %p, touched in turns\n", kPages, (void*)a, (void*)b);
  mark((void*)a, kPages * kPage);
  return 0;
}
