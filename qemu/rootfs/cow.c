// SPDX-License-Identifier: MIT
/// fork() shares frames until one side writes: one page, marked by the parent, then by the child before
/// and after it writes, and by the parent when the child has ended.
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guide.h"

int main(void) {
  char* const page = (char*)new_pages(1);
  strcpy(page, "parent's");
  say("cow: the page at %p says \"%s\"; now fork\n", page, page);
  mark(page, kPage);
  const pid_t child = fork();
  if (child < 0) {
    perror("fork");
    return 1;
  }
  if (child == 0) {
    mark(page, kPage);
    strcpy(page, "child's");
    mark(page, kPage);
    _exit(strcmp(page, "child's") == 0 ? 0 : 1);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) return 1;
  say("cow: the child has written and ended; here the page says \"%s\"\n", page);
  mark(page, kPage);
  strcpy(page, "parent's again");
  mark(page, kPage);
  return 0;
}
