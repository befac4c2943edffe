// SPDX-License-Identifier: MIT
/// Process 1 of the Linux that runs under tlbsan: runs tests/user/tables.c with workers for all CPUs, and
/// powers off. Given addresses of the kernel's code instead, it prints their names.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

/// Prints the last symbol of the kernel's code that is not after each address.
static void print_symbols(char* addresses) {
  for (char* word = strtok(addresses, ","); word; word = strtok(NULL, ",")) {
    const unsigned long wanted = strtoul(word, NULL, 16);
    unsigned long best = 0, address;
    char name[256] = "", line_name[256], kind;
    FILE* const symbols = fopen("/proc/kallsyms", "r");
    if (symbols == NULL) return perror("kallsyms");
    while (fscanf(symbols, "%lx %c %255s%*[^\n]", &address, &kind, line_name) == 3)
      if (address <= wanted && address >= best && strchr("tTwW", kind)) {
        best = address;
        strcpy(name, line_name);
      }
    fclose(symbols);
    printf("symbol %lx %s+%#lx\n", wanted, name, wanted - best);
  }
}

static void run_tables(const char* rounds) {
  char workers[16];
  snprintf(workers, sizeof(workers), "%ld", 2 * sysconf(_SC_NPROCESSORS_ONLN));
  if (fork() == 0) {
    execl("/tables", "/tables", workers, rounds, (char*)NULL);
    _exit(1);
  }
  wait(NULL);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (mount("proc", "/proc", "proc", 0, "")) perror("proc");
  // Words of the kernel's command line that it does not know itself are in its environment.
  char* const addresses = getenv("symbols");
  const char* const rounds = getenv("rounds");
  if (addresses)
    print_symbols(addresses);
  else
    run_tables(rounds ? rounds : "1");
  return reboot(RB_POWER_OFF);
}
