// SPDX-License-Identifier: MIT
/// The flattened device tree (Devicetree Specification v0.4, chapter 5), read in place: what
/// firmware says of the machine. open() checks the whole of it once, every byte within bounds;
/// after that nodes and properties are views into it and walking cannot fail. Nothing here
/// allocates or keeps a table of addresses, so it also runs with the MMU off, before the image has
/// relocated itself.
///
/// Errors carry the byte offset, from the start of the tree, of what is wrong.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/range.h"

namespace meridian {

class Fdt;

/// One property of a node: a name and bytes. The bytes' meaning is the caller's to ask for.
class FdtProperty {
 public:
  std::string_view name() const { return names_.substr(0, names_.find('\0')); }
  bool is_named(std::string_view name) const {
    return names_.starts_with(name) && names_[name.size()] == '\0';
  }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Where its bytes start in the tree.
  u32 offset() const { return offset_; }

  /// Its only cell; Errc::bad_format if it is not 4 bytes long.
  Result<u32> as_u32() const;
  /// A number of one or two cells.
  Result<u64> as_u64() const;
  /// Its first string; Errc::bad_format if that has no end.
  Result<std::string_view> as_string() const;
  /// True if `text` is one of its strings.
  bool lists(std::string_view text) const;
  /// The `index`th 4-byte number; Errc::truncated if it has fewer.
  Result<u32> cell(usize index) const;
  /// The number in the `count` (0 to 2) cells from `index` on.
  Result<u64> cells(usize index, usize count) const;

 private:
  friend class Fdt;
  friend class FdtWalk;
  std::string_view
      names_;  // from the name's first character on; open() saw to it that a NUL follows
  std::span<const std::byte> bytes_;
  u32 offset_ = 0;
};

/// How the children of a node write their addresses, and whether these are the CPU's own.
struct FdtBus {
  static constexpr u8 kOdd = 0xff;  // a cell count that cannot be right

  u8 address_cells = 2, size_cells = 1;  // the specification's defaults
  bool identity = true;                  // false: behind a `ranges` that translates, or without any
};

/// One node, with the properties that decide what it is already picked out.
class FdtNode {
 public:
  /// With its unit address ("pl011@9000000"); the root's is empty.
  std::string_view name() const { return name_; }
  /// The name up to the '@'.
  std::string_view base_name() const { return name_.substr(0, name_.find('@')); }
  /// 0 for the root.
  unsigned depth() const { return depth_; }
  /// Where it starts in the tree.
  u32 offset() const { return offset_; }

  /// The first property called `name`.
  std::optional<FdtProperty> property(std::string_view name) const;
  /// True if `compatible` lists `name`.
  bool is_compatible(std::string_view name) const {
    return compatible_ && compatible_->lists(name);
  }
  /// False if no name in `compatible` begins with `prefix`: cheaper than asking for several.
  bool may_be_compatible(std::string_view prefix) const;
  /// False if `status` says that the device is not there or not for us.
  bool is_enabled() const;
  bool has_device_type(std::string_view type) const {
    return device_type_ && device_type_->lists(type);
  }

  bool has_reg() const { return reg_.has_value(); }
  /// How many ranges `reg` has; 0 if it has no `reg` or its length is odd.
  usize reg_count() const;
  /// The `index`th range of `reg`, as physical addresses. Errc::unsupported if an ancestor
  /// translates (or hides) the address, Errc::bad_range if it runs over the end of the address
  /// space.
  Result<PhysRange> reg(usize index) const;
  /// The address part of `reg`'s first entry, whatever the bus: a CPU's MPIDR.
  Result<u64> unit() const;
  /// The GIC interrupt number (SPIs from 32, PPIs from 16) of the `index`th entry of `interrupts`.
  Result<u32> interrupt(usize index) const;

 private:
  friend class Fdt;
  friend class FdtWalk;
  FdtNode() = default;

  const Fdt* fdt_ = nullptr;
  std::string_view name_;
  u32 offset_ = 0;
  u32 first_property_ = 0;
  unsigned depth_ = 0;
  FdtBus bus_;  // the parent's
  std::optional<FdtProperty> compatible_, reg_, interrupts_, device_type_, status_;
};

class Fdt {
 public:
  /// Deeper trees are refused.
  static constexpr unsigned kMaxDepth = 16;
  /// What total_size() needs to see.
  static constexpr usize kHeaderSize = 40;

  /// How long the tree that starts with `header` says it is, for who must map it before reading it.
  /// Errc::bad_format if it is no tree, Errc::truncated if `header` is shorter than kHeaderSize.
  static Result<u32> total_size(std::span<const std::byte> header);

  /// The tree in `bytes` (8-byte aligned; what follows the tree is ignored), wholly checked. The
  /// bytes must stay as they are while the Fdt or anything it gave is used.
  static Result<Fdt> open(std::span<const std::byte> bytes);

  u32 size() const { return size_; }

  /// The node at `path`: "/soc/uart@9000000", where unit addresses may be left out, or an alias
  /// ("serial0"); text from a ':' on is ignored, as in `stdout-path`. Errc::not_found.
  Result<FdtNode> find(std::string_view path) const;
  /// The first enabled node that is compatible with `name`. Errc::not_found.
  Result<FdtNode> find_compatible(std::string_view name) const;

  /// The `index`th entry of the memory reservation block, or nothing after the last.
  std::optional<PhysRange> reservation(usize index) const;

 private:
  friend class FdtNode;
  friend class FdtWalk;

  enum class Tag : u32 { begin_node = 1, end_node = 2, property = 3, nop = 4, end = 9 };
  struct Token {
    Tag tag;
    u32 next;               // offset of the token after it
    std::string_view name;  // begin_node, property
    FdtProperty property;
  };

  u32 word(u32 offset) const;
  Result<std::string_view> node_name_at(u32 offset) const;
  Result<Token> token_at(u32 offset) const;
  Result<Token> property_at(u32 offset) const;
  Result<void> read_header();
  Result<void> check_reservations() const;
  Result<void> check_strings() const;
  Result<void> check_structure() const;
  Result<FdtNode> find_absolute(std::string_view path) const;

  const std::byte* base_ = nullptr;
  u32 size_ = 0;
  u32 reservations_ = 0;
  u32 structure_ = 0, structure_end_ = 0;
  u32 strings_ = 0, strings_end_ = 0;
};

/// Visits every node of a tree once, parents before children, in one pass over the bytes:
/// `for (const FdtNode& node : FdtWalk(fdt))`.
class FdtWalk {
 public:
  explicit FdtWalk(const Fdt& fdt) : at_(fdt.structure_) { node_.fdt_ = &fdt; }

  /// Goes to the next node; false after the last.
  bool next();
  const FdtNode& node() const { return node_; }

  struct End {};
  class Iterator {
   public:
    explicit Iterator(FdtWalk& walk) : walk_(walk), more_(walk.next()) {}
    const FdtNode& operator*() const { return walk_.node(); }
    Iterator& operator++() {
      more_ = walk_.next();
      return *this;
    }
    bool operator!=(End) const { return more_; }

   private:
    FdtWalk& walk_;
    bool more_;
  };
  Iterator begin() { return Iterator(*this); }
  End end() { return {}; }

 private:
  void enter(const Fdt::Token& begin);
  void notice(const FdtProperty& property, FdtBus& children);

  u32 at_;
  unsigned open_ = 0;  // nodes begun and not ended
  FdtNode node_;
  std::array<FdtBus, Fdt::kMaxDepth + 1> buses_{};  // [d]: for the nodes of depth d
};

}  // namespace meridian
