// SPDX-License-Identifier: MIT
/// `maps [PID]`: what is mapped in a process, by /proc; its own without PID.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%s/maps", argc > 1 ? argv[1] : "self");
  const int file = open(path, O_RDONLY);
  if (file < 0) {
    perror(path);
    return 1;
  }
  for (ssize_t size; (size = read(file, text, sizeof text)) > 0;)
    if (write(1, text, (size_t)size) != size) return 1;
  return 0;
}
