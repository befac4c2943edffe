// SPDX-License-Identifier: MIT
/// What the kernel learns of the machine, from trees that QEMU 7.2 wrote (-M virt,dumpdtb=...) and
/// from trees that are wrong.
#include "kernel/devicetree/machine.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "bad_inputs.h"
#include "seed.h"
#include "tally.h"
#include "tree_builder.h"

namespace meridian {
namespace {

std::vector<std::byte> qemu_tree(const char* name) {
  const std::string here = __FILE__;
  std::ifstream file(here.substr(0, here.rfind('/') + 1) + name, std::ios::binary);
  std::vector<char> chars{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(chars.size());
  std::memcpy(bytes.data(), chars.data(), chars.size());
  return bytes;
}

PhysRange range(u64 start, u64 size) { return {PhysAddr(start), size}; }

/// -cpu cortex-a72 -m 512 -initrd (4096 bytes) -append 'run=a;b "hello world"'
TEST(Machine, DescribesQemusVirtWithGic2EnteredAtEl1) {
  const auto bytes = qemu_tree("qemu_virt_gic2_el1.dtb");
  const Fdt fdt = Fdt::open(bytes).take();
  MachineDescription machine;
  ASSERT_TRUE(describe_machine(fdt, machine).has_value());

  ASSERT_EQ(machine.memory.size(), 1u);
  EXPECT_EQ(machine.memory[0], range(0x4000'0000, 512_MiB));
  EXPECT_EQ(machine.reserved.size(), 0u);
  EXPECT_EQ(machine.initrd, range(0x4800'0000, 0x1000));
  EXPECT_EQ(machine.bootargs, "run=a;b \"hello world\"");
  EXPECT_EQ(machine.stdout_path, "/pl011@9000000");
  EXPECT_EQ(machine.uart.registers, range(0x900'0000, 0x1000));
  EXPECT_EQ(machine.uart.interrupt, 33u);
  EXPECT_EQ(machine.real_time_clock, range(0x901'0000, 0x1000));
  EXPECT_EQ(machine.gic.version, 2u);
  EXPECT_EQ(machine.gic.distributor, range(0x800'0000, 0x1'0000));
  EXPECT_EQ(machine.gic.cpu_interface, range(0x801'0000, 0x1'0000));
  EXPECT_EQ(machine.timer.secure_physical, 29u);
  EXPECT_EQ(machine.timer.physical, 30u);
  EXPECT_EQ(machine.timer.virt, 27u);
  EXPECT_EQ(machine.timer.hypervisor, 26u);
  EXPECT_EQ(machine.psci, MachineDescription::Psci::hvc);
  EXPECT_EQ(machine.cpu_count, 1u);
  EXPECT_NE(machine.kaslr_seed, 0u);
}

/// -M virt,gic-version=3,virtualization=on -cpu max -smp 4 -m 1G
TEST(Machine, DescribesQemusVirtWithGic3EnteredAtEl2) {
  const auto bytes = qemu_tree("qemu_virt_gic3_el2.dtb");
  MachineDescription machine;
  ASSERT_TRUE(describe_machine(Fdt::open(bytes).value(), machine).has_value());
  EXPECT_EQ(machine.memory[0], range(0x4000'0000, 1_GiB));
  EXPECT_EQ(machine.gic.version, 3u);
  EXPECT_EQ(machine.gic.distributor, range(0x800'0000, 0x1'0000));
  ASSERT_EQ(machine.gic.redistributors.size(), 1u);
  EXPECT_EQ(machine.gic.redistributors[0], range(0x80a'0000, 0xf6'0000));
  EXPECT_EQ(machine.psci, MachineDescription::Psci::smc);
  EXPECT_EQ(machine.cpu_count, 4u);
  ASSERT_EQ(machine.cpus.size(), 4u);
  EXPECT_EQ(machine.cpus[3], 3u);
  EXPECT_TRUE(machine.initrd.is_empty());
  EXPECT_EQ(machine.bootargs, "");
}

TreeBuilder root() {
  TreeBuilder tree;
  tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
  return tree;
}

TreeBuilder& add_memory(TreeBuilder& tree, std::initializer_list<u32> reg) {
  return tree.begin("memory@0").strings("device_type", {"memory"}).cells("reg", reg).end();
}

Error describe_error(TreeBuilder& tree) {
  const auto bytes = tree.end().build();
  MachineDescription machine;
  const Result<void> result = describe_machine(Fdt::open(bytes).value(), machine);
  return result.has_value() ? Error{Errc::failed} : Error{result.error().code};
}

TEST(Machine, TakesEveryBankAndReservation) {
  TreeBuilder tree = root();
  tree.reserve(0x1000, 0x2000);
  add_memory(tree, {0, 0, 0, 0x1000'0000, 1, 0, 0x10, 0, 0, 0x8000'0000, 0, 0});
  tree.begin("memory@5").strings("device_type", {"memory"}).strings("status", {"disabled"});
  tree.cells("reg", {9, 0, 0, 0x1000}).end();
  tree.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
  tree.bytes("ranges", "");
  tree.begin("secmon@100").cells("reg", {0, 0x100'0000, 0, 0x10'0000}).end();
  tree.begin("pool").cells("size", {0, 0x1000}).end();
  const auto bytes = tree.end().end().build();
  MachineDescription machine;
  ASSERT_TRUE(describe_machine(Fdt::open(bytes).value(), machine).has_value());
  ASSERT_EQ(machine.memory.size(), 2u) << "the empty bank and the disabled one do not count";
  EXPECT_EQ(machine.memory[1], range(0x1'0000'0000, 0x10'0000'0000));
  ASSERT_EQ(machine.reserved.size(), 2u);
  EXPECT_EQ(machine.reserved[0].range, range(0x1000, 0x2000));
  EXPECT_EQ(machine.reserved[1].range, range(0x100'0000, 0x10'0000));
  EXPECT_EQ(machine.reserved[1].name, "secmon@100");
}

TEST(Machine, PrefersTheUartThatStdoutPathNames) {
  TreeBuilder tree = root();
  tree.begin("chosen").strings("stdout-path", {"/uart@2000:115200"}).end();
  add_memory(tree, {0, 0, 0, 0x1000'0000});
  tree.begin("uart@1000")
      .strings("compatible", {"arm,pl011"})
      .cells("reg", {0, 0x1000, 0, 0x100})
      .end();
  tree.begin("uart@2000")
      .strings("compatible", {"arm,pl011"})
      .cells("reg", {0, 0x2000, 0, 0x100})
      .end();
  const auto bytes = tree.end().build();
  MachineDescription machine;
  ASSERT_TRUE(describe_machine(Fdt::open(bytes).value(), machine).has_value());
  EXPECT_EQ(machine.uart.registers, range(0x2000, 0x100));
}

/// Whatever is in the property, only its absence of an end is worth a word.
TEST(Machine, TakesACommandLineThatCannotBeReadAsNone) {
  using namespace std::string_literals;
  const struct {
    std::string property, line;
    bool unterminated;
  } cases[] = {{"", "", false},
               {"\0"s, "", false},
               {"tour\0"s, "tour", false},
               {"tour\0mem=1\0"s, "tour", false},
               {"tour", "", true},
               {" ", "", true}};
  for (const auto& c : cases) {
    TreeBuilder tree = root();
    add_memory(tree.begin("chosen").bytes("bootargs", c.property).end(), {0, 0, 0, 0x1000'0000});
    const auto bytes = tree.end().build();
    MachineDescription machine;
    ASSERT_TRUE(describe_machine(Fdt::open(bytes).value(), machine).has_value()) << c.property;
    EXPECT_EQ(machine.bootargs, c.line);
    EXPECT_EQ(machine.bootargs_unterminated, c.unterminated) << c.property;
  }
}

TEST(Machine, SaysWhatIsMissingOrWrong) {
  TreeBuilder empty = root();
  EXPECT_EQ(describe_error(empty), (Error{Errc::not_found})) << "no memory";

  TreeBuilder wraps = root();
  add_memory(wraps, {0xffff'ffff, 0, 2, 0});
  EXPECT_EQ(describe_error(wraps), (Error{Errc::bad_range}));

  TreeBuilder odd = root();
  add_memory(odd, {0, 0, 0});
  EXPECT_EQ(describe_error(odd), (Error{Errc::bad_format}));

  TreeBuilder many = root();
  for (u32 i = 0; i < 40; ++i) add_memory(many, {i, 0, 0, 0x1000});
  EXPECT_EQ(describe_error(many), (Error{Errc::too_large}));

  TreeBuilder reserved = root();
  for (u32 i = 1; i < 40; ++i) reserved.reserve(i << 12, 0x1000);
  EXPECT_EQ(describe_error(reserved), (Error{Errc::too_large}));

  TreeBuilder initrd = root();
  initrd.begin("chosen").cells("linux,initrd-start", {2}).cells("linux,initrd-end", {1}).end();
  EXPECT_EQ(describe_error(initrd), (Error{Errc::bad_range}));

  TreeBuilder gic = root();
  gic.begin("gic").strings("compatible", {"arm,gic-v3"}).cells("#interrupt-cells", {1}).end();
  EXPECT_EQ(describe_error(gic), (Error{Errc::unsupported}));
}

/// Uses everything a tree offers; the sanitizers judge.
void read_all_of(std::span<const std::byte> bytes) {
  const Result<Fdt> opened = Fdt::open(bytes);
  if (!opened.has_value()) {
    ASSERT_LE(opened.error().about, 0xffff'ffffu);
    return;
  }
  const Fdt& fdt = opened.value();
  ASSERT_LE(fdt.size(), bytes.size());
  usize sum = 0;
  for (const FdtNode& node : FdtWalk(fdt)) {
    for (usize i = 0; i < 4; ++i) sum += node.reg(i).has_value() + node.interrupt(i).has_value();
    sum += node.unit().has_value() + node.is_enabled() + node.is_compatible("arm,pl011");
    if (const auto p = node.property("interrupt-map"))
      sum += p->cells(p->bytes().size(), 2).has_value();
    sum += node.property("absent").has_value();
  }
  for (usize i = 0; fdt.reservation(i); ++i) ++sum;
  sum += fdt.find("/psci").has_value() + fdt.find("serial0").has_value();
  MachineDescription machine;
  sum += describe_machine(fdt, machine).has_value();
  sum += machine.bootargs.size() + machine.stdout_path.size();
  ASSERT_GT(sum + 1, 0u);
}

TEST(MachineHostile, NoTruncationIsTakenForAWholeTree) {
  for (const char* name : {"qemu_virt_gic2_el1.dtb", "qemu_virt_gic3_el2.dtb"})
    for_each_truncation("device tree", qemu_tree(name), [](std::span<const std::byte> bytes) {
      EXPECT_EQ(Fdt::open(bytes).error().code, Errc::truncated);
    });
}

/// Shortening a tree and its header's total size together must not help either.
TEST(MachineHostile, NoTruncationWithAMatchingSizeIsReadPastItsEnd) {
  const auto good = qemu_tree("qemu_virt_gic2_el1.dtb");
  for (usize size = 40; size < good.size(); ++size) {
    ExactCopy copy(std::span<const std::byte>(good).first(size));
    for (usize b = 0; b < 4; ++b) copy[4 + b] = static_cast<std::byte>(size >> (24 - 8 * b));
    count_bad_input("device tree");
    EXPECT_FALSE(Fdt::open(copy.view()).has_value());
  }
}

TEST(MachineHostile, EveryHeaderFieldSurvivesEveryEdgeValue) {
  const auto good = qemu_tree("qemu_virt_gic2_el1.dtb");
  for (usize field = 0; field < 40; field += 4) {
    for (const u32 value :
         {0u, 1u, 3u, 4u, 7u, 8u, 16u, 36u, 39u, 40u, 48u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'fff0u,
          0xffff'fffcu, 0xffff'ffffu, static_cast<u32>(good.size()),
          static_cast<u32>(good.size() - 1), static_cast<u32>(good.size() - 16)}) {
      ExactCopy copy(good);
      for (usize b = 0; b < 4; ++b) copy[field + b] = static_cast<std::byte>(value >> (24 - 8 * b));
      count_bad_input("device tree");
      read_all_of(copy.view());
    }
  }
}

TEST(MachineHostile, RandomChangesDoNoHarm) {
  for (const char* name : {"qemu_virt_gic2_el1.dtb", "qemu_virt_gic3_el2.dtb"})
    for_each_mutation("device tree", qemu_tree(name), 3000, test_seed() + 1, read_all_of);
}

}  // namespace
}  // namespace meridian
