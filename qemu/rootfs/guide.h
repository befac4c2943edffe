// SPDX-License-Identifier: MIT
/// What the guided programs have in common. Each does one thing with its memory, says so, and sets marks
/// at which a watching kernel stops it to look: Meridian's tour does. Without a watcher a mark does
/// nothing, so they run anywhere.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { kPage = 4096 };

#define say(...) (printf(__VA_ARGS__), fflush(stdout))

/// "Look at these pages now." As a system call that asks for what is so anyway.
static inline void mark(const void* start, size_t size) {
  madvise((void*)((uintptr_t)start & -(uintptr_t)kPage), size, MADV_NORMAL);
}

/// Fresh pages, which nobody has touched.
static inline volatile unsigned char* new_pages(size_t count) {
  void* const pages = mmap(NULL, count * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return pages;
}
