// SPDX-License-Identifier: MIT
/// Touches an address that it should not: `attack load|store|jump ADDRESS`. The kernel must kill it; if it
/// lives to tell, it ends with status 0, and the kernel has failed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: attack load|store|jump ADDRESS\n");
    return 2;
  }
  volatile unsigned char* const target = (unsigned char*)strtoul(argv[2], NULL, 0);
  if (strcmp(argv[1], "load") == 0) {
    printf("read %d\n", *target);
  } else if (strcmp(argv[1], "store") == 0) {
    *target = 0x5a;
    printf("written\n");
  } else if (strcmp(argv[1], "jump") == 0) {
    ((void (*)(void))target)();
    printf("came back\n");
  } else {
    fprintf(stderr, "attack: %s is none of load, store and jump\n", argv[1]);
    return 2;
  }
  return 0;
}
