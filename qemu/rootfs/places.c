// SPDX-License-Identifier: MIT
/// Where the parts of a program lie: text, data, bss, heap, mappings and stack, each marked in turn, lowest
/// first.
#include <unistd.h>

#include "guide.h"

static int data = 1;
static char bss[3 * kPage];  // so large that a page of it has nothing of the file's

static void show(const char* name, const void* at) {
  say("places: %-6s %p\n", name, at);
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
  bss[kPage] = (char)(data + on_stack);
  volatile unsigned char* const mapped = new_pages(1);
  *mapped = 1;
  show("text", (void*)main);
  show("data", &data);
  show("bss", &bss[kPage]);
  show("heap", heap);
  show("mapped", (void*)mapped);
  show("stack", &on_stack);
  return 0;
}
