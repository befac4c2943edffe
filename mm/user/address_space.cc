// SPDX-License-Identifier: MIT
#include "mm/user/address_space.h"

#include <array>
#include <cstring>

#include "kernel/lib/seeded_bugs.h"
#include "mm/kernel/kmap.h"

namespace meridian {
namespace {

constinit KernelTableStore store;  // it has no state: tables are frames

VirtRange virt(UserRange range) { return {VirtAddr(range.start().value()), range.size()}; }
VirtAddr virt(UserAddr va) { return VirtAddr(va.value()); }

void free_each(FrameRange frames) {
  for (u64 i = 0; i < frames.count; ++i) free_frame(frames.first + i);
}

/// Frames that are not mapped yet: what is left of them goes back.
class FreshFrames {
 public:
  static constexpr usize kMost = 32;

  explicit FreshFrames(ZoneKind highest) : highest_(highest) {}
  FreshFrames(const FreshFrames&) = delete;
  FreshFrames& operator=(const FreshFrames&) = delete;
  ~FreshFrames() {
    for (usize i = 0; i < count_; ++i) free_frame(frames_[i]);
  }

  /// Takes and clears one more.
  Result<void> add() {
    const Frame frame = TRY(alloc_frame(FrameOwner::user, highest_));
    arch::clear_page(KmapLocal(frame).pointer());
    frames_[count_++] = frame;
    return {};
  }
  std::span<const Frame> view() const { return {frames_.data(), count_}; }
  /// They belong to somebody else now.
  void let_go() { count_ = 0; }

 private:
  ZoneKind highest_;
  std::array<Frame, kMost> frames_;
  usize count_ = 0;
};

}  // namespace

Result<AddressSpace> AddressSpace::create() {
  Asid asid = TRY(Asid::take());
  const Frame root = TRY(store.allocate_table());  // ~asid gives the number back
  return AddressSpace(root, std::move(asid));
}

AddressSpace::AddressSpace(AddressSpace&& other) noexcept
    : root_(other.root_),
      asid_(std::move(other.asid_)),
      resident_(std::exchange(other.resident_, u64{0})) {}

/// One invalidation for all of it, then the frames: until then a TLB may still lead to them.
AddressSpace::~AddressSpace() {
  if (asid_.value() == 0) return;
  CHECK(arch::user_root() != root());
  arch::UserTlb tlb(asid_.value());
  tlb.publish();
  if (!seeded(Bug::asid_reused_without_tlbi)) tlb.invalidate_all();
  tlb.finish();
  free_leaves();
  mapper().release_tables();
  store.free_table(root_);
}

void AddressSpace::free_leaves() {
  dump(Coalesce::rights_and_frames, [](const DumpRun& run) {
    if (run.kind == Kind::leaf) free_each({run.first, run.range.size() >> kPageShift});
  });
}

AddressSpace::Mapper AddressSpace::mapper() const {
  return Mapper(root_, arch::user_geometry(), store, arch::UserTlb(asid_.value()));
}

Result<void> AddressSpace::check(UserRange pages) const {
  if (!pages.is_aligned(kPageSize)) return Error{Errc::not_aligned, pages.start().value()};
  const u64 end = current_layout().user_end();
  const bool inside = pages.start().value() < end && pages.size() <= end - pages.start().value();
  if (pages.is_empty() || !inside) return Error{Errc::bad_range, pages.start().value()};
  return {};
}

Result<void> AddressSpace::map_new(UserRange pages, Attributes attributes, ZoneKind highest) {
  TRY(check(pages));
  CHECK(attributes.user);
  if (violates_wx(attributes)) return Error{Errc::write_and_execute, pages.start().value()};
  for (u64 done = 0; done < pages.size();) {
    const u64 left = (pages.size() - done) >> kPageShift;
    const u64 count = left < FreshFrames::kMost ? left : FreshFrames::kMost;
    const Result<void> mapped = map_batch(virt(pages.start() + done), count, attributes, highest);
    if (!mapped.has_value()) {
      if (done != 0) unmap({pages.start(), done}).value();  // ours: no block to split, so it works
      return mapped;
    }
    done += count << kPageShift;
  }
  return {};
}

Result<void> AddressSpace::map_batch(VirtAddr start, u64 count, Attributes attributes,
                                     ZoneKind highest) {
  FreshFrames frames(highest);
  for (u64 i = 0; i < count; ++i) TRY(frames.add());
  TRY(mapper().map_pages(start, frames.view(), attributes));
  resident_ += count;
  frames.let_go();
  return {};
}

Result<void> AddressSpace::unmap(UserRange pages) {
  TRY(check(pages));
  const LeafRelease release{.call =
                                [](void* resident, FrameRange frames) {
                                  free_each(frames);
                                  *static_cast<u64*>(resident) -= frames.count;
                                },
                            .context = &resident_};
  const Mapper::Gather owed = TRY(mapper().split_and_unmap(virt(pages), release));
  return {};  // `owed` is paid
}

Result<void> AddressSpace::protect(UserRange pages, Attributes attributes) {
  TRY(check(pages));
  CHECK(attributes.user);
  if (violates_wx(attributes)) return Error{Errc::write_and_execute, pages.start().value()};
  Result<void> whole;
  const Mapper m = mapper();
  m.dump(virt(pages), Coalesce::rights, [&](const DumpRun& run) {
    if (run.kind != Kind::leaf && whole.has_value())
      whole = Error{Errc::not_mapped, run.range.start().value()};
  });
  TRY(whole);
  return mapper().protect(virt(pages), attributes);
}

Result<void> AddressSpace::write(UserAddr to, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const Translation page = TRY(translate(to));
    const u64 left = kPageSize - (to.value() & (kPageSize - 1));
    const usize count = bytes.size() < left ? bytes.size() : left;
    const KmapLocal visit(Frame::containing(page.pa));
    std::byte* const target = visit.pointer<std::byte>() + (kPageSize - left);
    std::memcpy(target, bytes.data(), count);
    if (page.attributes.execute) arch::sync_instructions({VirtAddr::of(target), count});
    to = to + count;
    bytes = bytes.subspan(count);
  }
  return {};
}

Result<Translation> AddressSpace::translate(UserAddr va) const {
  return mapper().translate(virt(va));
}

AddressSpace::Walk AddressSpace::walk(UserAddr va) const { return mapper().walk(virt(va)); }

}  // namespace meridian
