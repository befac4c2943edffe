// SPDX-License-Identifier: MIT
/// GICv2: a distributor and a CPU interface, both in memory (Arm IHI 0048).
#include <arch/cpu.h>

#include <array>

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/mmio.h"
#include "arch/aarch64/virt/gic.h"
#include "arch/aarch64/virt/gic_registers.h"
#include "mm/kernel/ioremap.h"

namespace meridian::arch {
namespace {

namespace gicc {
constexpr u64 kCtlr = 0x0000;
constexpr u64 kPmr = 0x0004;
constexpr u64 kBpr = 0x0008;
constexpr u64 kIar = 0x000c;
constexpr u64 kEoir = 0x0010;
}  // namespace gicc

constexpr u32 kEnable = 1;
using IarIntid = Field<9, 0, u32>;

// GICD_SGIR.
using SgirIntid = Field<3, 0, u32>;
using SgirTargets = Field<23, 16, u8>;
constexpr u32 kSgirAllButMe = 1u << 24;

class GicV2 final : public InterruptController {
 public:
  void start(u64 distributor, u64 cpu_interface) {
    distributor_ = distributor;
    cpu_ = cpu_interface;
    hw::write32(distributor_ + gicd::kCtlr, 0);
    count_ = gic_interrupt_count(distributor_);
    gic_mask_spis(distributor_, count_);
    hw::write32(distributor_ + gicd::kCtlr, kEnable);
  }

  Result<void> start_cpu() override {
    // The first eight target registers are read-only and name the CPU that reads them.
    targets_[cpu_index()] = static_cast<u8>(hw::read32(distributor_ + gicd::kItargetsr));
    hw::write32(distributor_ + gicd::kIcenabler, ~u32{0});
    hw::write32(cpu_ + gicc::kPmr, kIrqPriorityMask);
    hw::write32(cpu_ + gicc::kBpr, 0);
    hw::write32(cpu_ + gicc::kCtlr, kEnable);
    return {};
  }

  const char* name() const override { return "GICv2"; }
  u32 count() const override { return count_; }

  void enable(u32 intid) override {
    hw::write8(distributor_ + gicd::kIpriorityr + intid, kIrqPriority);
    if (intid >= kFirstSpi)
      hw::write8(distributor_ + gicd::kItargetsr + intid, targets_[cpu_index()]);
    hw::write32(distributor_ + gicd::bit_register(gicd::kIsenabler, intid), gicd::bit_of(intid));
  }
  TakenIrq acknowledge() override {
    // An SGI's sender stands above the INTID, and belongs into EOIR too.
    const u32 iar = hw::read32(cpu_ + gicc::kIar);
    return {IarIntid::decode(iar), iar};
  }
  void end(TakenIrq irq) override { hw::write32(cpu_ + gicc::kEoir, irq.token); }

  void send(u32 intid, unsigned cpu) override {
    send(SgirTargets::encode(targets_[cpu]) | SgirIntid::encode(intid));
  }
  void send_to_others(u32 intid) override { send(kSgirAllButMe | SgirIntid::encode(intid)); }

 private:
  void send(u64 sgir) {
    hw::dsb_ishst();  // what the other CPU shall see is there before it is told
    hw::write32(distributor_ + gicd::kSgir, static_cast<u32>(sgir));
  }

  u64 distributor_ = 0, cpu_ = 0;
  u32 count_ = 0;
  std::array<u8, kMaxCpus> targets_{};  // each CPU's bit, as the distributor names it
};

constinit GicV2 gic_v2;

}  // namespace

Result<InterruptController*> start_gic_v2(const MachineDescription::Gic& gic) {
  const u64 distributor = VirtAddr::of(TRY(ioremap(gic.distributor))).value();
  const u64 cpu_interface = VirtAddr::of(TRY(ioremap(gic.cpu_interface))).value();
  gic_v2.start(distributor, cpu_interface);
  return &gic_v2;
}

}  // namespace meridian::arch
