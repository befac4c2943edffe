// SPDX-License-Identifier: MIT
#include "tests/tlbsan/report.h"

#include <cinttypes>

#include "tests/tlbsan/machine.h"
#include "tests/tlbsan/tlb.h"

namespace tlbsan {

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::stale_leaf:
      return "stale-leaf";
    case Kind::stale_table:
      return "stale-table";
    case Kind::tlbi_before_dsb:
      return "tlbi-before-dsb";
    case Kind::use_before_completion:
      return "use-before-completion";
    case Kind::no_break_before_make:
      return "no-break-before-make";
    case Kind::global_conflict:
      return "global-conflict";
    case Kind::freed_table:
      return "freed-table";
    case Kind::asid_reuse:
      return "asid-reuse";
    case Kind::use_before_dsb:
      return "use-before-dsb";
    case Kind::use_before_isb:
      return "use-before-isb";
    case Kind::untranslated:
      return "untranslated";
  }
  return "";
}

void Reporter::open(const char* path) {
  file_ = std::fopen(path, "w");
  if (file_ == nullptr) refuse("the file for the reports cannot be written");
}

void Reporter::add(const Report& r) {
  if (!told_.emplace(r.kind, r.pc, r.va >> 12).second) return;
  ++counts.reports;
  std::fprintf(file_,
               "report kind=%s cpu=%u el=%u pc=%" PRIx64 " access=%s va=%" PRIx64
               " asid=%u cached=%" PRIx64 " now=%" PRIx64,
               name_of(r.kind), r.cpu, r.el, r.pc, r.access, r.va, r.asid, r.cached, r.now);
  if (r.change)
    std::fprintf(file_,
                 " store_cpu=%u store_pc=%" PRIx64 " word=%" PRIx64 " before=%" PRIx64
                 " after=%" PRIx64,
                 r.change->cpu, r.change->pc, r.change->word, r.change->before, r.change->after);
  std::fprintf(file_, " missing=%s; what=%s\n", r.missing.c_str(), r.what.c_str());
}

void Reporter::finish(uint64_t vectors) {
  std::fprintf(file_,
               "end accesses=%" PRIu64 " fetches=%" PRIu64 " invalidations=%" PRIu64
               " table_stores=%" PRIu64 " walks=%" PRIu64 " reports=%" PRIu64 " vectors=%" PRIx64
               "\n",
               counts.accesses, counts.fetches, counts.invalidations, counts.table_stores,
               counts.walks, counts.reports, vectors);
  std::fflush(file_);
}

}  // namespace tlbsan
