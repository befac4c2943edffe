// SPDX-License-Identifier: MIT
/// GICv3: a distributor, a redistributor for each CPU, and the CPU interface in system registers
/// (Arm IHI 0069).
#include <arch/cpu.h>

#include <array>

#include "arch/aarch64/hw/barrier.h"
#include "arch/aarch64/hw/gic.h"
#include "arch/aarch64/hw/mmio.h"
#include "arch/aarch64/hw/sysreg.h"
#include "arch/aarch64/virt/gic.h"
#include "arch/aarch64/virt/gic_registers.h"
#include "mm/kernel/ioremap.h"

namespace meridian::arch {
namespace {

// GICD_CTLR as seen without a Secure state, or from the Non-secure one: the bits we set mean the
// same.
constexpr u32 kCtlrEnableGroup1 = Bit<0>::kSet | Bit<1>::kSet;
constexpr u32 kCtlrAffinityRouting = Bit<4>::kSet;
using CtlrWritePending = Bit<31>;

namespace gicr {
constexpr u64 kTyper = 0x0008;
constexpr u64 kWaker = 0x0014;
constexpr u64 kSgiFrame = 0x1'0000;  // the second half: the same arrays as the distributor's
constexpr u64 kStride = 0x2'0000;    // of one redistributor, twice that with VLPIs
using TyperVlpis = Bit<1>;
using TyperLast = Bit<4>;
using TyperAffinity = Field<63, 32, u32>;
using WakerProcessorSleep = Bit<1>;
using WakerChildrenAsleep = Bit<2>;
}  // namespace gicr

// ICC_SGI1R_EL1.
using SgiTargets = Field<15, 0, u16>;  // one bit for each affinity 0 of 0 to 15
using SgiAff1 = Field<23, 16, u8>;
using SgiIntid = Field<27, 24, u32>;
using SgiAff2 = Field<39, 32, u8>;
using SgiAllButMe = Bit<40>;
using SgiRange = Field<47, 44, u8>;  // which 16 of affinity 0
using SgiAff3 = Field<55, 48, u8>;

/// A device that has not answered after so many reads is broken.
constexpr unsigned kPatience = 1'000'000;

/// MPIDR_EL1's affinity, levels 3 to 0, in the form of GICR_TYPER.
u32 my_affinity() {
  const u64 mpidr = hw::read_mpidr_el1();
  return static_cast<u32>(Field<39, 32>::decode(mpidr) << 24 | Field<23, 0>::decode(mpidr));
}

/// Where ICC_SGI1R_EL1 finds the CPU with this affinity.
u64 sgi_target(u32 affinity) {
  const u32 aff0 = affinity & 0xff;
  return SgiTargets::encode(static_cast<u16>(1u << aff0 % 16)) |
         SgiRange::encode(static_cast<u8>(aff0 / 16)) |
         SgiAff1::encode(static_cast<u8>(affinity >> 8)) |
         SgiAff2::encode(static_cast<u8>(affinity >> 16)) |
         SgiAff3::encode(static_cast<u8>(affinity >> 24));
}

/// The redistributor of this CPU among those of `region`, mapped one after the other: a region may
/// have room for hundreds of CPUs. Errc::not_found if it is not among them.
Result<u64> find_redistributor(PhysRange region) {
  for (u64 at = 0; at + gicr::kStride <= region.size();) {
    void* const mapped = TRY(ioremap({region.start() + at, gicr::kStride}));
    const u64 frame = VirtAddr::of(mapped).value();
    const u64 typer = hw::read64(frame + gicr::kTyper);
    if (gicr::TyperAffinity::decode(typer) == my_affinity()) return frame;
    iounmap(mapped);
    if (gicr::TyperLast::is_set(typer)) break;
    at += gicr::TyperVlpis::is_set(typer) ? 2 * gicr::kStride : gicr::kStride;
  }
  return Error{Errc::not_found};
}

class GicV3 final : public InterruptController {
 public:
  Result<void> start(const MachineDescription::Gic& gic) {
    gic_ = &gic;
    distributor_ = VirtAddr::of(TRY(ioremap(gic.distributor))).value();
    return start_distributor();
  }

  Result<void> start_cpu() override {
    Cpu& me = cpus_[cpu_index()];
    me.redistributor = TRY(my_redistributor());
    me.sgi_target = sgi_target(my_affinity());
    TRY(wake(me.redistributor));
    mask_own(me.redistributor);
    start_interface();
    return {};
  }

  const char* name() const override { return "GICv3"; }
  u32 count() const override { return count_; }

  void enable(u32 intid) override {
    const u64 mine = cpus_[cpu_index()].redistributor + gicr::kSgiFrame;
    const u64 arrays = intid < kFirstSpi ? mine : distributor_;
    hw::write8(arrays + gicd::kIpriorityr + intid, kIrqPriority);
    if (intid >= kFirstSpi) {
      const u64 affinity = hw::read_mpidr_el1() & (Field<39, 32>::kMask | Field<23, 0>::kMask);
      hw::write64(distributor_ + gicd::kIrouter + u64{intid} * 8, affinity);
    }
    hw::write32(arrays + gicd::bit_register(gicd::kIsenabler, intid), gicd::bit_of(intid));
  }
  TakenIrq acknowledge() override {
    const u32 intid = hw::gic_acknowledge();
    hw::dsb_sy();  // the acknowledge counts before the handler touches the device
    return {intid, intid};
  }
  void end(TakenIrq irq) override {
    hw::gic_end(irq.token);
    hw::isb();  // done before the interrupted code goes on
  }

  void send(u32 intid, unsigned cpu) override {
    send(SgiIntid::encode(intid) | cpus_[cpu].sgi_target);
  }
  void send_to_others(u32 intid) override { send(SgiIntid::encode(intid) | SgiAllButMe::kSet); }

 private:
  struct Cpu {
    u64 redistributor = 0, sgi_target = 0;
  };

  void send(u64 sgi1r) {
    hw::dsb_ishst();  // what the other CPU shall see is there before it is told
    hw::write_icc_sgi1r_el1(sgi1r);
    hw::isb();
  }

  Result<u64> my_redistributor() const {
    for (const PhysRange& region : gic_->redistributors) {
      const Result<u64> found = find_redistributor(region);
      if (found.has_value()) return found;
    }
    return Error{Errc::not_found};
  }

  Result<void> start_distributor() {
    hw::write32(distributor_ + gicd::kCtlr, 0);
    TRY(wait_for_writes());
    count_ = gic_interrupt_count(distributor_);
    gic_mask_spis(distributor_, count_);
    for (u32 intid = kFirstSpi; intid < count_; intid += 32)
      hw::write32(distributor_ + gicd::bit_register(gicd::kIgroupr, intid), ~u32{0});
    TRY(wait_for_writes());
    hw::write32(distributor_ + gicd::kCtlr, kCtlrAffinityRouting | kCtlrEnableGroup1);
    return wait_for_writes();
  }

  Result<void> wait_for_writes() {
    for (unsigned i = 0; i < kPatience; ++i)
      if (!CtlrWritePending::is_set(hw::read32(distributor_ + gicd::kCtlr))) return {};
    return Error{Errc::timed_out};
  }

  static Result<void> wake(u64 redistributor) {
    const u64 waker = redistributor + gicr::kWaker;
    hw::write32(waker, hw::read32(waker) & ~static_cast<u32>(gicr::WakerProcessorSleep::kSet));
    for (unsigned i = 0; i < kPatience; ++i)
      if (!gicr::WakerChildrenAsleep::is_set(hw::read32(waker))) return {};
    return Error{Errc::timed_out};
  }

  static void mask_own(u64 redistributor) {
    const u64 mine = redistributor + gicr::kSgiFrame;
    hw::write32(mine + gicd::kIcenabler, ~u32{0});
    hw::write32(mine + gicd::kIgroupr, ~u32{0});
  }

  static void start_interface() {
    hw::write_icc_sre_el1(hw::read_icc_sre_el1() | 1);
    hw::isb();  // the registers below exist only with it
    hw::write_icc_pmr_el1(kIrqPriorityMask);
    hw::write_icc_bpr1_el1(0);
    hw::write_icc_ctlr_el1(0);  // one write both drops the priority and ends the interrupt
    hw::write_icc_igrpen1_el1(1);
    hw::isb();
  }

  const MachineDescription::Gic* gic_ = nullptr;
  u64 distributor_ = 0;
  std::array<Cpu, kMaxCpus> cpus_{};
  u32 count_ = 0;
};

constinit GicV3 gic_v3;

}  // namespace

Result<InterruptController*> start_gic_v3(const MachineDescription::Gic& gic) {
  TRY(gic_v3.start(gic));
  return &gic_v3;
}

}  // namespace meridian::arch
