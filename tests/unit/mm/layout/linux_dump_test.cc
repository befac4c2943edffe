// SPDX-License-Identifier: MIT
/// Our layouts against what real Linux kernels say of theirs: linux-6.1-*.txt are parts of
/// kernel_page_tables as Linux 6.1 printed it. Linux prints a heading when an entry ends, so where
/// two regions begin in one entry the second heading comes a line late: such boundaries are taken
/// from the lines, and the test says so. The i386 kernel was configured for another number of CPUs
/// than our numbers assume (8): that moves only where its fixmap begins.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "mm/layout/all.h"

namespace meridian {
namespace {

/// A file of these: lines "0xFIRST-0xEND SIZE RIGHTS... LEVEL", and headings "---[ NAME ]---".
class Dump {
 public:
  explicit Dump(const char* name) {
    const std::string here = __FILE__;
    std::ifstream file(here.substr(0, here.rfind('/') + 1) + name);
    for (std::string text; std::getline(file, text);) take(text);
  }

  bool is_empty() const { return lines_.empty(); }
  /// Where the line after the heading begins; 0 if there is no such heading.
  u64 at(std::string_view heading) const {
    const usize i = line_after(heading);
    return i < lines_.size() ? lines_[i].first : 0;
  }
  /// The first byte that is mapped after the heading.
  u64 first_mapped(std::string_view heading) const {
    for (usize i = line_after(heading); i < lines_.size(); ++i)
      if (lines_[i].mapped) return lines_[i].first;
    return 0;
  }
  /// The end of the last line that is mapped before the heading.
  u64 mapped_end(std::string_view heading) const {
    for (usize i = std::min(line_after(heading), lines_.size()); i-- != 0;)
      if (lines_[i].mapped) return lines_[i].end;
    return 0;
  }
  /// Where the last line before the heading begins.
  u64 line_before(std::string_view heading) const {
    const usize i = line_after(heading);
    return i != 0 && i <= lines_.size() ? lines_[i - 1].first : 0;
  }

 private:
  struct Line {
    u64 first, end;
    bool mapped;
  };
  struct Heading {
    std::string name;
    usize line;  // the one after it
  };

  void take(const std::string& text) {
    if (text.starts_with("---[ "))
      headings_.push_back({text.substr(5, text.size() - 10), lines_.size()});
    if (!text.starts_with("0x")) return;
    const usize dash = text.find('-');
    lines_.push_back({std::stoull(text.substr(0, dash), nullptr, 16),
                      std::stoull(text.substr(dash + 1), nullptr, 16),
                      text.find(" RW ") != text.npos || text.find(" ro ") != text.npos});
  }
  usize line_after(std::string_view heading) const {
    for (const Heading& h : headings_)
      if (h.name == heading) return h.line;
    return ~usize{0};
  }

  std::vector<Line> lines_;
  std::vector<Heading> headings_;
};

u64 first(const Layout& layout, RegionKind kind) { return layout.region(kind).first; }
u64 end(const Layout& layout, RegionKind kind) { return layout.region(kind).last + 1; }
/// i386 as we have it, sign-extended, in the 32 bits that Linux prints.
u64 low(u64 va) { return va & 0xffff'ffff; }

TEST(LinuxDump, Arm64HasOurBoundaries) {
  using enum RegionKind;
  const Dump dump("linux-6.1-arm64.txt");
  ASSERT_FALSE(dump.is_empty());
  EXPECT_EQ(dump.at("Linear Mapping start"), first(kArm64Layout, linear));
  EXPECT_EQ(dump.at("Linear Mapping end"), end(kArm64Layout, linear));
  EXPECT_EQ(dump.at("Modules start"), end(kArm64Layout, linear));
  EXPECT_EQ(dump.at("vmalloc() area"), first(kArm64Layout, vmalloc));
  EXPECT_EQ(dump.at("vmalloc() end"), end(kArm64Layout, vmalloc));
  EXPECT_EQ(dump.at("Fixmap end"), end(kArm64Layout, fixmap));
  EXPECT_EQ(dump.at("PCI I/O start"), first(kArm64Layout, pci_io));
  EXPECT_EQ(dump.at("PCI I/O end"), end(kArm64Layout, pci_io));
  EXPECT_EQ(dump.at("vmemmap start"), first(kArm64Layout, frame_table));
  EXPECT_EQ(dump.at("vmemmap end"), end(kArm64Layout, frame_table));
  // The used part of Linux's fixmap, filled from its top, is within the region that we have for it.
  EXPECT_EQ(kArm64Layout.region_of(VirtAddr(dump.at("Fixmap start"))).kind, fixmap);
}

TEST(LinuxDump, X86_64HasOurBoundaries) {
  using enum RegionKind;
  const Dump dump("linux-6.1-x86_64.txt");
  ASSERT_FALSE(dump.is_empty());
  EXPECT_EQ(dump.first_mapped("User Space"), first(kX86_64Layout, linear)) << "a heading is late";
  EXPECT_EQ(dump.at("vmalloc() Area"), first(kX86_64Layout, vmalloc));
  EXPECT_EQ(dump.line_before("Vmemmap"), end(kX86_64Layout, vmalloc)) << "the hole after vmalloc";
  EXPECT_EQ(dump.at("Vmemmap"), first(kX86_64Layout, frame_table));
  EXPECT_EQ(dump.at("High Kernel Mapping"), first(kX86_64Layout, image));
  EXPECT_EQ(dump.first_mapped("High Kernel Mapping"), kX86_64Layout.image_base);
  EXPECT_EQ(dump.at("Modules"), end(kX86_64Layout, image));
  EXPECT_EQ(dump.at("End Modules"), end(kX86_64Layout, modules));
  EXPECT_EQ(dump.at("CPU entry Area"), 0xffff'fe00'0000'0000u);
  EXPECT_EQ(dump.at("ESPfix Area"), 0xffff'ff00'0000'0000u);
  EXPECT_EQ(kX86_64Layout.region_of(VirtAddr(0xffff'fe00'0000'0000)).name, "CPU entry (unused)");
  EXPECT_EQ(kX86_64Layout.region_of(VirtAddr(0xffff'ff00'0000'0000)).name, "espfix (unused)");
  EXPECT_EQ(kX86_64Layout.region_of(VirtAddr(dump.at("Fixmap Area"))).kind, fixmap);
}

TEST(LinuxDump, I386HasTheBoundariesOfOurI386_6_1) {
  using enum RegionKind;
  const Dump dump("linux-6.1-i386.txt");
  const Layout& ours = kI386_6_1Layout;
  ASSERT_FALSE(dump.is_empty());
  EXPECT_EQ(dump.at("Kernel Mapping"), low(first(ours, linear)));
  EXPECT_EQ(dump.at("Kernel Mapping"), ours.user_end());
  EXPECT_EQ(dump.mapped_end("vmalloc() Area"), low(end(ours, linear))) << "879.99 MiB, not 896";
  EXPECT_EQ(dump.at("vmalloc() Area"), low(first(ours, vmalloc)));
  EXPECT_EQ(dump.at("vmalloc() End"), low(first(ours, pkmap))) << "the next heading is late";
  EXPECT_LT(low(end(ours, vmalloc)), dump.at("vmalloc() End")) << "two pages before, in one entry";
  EXPECT_EQ(dump.at("LDT remap"), low(end(ours, pkmap)));
  EXPECT_EQ(ours.region_of(VirtAddr(~u64{0xffff'ffff} | dump.at("CPU entry area"))).kind, unused);
  EXPECT_EQ(ours.region_of(VirtAddr(~u64{0xffff'ffff} | dump.at("Fixmap area"))).kind, fixmap);
}

/// What the textbooks say is not what Linux 6.1 does.
TEST(LinuxDump, TheTextbooksI386IsAnother) {
  const Dump dump("linux-6.1-i386.txt");
  EXPECT_EQ(kI386Layout.region(RegionKind::linear).size(), 896_MiB);
  EXPECT_LT(dump.mapped_end("vmalloc() Area"), 0xc000'0000 + 896_MiB);
}

}  // namespace
}  // namespace meridian
