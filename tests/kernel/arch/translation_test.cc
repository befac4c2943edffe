// SPDX-License-Identifier: MIT
/// What boot programmed, read back from the machine; and the AT and TLBI instructions.
#include <arch/paging.h>
#include <arch/registers.h>
#include <arch/tlb.h>
#include <arch/translate.h>

#include <array>
#include <string_view>

#include "mm/image.h"
#include "mm/layout/layout.h"
#include "tests/kernel/ktest.h"

namespace meridian {
namespace {

using arch::Access;
using arch::El;
using arch::FaultStatus;
using arch::Half;

KERNEL_TEST(translation_registers, TcrIsWhatTheLayoutNeedsAndZeroElsewhere) {
  // IRGN, ORGN and SH of both halves, TG1; AS where the CPU has it; IPS and the sizes apart.
  const u64 varying = arch::Tcr::T0SZ::kMask | arch::Tcr::T1SZ::kMask | arch::Tcr::IPS::kMask;
  const arch::IdAa64Mmfr0 id(hw::read_id_aa64mmfr0_el1());
  const u64 asids = id.asid_bits() == 16 ? 0x0000'0010'0000'0000 : 0;
  EXPECT_EQ(arch::tcr().raw() & ~varying, 0x0000'0000'b500'3500 | asids);
  EXPECT_EQ(arch::tcr().user_bits(), current_layout().user_bits);
  EXPECT_EQ(arch::tcr().kernel_bits(), current_layout().kernel_bits);
  EXPECT_TRUE(arch::Tcr::IPS::decode(arch::tcr().raw()) <= arch::OutputSize::bits48);
  EXPECT_TRUE(arch::tcr().geometry(Half::high) == arch::kernel_geometry());
  EXPECT_TRUE(arch::tcr().geometry(Half::low) == arch::user_geometry());
}

KERNEL_TEST(translation_registers, MairHoldsOurFourTypes) {
  EXPECT_EQ(arch::mair().raw(), u64{0x0004'44ff});
}

KERNEL_TEST(translation_registers, SctlrHasEveryBitWeChose) {
  const arch::IdAa64Mmfr1 id(hw::read_id_aa64mmfr1_el1());
  EXPECT_EQ(arch::sctlr().raw(), id.has_pan() ? u64{0x3455'd99d} : u64{0x34d5'd99d});
}

/// Counts the lines that begin a register and those that report bits without a name.
class Lines final : public Writer {
 public:
  void write(std::string_view text) override {
    for (const char c : text) {
      if (c != '\n' && length_ < line_.size()) line_[length_++] = c;
      if (c == '\n') end_line();
    }
  }
  u32 titles = 0, unknown = 0;

 private:
  void end_line() {
    const std::string_view line(line_.data(), length_);
    titles += !line.starts_with(' ');
    unknown += line.starts_with("  other bits set");
    length_ = 0;
  }
  std::array<char, 32> line_;  // its beginning
  usize length_ = 0;
};

/// The description names every bit; it must also stand up to this CPU's registers, whatever they
/// hold.
KERNEL_TEST(translation_registers, DescribeThemselvesWithoutUnknownBits) {
  Lines text;
  arch::describe_registers(text);
  EXPECT_EQ(text.titles, 10u);
  EXPECT_EQ(text.unknown, 0u);
}

KERNEL_TEST(at, FindsTheImageWithItsRights) {
  struct Part {
    VirtRange range;
    bool write;
  };
  for (const Part& part :
       {Part{image_text(), false}, Part{image_rodata(), false}, Part{image_data(), true}}) {
    const VirtAddr va = part.range.start() + 0x123;
    const arch::MmuAnswer answer = arch::ask_mmu(va, Access::read, El::el1);
    ASSERT_TRUE(answer.ok);
    EXPECT_EQ(answer.pa.value() & (kPageSize - 1), va.value() & (kPageSize - 1));
    EXPECT_TRUE(answer.type == MemoryType::normal);
    EXPECT_TRUE(answer.inner_shareable);
    EXPECT_EQ(arch::at_translate(va, Access::write, El::el1).has_value(), part.write);
  }
}

KERNEL_TEST(at, SaysThatEl0MayNotTouchTheKernel) {
  for (const Access access : {Access::read, Access::write}) {
    const arch::MmuAnswer answer = arch::ask_mmu(image_data().start(), access, El::el0);
    EXPECT_FALSE(answer.ok);
    EXPECT_TRUE(answer.fault.status == FaultStatus::permission);
    const Result<PhysAddr> pa = arch::at_translate(image_data().start(), access, El::el0);
    ASSERT_FALSE(pa.has_value());
    EXPECT_EQ(pa.error().code, Errc::fault);
    EXPECT_EQ(pa.error().about, image_data().start().value());
  }
}

KERNEL_TEST(at, StopsAtTheHoleBeforeAnyTable) {
  const arch::Geometry low = arch::user_geometry(), high = arch::kernel_geometry();
  for (const VirtAddr va : {low.last() + 1, high.first() - 1}) {
    const arch::MmuAnswer answer = arch::ask_mmu(va, Access::read, El::el1);
    EXPECT_FALSE(answer.ok);
    EXPECT_TRUE(answer.fault == (arch::FaultCode{FaultStatus::translation, 0}));
    EXPECT_EQ(arch::at_translate(va, Access::read, El::el1).error().code, Errc::not_mapped);
  }
}

KERNEL_TEST(tlb, CountsEveryInvalidation) {
  arch::KernelTlb kernel;
  arch::UserTlb user(0xffff);  // nobody's ASID
  const u64 before = arch::tlbi_count();
  kernel.publish();
  kernel.invalidate(image_text().start(), 3 * kPageSize, kPageSize, TlbScope::leaf_only);
  kernel.invalidate(image_text().start(), 2_MiB, 2_MiB, TlbScope::all_levels);
  kernel.finish();
  user.publish();
  user.invalidate(VirtAddr(0x40'0000), 2 * kPageSize, kPageSize, TlbScope::all_levels);
  user.invalidate(VirtAddr(0x40'0000), kPageSize, kPageSize, TlbScope::leaf_only);
  user.invalidate_all();
  user.finish();
  // Others may be at work too: at least ours are counted.
  EXPECT_TRUE(arch::tlbi_count() - before >= 3 + 1 + 2 + 1 + 1);
}

}  // namespace
}  // namespace meridian
