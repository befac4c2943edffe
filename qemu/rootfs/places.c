// SPDX-License-Identifier: MIT
/// Where the parts of a program lie: text, constants, data, bss, heap, mappings and stack, each marked
/// in turn, lowest first.
#include <unistd.h>

#include "guide.h"

static const char kConstant[] = "a constant";
static int data = 1;
static int bss;

static void show(const char* name, const void* at) {
  say("places: %-9s %p\n", name, at);
  mark(at, 1);
}

int main(void) {
  int on_stack = 2;
  char* const heap = sbrk(kPage);
  if (heap == (void*)-1) {
    perror("sbrk");
    return 1;
  }
  *heap = 3;
  bss = data + on_stack;
  volatile unsigned char* const mapped = new_pages(1);
  *mapped = kConstant[0];
  show("text", (void*)main);
  show("constants", kConstant);
  show("data", &data);
  show("bss", &bss);
  show("heap", heap);
  show("mapped", (void*)mapped);
  show("stack", &on_stack);
  return 0;
}
