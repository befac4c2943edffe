// SPDX-License-Identifier: MIT
/// Leaves its mark in every page and register that it can, and then looks whether an earlier run's
/// mark is still there: nothing of one program may be seen by the next. Status 0: nothing was.
#include <stdio.h>
#include <stdlib.h>

#define MARK 0x4d41524b4d41524bUL  // "MARKMARK"

static unsigned long bss[20000];

static int seen(const unsigned long* words, unsigned count) {
  int marks = 0;
  for (unsigned i = 0; i < count; ++i) marks += words[i] == MARK;
  return marks;
}

int main(void) {
  unsigned long simd;
  asm volatile("fmov %0, d13" : "=r"(simd));
  unsigned long* const heap = malloc(300000);
  const int marks = seen(bss, 20000) + seen(heap, 300000 / 8) + (simd == MARK);

  for (unsigned i = 0; i < 20000; ++i) bss[i] = MARK;
  for (unsigned i = 0; i < 300000 / 8; ++i) heap[i] = MARK;
  asm volatile("fmov d13, %0" ::"r"(MARK) : "v13");
  printf("marks of others: %d\n", marks);
  return marks != 0;
}
