// SPDX-License-Identifier: MIT
#include <iterator>

#include "kernel/lib/seeded_bugs.h"
#include "kernel/shell/command.h"

namespace meridian {
namespace {

static_assert(std::size(kBugNames) == static_cast<usize>(Bug::last) + 1);

/// seed [NAME]: from here on the kernel has that bug; without a name, lists them.
Result<void> cmd_seed(Writer& out, Args& args) {
  std::string_view wanted;
  if (args.more()) wanted = TRY(args.word("NAME"));
  TRY(args.end());
  for (usize i = 0; i < std::size(kBugNames); ++i) {
    if (wanted.empty()) print(out, "{}\n", kBugNames[i]);
    if (kBugNames[i] != wanted) continue;
    seeded_bug = static_cast<Bug>(i);
    return {};
  }
  if (wanted.empty()) return {};
  return Error{Errc::not_found};
}

}  // namespace

SHELL_COMMAND("seed", "seed [NAME]", "have a known bug, for the tools that must find it", cmd_seed,
              CommandGroup::checks);

}  // namespace meridian
