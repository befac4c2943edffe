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
bool are_alike(const Likeness& lower, const Likeness& upper) {
  if (lower.object != upper.object || lower.traits != upper.traits) return false;
  return lower.object == nullptr || lower.first_page + lower.pages == upper.first_page;
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
  const UserAddr start = vma.start();
  if (extend(vma.range(), vma.traits, vma.object, vma.first_page)) {
    Vma& whole = *find(start);
    whole.has_tables |= vma.has_tables;
    destroy(&vma);
    return whole;
  }
  tree_.insert(vma);
  return vma;
}

Vma& VmaTree::append(Vma& vma) {
  Vma* const below = last();
  if (below == nullptr)
    tree_.insert(vma);
  else
    tree_.insert_after(*below, vma);
  return join_to(below, &vma) ? *below : vma;
}

bool VmaTree::extend(UserRange range, const VmaTraits& traits, const Ref<MemoryObject>& object,
                     u64 first_page) {
  const Likeness wanted{traits, object.get(), first_page, range.size() >> kPageShift};
  const bool has_lower = range.start() > bounds().start();
  Vma* const near = first_ending_after(has_lower ? range.start() - 1 : range.start());
  if (near == nullptr) return false;
  const bool below = near->start() < range.start();
  Vma* const upper = below ? next(*near) : near;
  if (below && near->end() == range.start() && are_alike(Likeness::of(*near), wanted)) {
    resize(*near, UserRange::between(near->start(), range.end()));
    join_to(near, upper);
    return true;
  }
  if (upper == nullptr || upper->start() != range.end()) return false;
  if (!are_alike(wanted, Likeness::of(*upper))) return false;
  extend_down(*upper, range.start());
  return true;
}

void VmaTree::resize(Vma& vma, UserRange to) { tree_.resize(vma, to); }

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
  Vma* const upper =
      TRY(make(UserRange::between(at, vma.end()), vma.traits, vma.object, first_page));
  upper->has_tables = vma.has_tables;
  return upper;
}

void VmaTree::split(Vma& vma, UserAddr at, Vma& upper) {
  resize(vma, UserRange::between(vma.start(), at));
  tree_.insert_after(vma, upper);
}

Result<void> VmaTree::isolate(UserRange range) {
  Vma* const first = find(range.start());
  Vma* const last = first != nullptr && first->end() > range.end() ? first : find(range.end());
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
