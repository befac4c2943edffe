// SPDX-License-Identifier: MIT
#include "kernel/devicetree/fdt.h"

#include <bit>

#include "kernel/lib/bits.h"

namespace meridian {
namespace {

constexpr u32 kMagic = 0xd00d'feed;
constexpr u32 kOldestVersion = 16;          // the first with today's tokens
constexpr u32 kVersionWithStructSize = 17;  // and the one that all of this is about
constexpr u32 kReservationSize = 16;
constexpr u32 kCell = 4;

/// Offsets of the header's fields (Devicetree Specification v0.4, 5.2 "Header").
enum HeaderField : u32 {
  kMagicAt = 0,
  kTotalSizeAt = 4,
  kStructAt = 8,
  kStringsAt = 12,
  kReservationsAt = 16,
  kVersionAt = 20,
  kLastCompatibleAt = 24,
  kStringsSizeAt = 32,
  kStructSizeAt = 36,
};

/// A big-endian cell; `bytes` is 4-byte aligned.
u32 load_cell(const std::byte* bytes) {
  u32 raw;
  __builtin_memcpy(&raw, __builtin_assume_aligned(bytes, kCell), sizeof raw);
  return std::endian::native == std::endian::little ? __builtin_bswap32(raw) : raw;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What names are made of. (The specification allows less; but this much can be printed.)
bool is_printable(std::byte b) { return b > std::byte{' '} && b <= std::byte{'~'}; }

u8 cell_count(const FdtProperty& property) {
  const Result<u32> count = property.as_u32();
  return count.has_value() && count.value() <= 4 ? static_cast<u8>(count.value()) : FdtBus::kOdd;
}

}  // namespace

// FdtProperty

Result<u32> FdtProperty::as_u32() const {
  if (bytes_.size() != kCell) return Error{Errc::bad_format, offset_};
  return load_cell(bytes_.data());
}

Result<u64> FdtProperty::as_u64() const {
  if (bytes_.size() != kCell && bytes_.size() != 2 * kCell) return Error{Errc::bad_format, offset_};
  return cells(0, bytes_.size() / kCell);
}

Result<std::string_view> FdtProperty::as_string() const {
  const std::string_view text = text_of(bytes_);
  const usize end = text.find('\0');
  if (end == std::string_view::npos) return Error{Errc::bad_format, offset_};
  return text.substr(0, end);
}

bool FdtProperty::lists(std::string_view wanted) const {
  std::string_view rest = text_of(bytes_);
  while (!rest.empty()) {
    const usize end = rest.find('\0');
    if (end == std::string_view::npos) return false;
    if (rest.substr(0, end) == wanted) return true;
    rest.remove_prefix(end + 1);
  }
  return false;
}

Result<u32> FdtProperty::cell(usize index) const {
  if (index >= bytes_.size() / kCell) return Error{Errc::truncated, offset_};
  return load_cell(bytes_.data() + index * kCell);
}

Result<u64> FdtProperty::cells(usize index, usize count) const {
  CHECK(count <= 2);
  u64 value = 0;
  for (usize i = 0; i < count; ++i) value = value << 32 | TRY(cell(index + i));
  return value;
}

// FdtNode

std::optional<FdtProperty> FdtNode::property(std::string_view name) const {
  u32 at = first_property_;
  for (;;) {
    const Fdt::Token token = fdt_->token_at(at).take();
    if (token.tag == Fdt::Tag::property) {
      if (token.property.is_named(name)) return token.property;
    } else if (token.tag != Fdt::Tag::nop) {
      return std::nullopt;
    }
    at = token.next;
  }
}

bool FdtNode::may_be_compatible(std::string_view prefix) const {
  if (!compatible_) return false;
  std::string_view rest = text_of(compatible_->bytes());
  while (!rest.empty()) {
    if (rest.starts_with(prefix)) return true;
    const usize end = rest.find('\0');
    if (end == std::string_view::npos) return false;
    rest.remove_prefix(end + 1);
  }
  return false;
}

bool FdtNode::is_enabled() const {
  return !status_ || status_->lists("okay") || status_->lists("ok");
}

usize FdtNode::reg_count() const {
  if (!reg_ || bus_.address_cells == FdtBus::kOdd || bus_.size_cells == FdtBus::kOdd) return 0;
  const usize entry = (usize{bus_.address_cells} + bus_.size_cells) * kCell;
  if (entry == 0 || reg_->bytes().size() % entry != 0) return 0;
  return reg_->bytes().size() / entry;
}

Result<PhysRange> FdtNode::reg(usize index) const {
  if (!reg_) return Error{Errc::not_found, offset_};
  if (!bus_.identity || bus_.address_cells == 0 || bus_.address_cells > 2 || bus_.size_cells > 2)
    return Error{Errc::unsupported, reg_->offset()};
  if (reg_count() == 0) return Error{Errc::bad_format, reg_->offset()};
  if (index >= reg_count()) return Error{Errc::not_found, reg_->offset()};

  const usize first = index * (usize{bus_.address_cells} + bus_.size_cells);
  const u64 start = TRY(reg_->cells(first, bus_.address_cells));
  const u64 size = TRY(reg_->cells(first + bus_.address_cells, bus_.size_cells));
  const PhysRange range(PhysAddr(start), size);
  if (range.wraps()) return Error{Errc::bad_range, reg_->offset()};
  return range;
}

Result<u64> FdtNode::unit() const {
  if (!reg_) return Error{Errc::not_found, offset_};
  if (bus_.address_cells == 0 || bus_.address_cells > 2)
    return Error{Errc::unsupported, reg_->offset()};
  return reg_->cells(0, bus_.address_cells);
}

Result<u32> FdtNode::interrupt(usize index) const {
  // The GIC's binding: type, number within the type, flags.
  constexpr usize kCells = 3;
  constexpr u32 kShared = 0, kPrivate = 1;
  constexpr u32 kFirstShared = 32, kFirstPrivate = 16, kMostShared = 988, kMostPrivate = 16;
  if (!interrupts_) return Error{Errc::not_found, offset_};
  if (interrupts_->bytes().size() % (kCells * kCell) != 0)
    return Error{Errc::unsupported, interrupts_->offset()};
  const u32 type = TRY(interrupts_->cell(index * kCells));
  const u32 number = TRY(interrupts_->cell(index * kCells + 1));
  if (type == kShared && number < kMostShared) return kFirstShared + number;
  if (type == kPrivate && number < kMostPrivate) return kFirstPrivate + number;
  return Error{Errc::bad_format, interrupts_->offset()};
}

// Fdt: checking

u32 Fdt::word(u32 offset) const { return load_cell(base_ + offset); }

Result<u32> Fdt::total_size(std::span<const std::byte> header) {
  if (!is_aligned(reinterpret_cast<usize>(header.data()), 8)) return Error{Errc::not_aligned, 0};
  if (header.size() < kHeaderSize) return Error{Errc::truncated, header.size()};
  if (load_cell(header.data() + kMagicAt) != kMagic) return Error{Errc::bad_format, kMagicAt};
  const u32 total = load_cell(header.data() + kTotalSizeAt);
  if (total < kHeaderSize) return Error{Errc::bad_format, kTotalSizeAt};
  return total;
}

Result<Fdt> Fdt::open(std::span<const std::byte> bytes) {
  Fdt fdt;
  fdt.size_ = TRY(total_size(bytes));
  if (fdt.size_ > bytes.size()) return Error{Errc::truncated, bytes.size()};
  fdt.base_ = bytes.data();
  TRY(fdt.read_header());
  TRY(fdt.check_reservations());
  TRY(fdt.check_strings());
  TRY(fdt.check_structure());
  return fdt;
}

Result<void> Fdt::read_header() {
  const u32 version = word(kVersionAt);
  if (version < kOldestVersion) return Error{Errc::unsupported, kVersionAt};
  if (word(kLastCompatibleAt) > kVersionWithStructSize)
    return Error{Errc::unsupported, kLastCompatibleAt};

  reservations_ = word(kReservationsAt);
  if (reservations_ < kHeaderSize || reservations_ >= size_ || !is_aligned(reservations_, 8))
    return Error{Errc::bad_format, kReservationsAt};

  structure_ = word(kStructAt);
  if (structure_ < kHeaderSize || structure_ >= size_ || !is_aligned(structure_, kCell))
    return Error{Errc::bad_format, kStructAt};
  const u32 rest = size_ - structure_;
  const u32 length = version < kVersionWithStructSize ? rest & ~(kCell - 1) : word(kStructSizeAt);
  if (length > rest || !is_aligned(length, kCell)) return Error{Errc::bad_format, kStructSizeAt};
  structure_end_ = structure_ + length;

  strings_ = word(kStringsAt);
  if (strings_ < kHeaderSize || strings_ > size_) return Error{Errc::bad_format, kStringsAt};
  if (word(kStringsSizeAt) > size_ - strings_) return Error{Errc::bad_format, kStringsSizeAt};
  strings_end_ = strings_ + word(kStringsSizeAt);
  return {};
}

Result<void> Fdt::check_reservations() const {
  for (u32 at = reservations_; size_ - at >= kReservationSize; at += kReservationSize) {
    const u64 start = u64{word(at)} << 32 | word(at + 4);
    const u64 length = u64{word(at + 8)} << 32 | word(at + 12);
    if (start == 0 && length == 0) return {};
    if (PhysRange(PhysAddr(start), length).wraps()) return Error{Errc::bad_range, at};
  }
  return Error{Errc::truncated, reservations_};  // it has no last entry
}

/// Names of properties, each with a NUL: then any offset into the block is a name, or the end of
/// one.
Result<void> Fdt::check_strings() const {
  for (u32 at = strings_; at < strings_end_; ++at)
    if (base_[at] != std::byte{0} && !is_printable(base_[at])) return Error{Errc::bad_format, at};
  if (strings_ != strings_end_ && base_[strings_end_ - 1] != std::byte{0})
    return Error{Errc::truncated, strings_end_ - 1};
  return {};
}

/// The text from `offset` up to its NUL, which lies in the structure block.
Result<std::string_view> Fdt::node_name_at(u32 offset) const {
  u32 at = offset;
  while (at < structure_end_ && is_printable(base_[at])) ++at;
  if (at == structure_end_) return Error{Errc::truncated, offset};
  if (base_[at] != std::byte{0}) return Error{Errc::bad_format, at};
  return text_of({base_ + offset, at - offset});
}

Result<Fdt::Token> Fdt::token_at(u32 offset) const {
  if (structure_end_ - offset < kCell) return Error{Errc::truncated, offset};
  const u32 raw = word(offset);
  Token token{static_cast<Tag>(raw), offset + kCell, {}, {}};
  switch (token.tag) {
    case Tag::begin_node: {
      token.name = TRY(node_name_at(token.next));
      const u32 end = token.next + static_cast<u32>(token.name.size()) + 1;
      token.next = static_cast<u32>(align_up(end, kCell));  // <= structure_end_, which is aligned
      return token;
    }
    case Tag::property:
      return property_at(offset);
    case Tag::end_node:
    case Tag::nop:
    case Tag::end:
      return token;
  }
  return Error{Errc::bad_format, offset};
}

Result<Fdt::Token> Fdt::property_at(u32 offset) const {
  constexpr u32 kPropertyHead = 3 * kCell;  // tag, length, name
  if (structure_end_ - offset < kPropertyHead) return Error{Errc::truncated, offset};
  const u32 length = word(offset + kCell);
  const u32 name = word(offset + 2 * kCell);
  const u32 value = offset + kPropertyHead;
  if (length > structure_end_ - value) return Error{Errc::truncated, offset};
  if (name >= strings_end_ - strings_) return Error{Errc::bad_format, offset};

  Token token{Tag::property, value + static_cast<u32>(align_up(length, kCell)), {}, {}};
  if (base_[strings_ + name] == std::byte{0}) return Error{Errc::bad_format, offset};
  token.property.names_ = text_of({base_ + strings_ + name, strings_end_ - strings_ - name});
  token.property.bytes_ = {base_ + value, length};
  token.property.offset_ = value;
  return token;
}

/// One root, nodes that nest, properties before children, names that can be printed.
Result<void> Fdt::check_structure() const {
  unsigned depth = 0;
  bool properties_may_follow = false, root_seen = false;
  for (u32 at = structure_;;) {
    const Token token = TRY(token_at(at));
    const Error broken{Errc::bad_format, at};
    switch (token.tag) {
      case Tag::begin_node:
        if (depth == 0 ? root_seen : token.name.empty()) return broken;
        if (depth > kMaxDepth) return Error{Errc::too_large, at};
        root_seen = properties_may_follow = true;
        ++depth;
        break;
      case Tag::end_node:
        if (depth == 0) return broken;
        properties_may_follow = false;
        --depth;
        break;
      case Tag::property:
        if (!properties_may_follow) return broken;
        break;
      case Tag::nop:
        break;
      case Tag::end:
        if (depth != 0 || !root_seen) return broken;
        return {};
    }
    at = token.next;
  }
}

std::optional<PhysRange> Fdt::reservation(usize index) const {
  for (u32 at = reservations_;; at += kReservationSize, --index) {
    const u64 start = u64{word(at)} << 32 | word(at + 4);
    const u64 length = u64{word(at + 8)} << 32 | word(at + 12);
    if (start == 0 && length == 0) return std::nullopt;
    if (index == 0) return PhysRange(PhysAddr(start), length);
  }
}

// Fdt: finding

Result<FdtNode> Fdt::find(std::string_view path) const {
  path = path.substr(0, path.find(':'));
  if (path.starts_with('/')) return find_absolute(path);
  const std::string_view alias = path.substr(0, path.find('/'));
  const FdtNode aliases = TRY(find_absolute("/aliases"));
  const std::optional<FdtProperty> property = aliases.property(alias);
  if (!property || alias != path) return Error{Errc::not_found};
  const std::string_view target = TRY(property->as_string());
  if (!target.starts_with('/')) return Error{Errc::not_found};
  return find_absolute(target);
}

Result<FdtNode> Fdt::find_absolute(std::string_view path) const {
  unsigned matched = 0;  // how deep the walk is on the path
  std::string_view rest = path.substr(path.find_first_not_of('/') == std::string_view::npos
                                          ? path.size()
                                          : path.find_first_not_of('/'));
  for (const FdtNode& node : FdtWalk(*this)) {
    if (rest.empty() && node.depth() == matched) return node;
    if (node.depth() <= matched && node.depth() != 0) break;  // left the node that matched so far
    if (node.depth() != matched + 1) continue;
    const std::string_view wanted = rest.substr(0, rest.find('/'));
    if (node.name() != wanted && node.base_name() != wanted) continue;
    ++matched;
    rest.remove_prefix(wanted.size());
    while (rest.starts_with('/')) rest.remove_prefix(1);
    if (rest.empty()) return node;
  }
  return Error{Errc::not_found};
}

Result<FdtNode> Fdt::find_compatible(std::string_view name) const {
  for (const FdtNode& node : FdtWalk(*this))
    if (node.is_compatible(name) && node.is_enabled()) return node;
  return Error{Errc::not_found};
}

// FdtWalk

bool FdtWalk::next() {
  const Fdt& fdt = *node_.fdt_;
  for (;;) {
    const Fdt::Token token = fdt.token_at(at_).take();
    if (token.tag == Fdt::Tag::end) return false;
    at_ = token.next;
    if (token.tag == Fdt::Tag::end_node) --open_;
    if (token.tag == Fdt::Tag::begin_node) {
      enter(token);
      return true;
    }
  }
}

/// Makes `begin` the current node, and reads past its properties.
void FdtWalk::enter(const Fdt::Token& begin) {
  const Fdt& fdt = *node_.fdt_;
  node_ = FdtNode();
  node_.fdt_ = &fdt;
  node_.name_ = begin.name;
  node_.first_property_ = at_;
  node_.offset_ =
      static_cast<u32>(reinterpret_cast<const std::byte*>(begin.name.data()) - fdt.base_) - kCell;
  node_.depth_ = open_++;
  node_.bus_ = buses_[node_.depth_];

  FdtBus children;
  children.identity = node_.depth_ == 0;  // until a `ranges` says so
  for (;;) {
    const Fdt::Token token = fdt.token_at(at_).take();
    if (token.tag == Fdt::Tag::property)
      notice(token.property, children);
    else if (token.tag != Fdt::Tag::nop)
      break;
    at_ = token.next;
  }
  if (node_.depth_ < Fdt::kMaxDepth) buses_[node_.depth_ + 1] = children;
}

/// The first character of a name tells most of them apart, which keeps the scan cheap.
void FdtWalk::notice(const FdtProperty& property, FdtBus& children) {
  const auto keep = [&](std::string_view name, std::optional<FdtProperty>& slot) {
    if (!slot && property.is_named(name)) slot = property;
  };
  switch (property.names_[0]) {
    case '#':
      if (property.is_named("#address-cells")) children.address_cells = cell_count(property);
      if (property.is_named("#size-cells")) children.size_cells = cell_count(property);
      break;
    case 'c':
      keep("compatible", node_.compatible_);
      break;
    case 'd':
      keep("device_type", node_.device_type_);
      break;
    case 'i':
      keep("interrupts", node_.interrupts_);
      break;
    case 'r':
      keep("reg", node_.reg_);
      if (property.is_named("ranges") && property.bytes().empty())
        children.identity = node_.bus_.identity;
      break;
    case 's':
      keep("status", node_.status_);
      break;
    default:
      break;
  }
}

}  // namespace meridian
