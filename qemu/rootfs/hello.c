// SPDX-License-Identifier: MIT
/// The first program: says hello, with its arguments, and ends with the number of them as its status.
#include <stdio.h>

int main(int argc, char** argv) {
  printf("Hello from EL0: main is at %p, the stack at %p.\n", (void*)main, (void*)&argc);
  for (int i = 1; i < argc; ++i) printf("argument %d: %s\n", i, argv[i]);
  return argc - 1;
}
