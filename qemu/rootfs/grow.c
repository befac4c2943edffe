// SPDX-License-Identifier: MIT
/// malloc() is user memory and promises no frames: 4 MiB of it, marked before and after it is touched,
/// and after free().
#include "guide.h"

int main(void) {
  enum { kSize = 4 << 20 };
  char* const memory = malloc(kSize);
  if (memory == NULL) {
    perror("malloc");
    return 1;
  }
  say("grow: malloc(4 MiB) gave %p\n", memory);
  mark(memory, kSize);
  for (int i = 0; i < kSize; i += kPage) ((volatile char*)memory)[i] = 1;
  say("grow: touched\n");
  mark(memory, kSize);
  free(memory);
  say("grow: freed\n");
  mark(memory, kSize);
  return 0;
}
