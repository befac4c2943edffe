// SPDX-License-Identifier: MIT
/// The kernel's command line: words, some of them `name=value`, that a person or a boot loader
/// wrote. An unknown word is reported and ignored; a malformed value is reported and the default
/// used.
#pragma once

#include <optional>
#include <string_view>

#include "kernel/lib/format.h"
#include "kernel/lib/types.h"
#include "mm/layout/all.h"

namespace meridian {

/// The texts are views into the line they were read from.
struct CommandLine {
  enum class Kernel : u8 { shared, separate };

  LayoutId layout = LayoutId::arm64;
  Kernel kernel = Kernel::shared;  // is the kernel half in every address space?
  std::optional<u64> linear;       // the linear map covers at most this many bytes
  std::optional<u64> mem;          // RAM beyond this many bytes is not used
  std::string_view run;            // shell commands; then power off with their status
  std::string_view init;           // process 1: a path, and arguments
  bool nokaslr = false;
  bool tour = false;  // walk the tour before the shell's first prompt
};

/// Reads `line`, writing one line of text to `complaints` for each word that is not as it should
/// be.
CommandLine parse_command_line(std::string_view line, Writer& complaints);

}  // namespace meridian
