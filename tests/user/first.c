// SPDX-License-Identifier: MIT
/// `first STATUS`, as process 1: says what it finds, takes care of an orphan, and ends with STATUS.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/// Ends once its parent, which is not process 1, has.
static void outlive_parent(void) {
  while (getppid() != 1) usleep(1000);
  _exit(5);
}

int main(int argc, char** argv) {
  printf("I am process %d of session %d, with %d arguments, PATH=%s\n", getpid(), getsid(0), argc - 1,
         getenv("PATH"));
  if (fork() == 0) {
    if (fork() == 0) outlive_parent();
    _exit(4);
  }
  int status;
  while (wait(&status) > 0) printf("a child ended with status %d\n", WEXITSTATUS(status));
  fflush(stdout);
  if (argc > 2) *(volatile int*)0 = 0;
  return argc > 1 ? atoi(argv[1]) : 0;
}
