// SPDX-License-Identifier: MIT
/// The device tree reader on trees as they should be, and on each way in which they can be wrong.
#include "kernel/devicetree/fdt.h"

#include <gtest/gtest.h>

#include "tree_builder.h"

namespace meridian {
namespace {

using Header = TreeBuilder::Header;

/// A root with two buses: "soc" passes addresses on, "bridge" translates them.
TreeBuilder sample() {
  TreeBuilder tree;
  tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2}).nop();
  tree.begin("aliases").strings("serial0", {"/soc/uart@9000000"}).end();
  tree.begin("soc").cells("#address-cells", {2}).cells("#size-cells", {1}).bytes("ranges", "");
  tree.begin("uart@9000000")
      .strings("compatible", {"arm,pl011", "arm,primecell"})
      .cells("reg", {0, 0x900'0000, 0x1000})
      .cells("interrupts", {0, 1, 4, 1, 13, 8});
  tree.end();
  tree.begin("timer@0").strings("status", {"disabled"}).strings("compatible", {"t"}).end();
  tree.end();
  tree.begin("bridge").cells("#address-cells", {1}).cells("#size-cells", {1});
  tree.cells("ranges", {0, 0, 0x1000'0000, 0x1000});
  tree.begin("device@10").cells("reg", {0x10, 0x10}).strings("compatible", {"t"}).end();
  tree.end();
  tree.end();
  return tree;
}

Errc error_of(const std::vector<std::byte>& bytes) {
  const Result<Fdt> fdt = Fdt::open(bytes);
  return fdt.has_value() ? Errc::failed : fdt.error().code;
}

/// Nodes come parents first, each with its depth.
TEST(Fdt, VisitsEveryNodeOnceInOrder) {
  const auto bytes = sample().build();
  const Fdt fdt = Fdt::open(bytes).take();
  std::vector<std::pair<std::string, unsigned>> seen;
  for (const FdtNode& node : FdtWalk(fdt)) seen.emplace_back(node.name(), node.depth());
  const std::vector<std::pair<std::string, unsigned>> expected{
      {"", 0},        {"aliases", 1}, {"soc", 1},      {"uart@9000000", 2},
      {"timer@0", 2}, {"bridge", 1},  {"device@10", 2}};
  EXPECT_EQ(seen, expected);
}

TEST(Fdt, FindsNodesByPathWithAndWithoutUnitAddressAndByAlias) {
  const auto bytes = sample().build();
  const Fdt fdt = Fdt::open(bytes).take();
  for (const char* path : {"/soc/uart@9000000", "/soc/uart", "//soc//uart/", "serial0",
                           "serial0:115200n8", "/soc/uart:115200"}) {
    SCOPED_TRACE(path);
    const Result<FdtNode> node = fdt.find(path);
    ASSERT_TRUE(node.has_value());
    EXPECT_EQ(node.value().name(), "uart@9000000");
  }
  EXPECT_EQ(fdt.find("/").value().depth(), 0u);
  for (const char* path : {"", "/uart", "/soc/uart@9", "/soc/uart/x", "/sock", "serial1",
                           "/bridge/uart", "serial0/x", "soc"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(fdt.find(path).error(), (Error{Errc::not_found}));
  }
}

TEST(Fdt, FindsTheFirstEnabledNodeThatIsCompatible) {
  const auto bytes = sample().build();
  const Fdt fdt = Fdt::open(bytes).take();
  EXPECT_EQ(fdt.find_compatible("arm,primecell").value().name(), "uart@9000000");
  EXPECT_EQ(fdt.find_compatible("t").value().name(), "device@10");
  EXPECT_FALSE(fdt.find_compatible("arm,pl01").has_value());
  EXPECT_FALSE(fdt.find_compatible("").has_value());
}

/// `reg` is read with the parent's cell counts, and only where addresses are the CPU's own.
TEST(Fdt, ReadsRegOnlyWhereNothingTranslatesIt) {
  const auto bytes = sample().build();
  const Fdt fdt = Fdt::open(bytes).take();
  const FdtNode uart = fdt.find("/soc/uart").take();
  EXPECT_EQ(uart.reg_count(), 1u);
  EXPECT_EQ(uart.reg(0).value(), PhysRange(PhysAddr(0x900'0000), 0x1000));
  EXPECT_EQ(uart.reg(1).error().code, Errc::not_found);
  EXPECT_EQ(fdt.find("/bridge/device").value().reg(0).error().code, Errc::unsupported);
  EXPECT_EQ(fdt.find("/soc").value().reg(0).error().code, Errc::not_found);
}

TEST(Fdt, NumbersInterruptsAsTheGicDoes) {
  const auto bytes = sample().build();
  const FdtNode uart = Fdt::open(bytes).value().find("/soc/uart").take();
  EXPECT_EQ(uart.interrupt(0).value(), 33u);  // SPI 1
  EXPECT_EQ(uart.interrupt(1).value(), 29u);  // PPI 13
  EXPECT_FALSE(uart.interrupt(2).has_value());
}

TEST(Fdt, ReadsPropertiesByType) {
  TreeBuilder tree;
  tree.begin("").cells("one", {7}).cells("two", {1, 2}).strings("s", {"a", "", "b"});
  tree.bytes("open", "xyz").bytes("empty", "").end();
  const auto bytes = tree.build();
  const Fdt fdt = Fdt::open(bytes).take();
  const FdtNode root = fdt.find("/").take();
  EXPECT_EQ(root.property("one")->as_u32().value(), 7u);
  EXPECT_EQ(root.property("one")->as_u64().value(), 7u);
  EXPECT_EQ(root.property("two")->as_u64().value(), 0x1'0000'0002u);
  EXPECT_EQ(root.property("two")->as_u32().error().code, Errc::bad_format);
  EXPECT_EQ(root.property("two")->cell(2).error().code, Errc::truncated);
  EXPECT_EQ(root.property("s")->as_string().value(), "a");
  EXPECT_TRUE(root.property("s")->lists("b"));
  EXPECT_FALSE(root.property("s")->lists("c"));
  EXPECT_EQ(root.property("open")->as_string().error().code, Errc::bad_format);
  EXPECT_FALSE(root.property("open")->lists("xyz"));
  EXPECT_EQ(root.property("empty")->as_u64().error().code, Errc::bad_format);
  EXPECT_FALSE(root.property("absent").has_value());
}

TEST(Fdt, GivesTheReservationBlock) {
  TreeBuilder tree;
  tree.reserve(0x4000'0000, 0x1000).reserve(0xffff'ffff'ffff'f000, 0x1000).begin("").end();
  const auto bytes = tree.build();
  const Fdt fdt = Fdt::open(bytes).take();
  EXPECT_EQ(*fdt.reservation(0), PhysRange(PhysAddr(0x4000'0000), 0x1000));
  EXPECT_EQ(*fdt.reservation(1), PhysRange(PhysAddr(0xffff'ffff'ffff'f000), 0x1000));
  EXPECT_FALSE(fdt.reservation(2).has_value());
  EXPECT_FALSE(fdt.reservation(~usize{0}).has_value());
}

TEST(Fdt, RefusesEachWrongHeaderFieldAtItsOffset) {
  const auto refused = [](auto change) { return Fdt::open(sample().build(change)).error(); };
  EXPECT_EQ(refused([](Header& h) { h.magic ^= 1; }), (Error{Errc::bad_format, 0}));
  EXPECT_EQ(refused([](Header& h) { h.total_size = 39; }), (Error{Errc::bad_format, 4}));
  EXPECT_EQ(refused([](Header& h) { h.structure = 36; }), (Error{Errc::bad_format, 8}));
  EXPECT_EQ(refused([](Header& h) { h.structure += 2; }), (Error{Errc::bad_format, 8}));
  EXPECT_EQ(refused([](Header& h) { h.strings = 8; }), (Error{Errc::bad_format, 12}));
  EXPECT_EQ(refused([](Header& h) { h.strings = h.total_size + 1; }),
            (Error{Errc::bad_format, 12}));
  EXPECT_EQ(refused([](Header& h) { h.reservations = 44; }), (Error{Errc::bad_format, 16}));
  EXPECT_EQ(refused([](Header& h) { h.reservations = 0; }), (Error{Errc::bad_format, 16}));
  EXPECT_EQ(refused([](Header& h) { h.version = 15; }), (Error{Errc::unsupported, 20}));
  EXPECT_EQ(refused([](Header& h) { h.last_compatible = 18; }), (Error{Errc::unsupported, 24}));
  EXPECT_EQ(refused([](Header& h) { h.strings_size += 1; }), (Error{Errc::bad_format, 32}));
  EXPECT_EQ(refused([](Header& h) { h.structure_size += 2; }), (Error{Errc::bad_format, 36}));
  EXPECT_EQ(refused([](Header& h) { h.structure_size = 0xffff'fffc; }),
            (Error{Errc::bad_format, 36}));
}

TEST(Fdt, RefusesATreeLongerThanItsBytesAndABadlyPlacedOne) {
  auto bytes = sample().build();
  EXPECT_EQ(Fdt::open(std::span(bytes).first(bytes.size() - 1)).error().code, Errc::truncated);
  bytes.insert(bytes.begin(), 4, std::byte{0});
  EXPECT_EQ(Fdt::open(std::span(bytes).subspan(4)).error().code, Errc::not_aligned);
}

TEST(Fdt, RefusesAStructureThatDoesNotNest) {
  EXPECT_EQ(error_of(TreeBuilder().build()), Errc::bad_format) << "no root";
  EXPECT_EQ(error_of(TreeBuilder().begin("").build()), Errc::bad_format) << "root not ended";
  EXPECT_EQ(error_of(TreeBuilder().end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().begin("").end().end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().begin("").end().begin("").end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().begin("").begin("").end().end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().bytes("p", "").begin("").end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().begin("").begin("a").end().bytes("p", "").end().build()),
            Errc::bad_format)
      << "a property behind a child";
  EXPECT_EQ(error_of(TreeBuilder().begin("").token(5).end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().begin("").begin("a\nb").end().end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().begin("").bytes("\x1b[2J", "").end().build()), Errc::bad_format);
  EXPECT_EQ(error_of(TreeBuilder().begin("").bytes("", "").end().build()), Errc::bad_format);
}

TEST(Fdt, TakesSixteenLevelsBelowTheRootAndNoMore) {
  const auto nested = [](unsigned levels) {
    TreeBuilder tree;
    tree.begin("");
    for (unsigned i = 0; i < levels; ++i) tree.begin("n");
    for (unsigned i = 0; i <= levels; ++i) tree.end();
    return tree.build();
  };
  const auto deepest = nested(16);
  const Fdt fdt = Fdt::open(deepest).take();
  unsigned nodes = 0;
  for (const FdtNode& node : FdtWalk(fdt)) nodes += node.depth() <= 16;
  EXPECT_EQ(nodes, 17u);
  EXPECT_EQ(error_of(nested(17)), Errc::too_large);
  EXPECT_EQ(error_of(nested(5000)), Errc::too_large);
}

TEST(Fdt, RefusesAReservationBlockWithoutEndOrWithARangeThatWraps) {
  EXPECT_EQ(Fdt::open(TreeBuilder().reserve(~u64{0}, 2).begin("").end().build()).error(),
            (Error{Errc::bad_range, 40}));
  // The block is placed so that the rest of the tree holds no pair of zeros.
  const auto bytes = TreeBuilder().begin("").end().build(
      [](Header& h) { h.reservations = (h.total_size - 16) & ~7u; });
  EXPECT_EQ(error_of(bytes), Errc::truncated);
}

TEST(Fdt, RefusesRegWithCellCountsOrLengthsThatCannotBe) {
  const auto reg_error = [](u32 address_cells, u32 size_cells, const std::string& reg) {
    TreeBuilder tree;
    tree.begin("").cells("#address-cells", {address_cells}).cells("#size-cells", {size_cells});
    tree.begin("n").bytes("reg", reg).end().end();
    const auto bytes = tree.build();
    const Fdt fdt = Fdt::open(bytes).take();
    const Result<PhysRange> reg_0 = fdt.find("/n").value().reg(0);
    return reg_0.has_value() ? Errc::failed : reg_0.error().code;
  };
  EXPECT_EQ(reg_error(3, 2, std::string(20, '\1')), Errc::unsupported);
  EXPECT_EQ(reg_error(0, 1, std::string(4, '\1')), Errc::unsupported);
  EXPECT_EQ(reg_error(0xffff'ffff, 1, std::string(8, '\1')), Errc::unsupported);
  EXPECT_EQ(reg_error(2, 2, std::string(15, '\1')), Errc::bad_format);
  EXPECT_EQ(reg_error(2, 2, std::string(17, '\1')), Errc::bad_format);
  EXPECT_EQ(reg_error(2, 2, ""), Errc::bad_format);
  EXPECT_EQ(reg_error(2, 2, std::string(16, '\xff')), Errc::bad_range);
}

}  // namespace
}  // namespace meridian
