// SPDX-License-Identifier: MIT
/// User spaces are private: two processes write to the same address, each its own byte, and both are
/// marked while both run; then each reads its byte back.
#include <sys/wait.h>
#include <unistd.h>

#include "guide.h"

int main(void) {
  volatile unsigned char* const page = new_pages(1);
  say("private: two processes write to %p\n", (void*)page);
  const pid_t child = fork();
  if (child < 0) {
    perror("fork");
    return 1;
  }
  const unsigned char mine = child == 0 ? 'C' : 'P';
  *page = mine;
  mark((void*)page, kPage);
  if (child == 0) _exit(*page == mine ? 0 : 1);
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) return 1;
  say("private: the child read back 'C', and here it is '%c'\n", *page);
  return *page == mine ? 0 : 1;
}
