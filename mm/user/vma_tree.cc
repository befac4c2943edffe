// SPDX-License-Identifier: MIT
#include "mm/user/vma_tree.h"

#include <new>

#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

/// May `lower` and `upper`, which follow one another, be one VMA?
bool are_alike(const Vma& lower, const Vma& upper) {
  if (lower.traits != upper.traits || !(lower.object == upper.object)) return false;
  return !lower.object || lower.first_page + lower.pages() == upper.first_page;
}

}  // namespace

Result<Vma*> VmaTree::make(UserRange range, const VmaTraits& traits, Ref<MemoryObject> object,
                           u64 first_page) {
  if (count() >= kMost) return Error{Errc::over_limit, kMost};
  return new (TRY(kmalloc(sizeof(Vma)))) Vma(range, traits, std::move(object), first_page, space_);
}

void VmaTree::destroy(Vma* vma) {
  vma->~Vma();
  kfree(vma);
}

Vma& VmaTree::insert(Vma& vma) {
  const UserRange range = vma.range();
  tree_.insert(vma);
  join_at(range.end());
  join_at(range.start());
  return *find(range.start());
}

void VmaTree::remove(Vma& vma) {
  tree_.remove(vma);
  destroy(&vma);
}

void VmaTree::clear() {
  while (Vma* const vma = first()) remove(*vma);
}

/// The VMA of what `vma` has from `at` on.
Result<Vma*> VmaTree::make_upper(const Vma& vma, UserAddr at) {
  const u64 first_page = vma.object ? vma.page_at(at) : 0;
  return make(UserRange::between(at, vma.end()), vma.traits, vma.object, first_page);
}

void VmaTree::split(Vma& vma, UserAddr at, Vma& upper) {
  tree_.remove(vma);
  vma.place(vma.start_value(), at - vma.start());
  tree_.insert(vma);
  tree_.insert(upper);
}

Result<void> VmaTree::isolate(UserRange range) {
  Vma* const first = find(range.start());
  Vma* const last = find(range.end());
  Vma* first_upper = nullptr;
  if (first != nullptr && first->start() != range.start())
    first_upper = TRY(make_upper(*first, range.start()));
  if (last != nullptr && last->start() != range.end()) {
    const Result<Vma*> last_upper = make_upper(*last, range.end());
    if (!last_upper.has_value()) {
      if (first_upper != nullptr) destroy(first_upper);
      return last_upper.error();
    }
    split(*last, range.end(), *last_upper.value());
    // If both cut the same one, the first cut's upper part now ends at the second cut.
    if (first_upper != nullptr && first == last)
      first_upper->place(range.start().value(), range.size());
  }
  if (first_upper != nullptr) split(*first, range.start(), *first_upper);
  return {};
}

/// Makes the VMAs that meet at `edge` one if they are alike; returns the lower one, or null if
/// there is none or it did not take the upper one in.
Vma* VmaTree::join_at(UserAddr edge) {
  if (edge == bounds().start()) return nullptr;
  Vma* const lower = find(edge - 1);
  if (lower == nullptr || lower->end() != edge) return nullptr;
  Vma* const upper = next(*lower);
  if (upper == nullptr || upper->start() != edge || !are_alike(*lower, *upper)) return nullptr;
  const u64 size = lower->size() + upper->size();
  remove(*upper);
  tree_.remove(*lower);
  lower->place(lower->start_value(), size);
  tree_.insert(*lower);
  return lower;
}

void VmaTree::join(UserRange range) {
  join_at(range.start());
  for (Vma* vma = first_ending_after(range.start()); vma != nullptr && vma->end() <= range.end();) {
    Vma* const joined = join_at(vma->end());
    vma = joined != nullptr ? joined : next(*vma);
  }
}

void VmaTree::extend_down(Vma& vma, UserAddr start) {
  const u64 more = vma.start() - start;
  tree_.remove(vma);
  vma.place(start.value(), vma.size() + more);
  if (vma.object) vma.first_page -= more >> kPageShift;
  insert(vma);
}

bool VmaTree::is_covered(UserRange range) const {
  UserAddr covered = range.start();
  const Vma* vma = find(covered);
  while (vma != nullptr && vma->start() <= covered && covered < range.end()) {
    covered = vma->end();
    vma = next(*vma);
  }
  return covered >= range.end();
}

}  // namespace meridian
