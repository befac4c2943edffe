// SPDX-License-Identifier: MIT
#include "kernel/devicetree/machine.h"

namespace meridian {
namespace {

using Machine = MachineDescription;

Result<void> add_reserved(Machine& machine, PhysRange range, std::string_view name, u64 about) {
  if (range.is_empty()) return {};
  if (!machine.reserved.push({range, name})) return Error{Errc::too_large, about};
  return {};
}

Result<void> take_reservation_block(const Fdt& fdt, Machine& machine) {
  for (usize i = 0;; ++i) {
    const std::optional<PhysRange> range = fdt.reservation(i);
    if (!range) return {};
    TRY(add_reserved(machine, *range, "firmware", 0));
  }
}

Result<void> take_memory(const FdtNode& node, Machine& machine) {
  for (usize i = 0; i == 0 || i < node.reg_count(); ++i) {
    const PhysRange bank = TRY(node.reg(i));
    if (bank.is_empty()) continue;
    if (!machine.memory.push(bank)) return Error{Errc::too_large, node.offset()};
  }
  return {};
}

/// A child of /reserved-memory. One without `reg` asks the system to choose a place: nothing to
/// keep.
Result<void> take_reserved(const FdtNode& node, Machine& machine) {
  if (!node.has_reg()) return {};
  for (usize i = 0; i == 0 || i < node.reg_count(); ++i)
    TRY(add_reserved(machine, TRY(node.reg(i)), node.name(), node.offset()));
  return {};
}

/// No boot depends on a command line: without one that can be read there is none. An empty property
/// is what some boot loaders leave when they were given nothing.
void take_bootargs(const FdtProperty& property, Machine& machine) {
  if (property.bytes().empty()) return;
  const Result<std::string_view> text = property.as_string();
  if (text.has_value())
    machine.bootargs = text.value();
  else
    machine.bootargs_unterminated = true;
}

Result<void> take_chosen(const FdtNode& node, Machine& machine) {
  if (const auto text = node.property("bootargs")) take_bootargs(*text, machine);
  if (const auto text = node.property("stdout-path")) machine.stdout_path = TRY(text->as_string());
  if (const auto seed = node.property("kaslr-seed")) machine.kaslr_seed = TRY(seed->as_u64());
  const auto start = node.property("linux,initrd-start"), end = node.property("linux,initrd-end");
  if (!start || !end) return {};
  const PhysAddr first(TRY(start->as_u64())), past(TRY(end->as_u64()));
  if (past < first) return Error{Errc::bad_range, end->offset()};
  machine.initrd = PhysRange::between(first, past);
  return {};
}

Result<void> take_gic(const FdtNode& node, unsigned version, Machine& machine) {
  if (machine.gic.version != 0) return {};
  const auto cells = node.property("#interrupt-cells");
  if (!cells || TRY(cells->as_u32()) != 3) return Error{Errc::unsupported, node.offset()};
  machine.gic.distributor = TRY(node.reg(0));
  if (version == 2) {
    machine.gic.cpu_interface = TRY(node.reg(1));
  } else {
    u32 regions = 1;
    if (const auto count = node.property("#redistributor-regions")) regions = TRY(count->as_u32());
    if (regions > Machine::kMaxRedistributors) return Error{Errc::too_large, node.offset()};
    for (u32 i = 0; i < regions; ++i) {
      const bool fits = machine.gic.redistributors.push(TRY(node.reg(1 + i)));
      CHECK(fits);
    }
  }
  machine.gic.version = version;
  return {};
}

Result<void> take_timer(const FdtNode& node, Machine& machine) {
  machine.timer.secure_physical = TRY(node.interrupt(0));
  machine.timer.physical = TRY(node.interrupt(1));
  machine.timer.virt = TRY(node.interrupt(2));
  machine.timer.hypervisor = node.interrupt(3).value_or(0);
  return {};
}

Result<void> take_psci(const FdtNode& node, Machine& machine) {
  const auto method = node.property("method");
  if (!method) return Error{Errc::bad_format, node.offset()};
  if (method->lists("hvc")) machine.psci = Machine::Psci::hvc;
  if (method->lists("smc")) machine.psci = Machine::Psci::smc;
  return {};
}

Result<void> take_cpu(const FdtNode& node, Machine& machine) {
  const u64 affinity = TRY(node.unit());
  ++machine.cpu_count;
  if (!machine.cpus.push(affinity)) return {};  // counted all the same
  return {};
}

Result<void> take_uart(const FdtNode& node, Machine& machine) {
  machine.uart.registers = TRY(node.reg(0));
  machine.uart.interrupt = node.interrupt(0).value_or(0);
  return {};
}

/// Goes over a tree once. Nodes that can be anywhere are known by what they are compatible with.
class Collector {
 public:
  explicit Collector(Machine& machine) : machine_(machine) {}

  Result<void> take(const FdtNode& node) {
    if (node.depth() == 1) top_ = node.base_name();
    if (!node.is_enabled()) return {};
    if (node.depth() == 1 && top_ == "chosen") return take_chosen(node, machine_);
    if (node.depth() == 1 && node.has_device_type("memory")) return take_memory(node, machine_);
    if (node.depth() == 2 && top_ == "reserved-memory") return take_reserved(node, machine_);
    if (node.depth() == 2 && top_ == "cpus" && node.has_device_type("cpu"))
      return take_cpu(node, machine_);
    return take_device(node);
  }

  /// Of several PL011s, the one that stdout-path names is the console.
  Result<void> prefer_stdout(const Fdt& fdt) {
    if (uarts_ < 2 || machine_.stdout_path.empty()) return {};
    const Result<FdtNode> node = fdt.find(machine_.stdout_path);
    if (!node.has_value() || !node.value().is_compatible("arm,pl011")) return {};
    return take_uart(node.value(), machine_);
  }

 private:
  Result<void> take_device(const FdtNode& node) {
    if (!node.may_be_compatible("arm,")) return {};
    if (node.is_compatible("arm,pl011"))
      return ++uarts_ == 1 ? take_uart(node, machine_) : Result<void>{};
    if (node.is_compatible("arm,pl031")) {
      machine_.real_time_clock = TRY(node.reg(0));
      return {};
    }
    if (node.is_compatible("arm,cortex-a15-gic") || node.is_compatible("arm,gic-400"))
      return take_gic(node, 2, machine_);
    if (node.is_compatible("arm,gic-v3")) return take_gic(node, 3, machine_);
    if (node.is_compatible("arm,armv8-timer")) return take_timer(node, machine_);
    if (node.is_compatible("arm,psci-0.2") || node.is_compatible("arm,psci-1.0"))
      return take_psci(node, machine_);
    return {};
  }

  Machine& machine_;
  std::string_view top_;  // the depth 1 node that the walk is in
  unsigned uarts_ = 0;
};

}  // namespace

Result<void> describe_machine(const Fdt& fdt, MachineDescription& machine) {
  TRY(take_reservation_block(fdt, machine));
  Collector collector(machine);
  for (const FdtNode& node : FdtWalk(fdt)) TRY(collector.take(node));
  if (machine.memory.is_empty()) return Error{Errc::not_found};
  return collector.prefer_stdout(fdt);
}

}  // namespace meridian
