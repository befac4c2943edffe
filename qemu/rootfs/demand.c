// SPDX-License-Identifier: MIT
/// A page gets a frame when it is first touched: eight fresh pages, marked before the first touch and
/// after each.
#include "guide.h"

int main(void) {
  enum { kPages = 8 };
  volatile unsigned char* const pages = new_pages(kPages);
  say("demand: %d pages at %p, none touched\n", kPages, (void*)pages);
  mark((void*)pages, kPages * kPage);
  for (int i = 0; i < kPages; ++i) {
    pages[i * kPage] = (unsigned char)i;
    mark((void*)pages, kPages * kPage);
  }
  say("demand: all touched\n");
  for (int i = 0; i < kPages; ++i)
    if (pages[i * kPage] != i) return 1;
  return 0;
}
