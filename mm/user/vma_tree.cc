// SPDX-License-Identifier: MIT
#include "mm/user/vma_tree.h"

#include <new>

#include "mm/slab/kmalloc.h"

namespace meridian {
namespace {

/// What a VMA is, apart from where it lies and whose it is.
struct Likeness {
  const VmaTraits& traits;
  const MemoryObject* object;
  u64 first_page, pages;

  static Likeness of(const Vma& vma) {
    return {vma.traits, vma.object.get(), vma.first_page, vma.pages()};
  }
};

/// May `lower` and `upper`, which follow one another, be one VMA?
inline bool are_alike(const Likeness& lower, const Likeness& upper) {
  if (lower.object != upper.object || lower.traits != upper.traits) return false;
  return lower.object == nullptr || lower.first_page + lower.pages == upper.first_page;
}

}  // namespace

Result<Vma*> VmaTree::make(UserRange range, const VmaTraits& traits,
                           const Ref<MemoryObject>& object, u64 first_page) {
  if (count() >= kMost) return Error{Errc::over_limit, kMost};
  return new (TRY(kmalloc(sizeof(Vma)))) Vma(range, traits, object, first_page, space_);
}

void VmaTree::destroy(Vma* vma) {
  vma->~Vma();
  kfree(vma);
}

Vma& VmaTree::insert(Vma& vma) {
  const UserAddr start = vma.start();
  Vma* const above = first_ending_after(start);
  if (extend(vma.range(), vma.traits, vma.object.get(), vma.first_page, above)) {
    Vma& whole = *find(start);
    whole.has_tables |= vma.has_tables;
    destroy(&vma);
    return whole;
  }
  tree_.insert_below(above, vma);
  return vma;
}

Vma& VmaTree::append(Vma& vma) {
  Vma* const below = last();
  tree_.insert_below(nullptr, vma);
  return join_to(below, &vma) ? *below : vma;
}

[[gnu::flatten]] Result<void> VmaTree::add(UserRange range, const VmaTraits& traits,
                                           const Ref<MemoryObject>& object, u64 first_page,
                                           Vma* above) {
  if (extend(range, traits, object.get(), first_page, above)) return {};
  tree_.insert_below(above, *TRY(make(range, traits, object, first_page)));
  return {};
}

/// False if neither neighbour is alike.
bool VmaTree::extend(UserRange range, const VmaTraits& traits, const MemoryObject* object,
                     u64 first_page, Vma* above) {
  const Likeness wanted{traits, object, first_page, range.size() >> kPageShift};
  Vma* const below = above != nullptr ? previous(*above) : last();
  if (below != nullptr && below->end() == range.start() &&
      are_alike(Likeness::of(*below), wanted)) {
    resize(*below, UserRange::between(below->start(), range.end()));
    join_to(below, above);
    return true;
  }
  if (above == nullptr || above->start() != range.end()) return false;
  if (!are_alike(wanted, Likeness::of(*above))) return false;
  extend_down(*above, range.start());
  return true;
}

void VmaTree::resize(Vma& vma, UserRange to) { tree_.resize(vma, to); }

void VmaTree::remove(Vma& vma) {
  tree_.remove(vma);
  destroy(&vma);
}

void VmaTree::clear() {
  tree_.clear([](Vma& vma) { destroy(&vma); });
}

/// The VMA of what `vma` has from `at` on.
Result<Vma*> VmaTree::make_upper(const Vma& vma, UserAddr at) {
  const u64 first_page = vma.object ? vma.page_at(at) : 0;
  Vma* const upper =
      TRY(make(UserRange::between(at, vma.end()), vma.traits, vma.object, first_page));
  upper->has_tables = vma.has_tables;
  return upper;
}

void VmaTree::split(Vma& vma, UserAddr at, Vma& upper) {
  resize(vma, UserRange::between(vma.start(), at));
  tree_.insert_below(next(vma), upper);
}

Result<void> VmaTree::isolate(UserRange range) {
  Vma* const first = find(range.start());
  Vma* const last = first != nullptr && first->end() >= range.end() ? first : find(range.end());
  Vma* first_upper = nullptr;
  if (first != nullptr && first->start() != range.start())
    first_upper = TRY(make_upper(*first, range.start()));
  if (last != nullptr && last->start() != range.end() && last->end() != range.end()) {
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

/// Makes `lower` and `upper` (either may be null) one VMA if they meet and are alike.
bool VmaTree::join_to(Vma* lower, Vma* upper) {
  if (lower == nullptr || upper == nullptr || lower->end() != upper->start()) return false;
  if (!are_alike(Likeness::of(*lower), Likeness::of(*upper))) return false;
  const UserRange both = UserRange::between(lower->start(), upper->end());
  lower->has_tables |= upper->has_tables;
  remove(*upper);
  resize(*lower, both);
  return true;
}

void VmaTree::join(UserRange range) {
  Vma* vma = first_ending_after(range.start());
  if (vma == nullptr) return;
  if (Vma* const below = vma->start() == range.start() ? previous(*vma) : nullptr)
    if (join_to(below, vma)) vma = below;
  while (vma != nullptr && vma->end() <= range.end()) {
    Vma* const upper = next(*vma);
    if (!join_to(vma, upper)) vma = upper;
  }
}

void VmaTree::extend_down(Vma& vma, UserAddr start) {
  if (vma.object) vma.first_page -= (vma.start() - start) >> kPageShift;
  resize(vma, UserRange::between(start, vma.end()));
  join_to(previous(vma), &vma);
}

void VmaTree::trim(Vma& vma, UserRange range) {
  const bool front = vma.start() == range.start();
  if (front && vma.object) vma.first_page += range.size() >> kPageShift;
  resize(vma, front ? UserRange::between(range.end(), vma.end())
                    : UserRange::between(vma.start(), range.start()));
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
