// SPDX-License-Identifier: MIT
/// A glance at the device tree with the MMU off: is it one, how large is it, where is the UART that
/// a fatal stop can speak on, and what does the command line say (it names the layout). It
/// allocates nothing and believes nothing; kernel/devicetree reads the tree properly once the
/// kernel runs high. (Devicetree Specification, "Flattened Devicetree Format".)
#include "arch/aarch64/boot/boot.h"
#include "kernel/lib/bits.h"

namespace meridian::arch {
namespace {

constexpr u32 kMagic = 0xd00d'feed;
constexpr u64 kHeaderSize = 40;
enum class Token : u32 { begin_node = 1, end_node = 2, prop = 3, nop = 4, end = 9 };

/// `size` bytes at a physical address; a read outside gives 0, which is no token.
class Bytes {
 public:
  Bytes(PhysAddr start, u64 size) : start_(start.value()), size_(size) {}

  /// The big-endian word at `offset`, a multiple of 4.
  u32 word(u64 offset) const {
    if (offset >= size_ || size_ - offset < sizeof(u32)) return 0;
    return __builtin_bswap32(*reinterpret_cast<const u32*>(start_ + offset));
  }
  char byte(u64 offset) const {
    return offset < size_ ? *reinterpret_cast<const char*>(start_ + offset) : '\0';
  }
  /// Is the text at `offset` this, with its final zero?
  template <usize N>
  bool holds(u64 offset, const char (&text)[N]) const {
    for (usize i = 0; i < N; ++i)
      if (offset + i >= size_ || byte(offset + i) != text[i]) return false;
    return true;
  }
  /// The text at `offset`, up to its final zero; empty if it has none in `length` bytes.
  std::string_view text(u64 offset, u64 length) const {
    for (u64 i = 0; i < length && offset + i < size_; ++i)
      if (byte(offset + i) == '\0') return {reinterpret_cast<const char*>(start_ + offset), i};
    return {};
  }
  u64 size() const { return size_; }

 private:
  u64 start_, size_;
};

/// What is known of the node being read.
struct Node {
  bool is_chosen = false;
  bool is_uart = false;
  bool is_disabled = false;  // not there, or not for us (the secure world's)
  u64 registers = 0;

  bool is_usable_uart() const { return is_uart && !is_disabled && registers != 0; }
};

/// Is `text` one of the strings in the list of `length` bytes at `offset`?
template <usize N>
bool lists(const Bytes& tree, u64 offset, u64 length, const char (&text)[N]) {
  for (u64 i = 0; i + N <= length; ++i)
    if ((i == 0 || tree.byte(offset + i - 1) == '\0') && tree.holds(offset + i, text)) return true;
  return false;
}

void read_property(const Bytes& tree, u64 offset, Node& node, TreeGlance& seen) {
  const u64 length = tree.word(offset + 4);
  const u64 name = u64{tree.word(12)} + tree.word(offset + 8);
  const u64 value = offset + 12;
  if (length > tree.size()) return;
  if (tree.holds(name, "compatible")) node.is_uart |= lists(tree, value, length, "arm,pl011");
  if (tree.holds(name, "status")) node.is_disabled = tree.holds(value, "disabled");
  if (node.is_chosen && tree.holds(name, "bootargs")) seen.bootargs = tree.text(value, length);
  if (!tree.holds(name, "reg")) return;
  // One address cell and one size cell, or two and two: what machines with a PL011 have.
  if (length == 8) node.registers = tree.word(value);
  if (length >= 16) node.registers = u64{tree.word(value)} << 32 | tree.word(value + 4);
}

/// The length of the zero-terminated name at `offset`, with the zero.
u64 name_length(const Bytes& tree, u64 offset) {
  u64 length = 0;
  while (tree.byte(offset + length) != '\0') ++length;
  return length + 1;
}

/// The node that was read is over, or goes on after its children: what it says counts. The first
/// PL011 is the one.
void leave_node(Node& node, TreeGlance& seen) {
  if (node.is_usable_uart() && !seen.has_uart) {
    seen.has_uart = true;
    seen.uart = PhysAddr(node.registers);
  }
  node = {};
}

/// Reads nodes until the structure ends or breaks.
void look_through(const Bytes& tree, TreeGlance& seen) {
  Node node;
  for (u64 at = tree.word(8); at < tree.size();) {
    switch (static_cast<Token>(tree.word(at))) {
      case Token::begin_node:
        leave_node(node, seen);
        node.is_chosen = tree.holds(at + 4, "chosen");
        at += align_up(4 + name_length(tree, at + 4), 4);
        break;
      case Token::prop:
        read_property(tree, at, node, seen);
        at += align_up(u64{12} + tree.word(at + 4), 4);
        break;
      case Token::end_node:
        leave_node(node, seen);
        at += 4;
        break;
      case Token::nop:
        at += 4;
        break;
      case Token::end:
      default:  // no token at all: the tree is broken here
        return;
    }
  }
}

}  // namespace

Result<TreeGlance> glance_at_tree(PhysAddr tree) {
  if (!tree.is_aligned(8)) return Error{Errc::not_aligned, tree.value()};
  const Bytes header(tree, kHeaderSize);
  if (header.word(0) != kMagic) return Error{Errc::bad_format, 0};
  const u64 size = header.word(4);
  if (size > kMaxTreeSize) return Error{Errc::too_large, size};
  if (size < kHeaderSize) return Error{Errc::truncated, size};

  TreeGlance seen;
  seen.size = size;
  if (is_aligned(header.word(8), 4)) look_through(Bytes(tree, size), seen);
  return seen;
}

}  // namespace meridian::arch
