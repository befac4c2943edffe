// SPDX-License-Identifier: MIT
/// `doze [SECONDS]`: has a page of its own, and sleeps, for somebody to look at it meanwhile.
#include <unistd.h>

#include "guide.h"

int main(int argc, char** argv) {
  volatile unsigned char* const page = new_pages(1);
  *page = 'z';
  say("doze: process %d, with a 'z' at %p\n", (int)getpid(), (void*)page);
  sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 60);
  return *page == 'z' ? 0 : 1;
}
