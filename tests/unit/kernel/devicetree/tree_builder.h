// SPDX-License-Identifier: MIT
/// Writes flattened device trees for the tests, right ones and (field by field) wrong ones. It
/// follows the specification's chapter 5 and shares nothing with the reader.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kernel/lib/types.h"

namespace meridian {

class TreeBuilder {
 public:
  struct Header {
    u32 magic = 0xd00dfeed, total_size = 0, structure = 0, strings = 0, reservations = 0;
    u32 version = 17, last_compatible = 16, boot_cpu = 0, strings_size = 0, structure_size = 0;
  };

  TreeBuilder& begin(const std::string& name) {
    word(structure_, 1);
    text(structure_, name);
    while (structure_.size() % 4 != 0) structure_.push_back(std::byte{0});
    return *this;
  }
  TreeBuilder& end() { return token(2); }
  TreeBuilder& nop() { return token(4); }
  TreeBuilder& token(u32 value) {
    word(structure_, value);
    return *this;
  }
  TreeBuilder& bytes(const std::string& name, const std::string& value) {
    word(structure_, 3);
    word(structure_, static_cast<u32>(value.size()));
    word(structure_, string_offset(name));
    for (const char c : value) structure_.push_back(static_cast<std::byte>(c));
    while (structure_.size() % 4 != 0) structure_.push_back(std::byte{0});
    return *this;
  }
  /// A string or a list of them, each with its NUL.
  TreeBuilder& strings(const std::string& name, std::initializer_list<std::string> values) {
    std::string all;
    for (const std::string& value : values) all += value + '\0';
    return bytes(name, all);
  }
  TreeBuilder& cells(const std::string& name, std::initializer_list<u32> values) {
    std::string all;
    for (const u32 value : values)
      for (int shift = 24; shift >= 0; shift -= 8) all += static_cast<char>(value >> shift & 0xff);
    return bytes(name, all);
  }
  TreeBuilder& reserve(u64 start, u64 size) {
    reservations_.push_back({start, size});
    return *this;
  }

  /// The finished tree; `change` may spoil the header.
  template <typename Change>
  std::vector<std::byte> build(Change change) {
    word(structure_, 9);
    Header header;
    header.reservations = 40;
    header.structure = static_cast<u32>(40 + 16 * (reservations_.size() + 1));
    header.structure_size = static_cast<u32>(structure_.size());
    header.strings = header.structure + header.structure_size;
    header.strings_size = static_cast<u32>(strings_.size());
    header.total_size = header.strings + header.strings_size;
    change(header);
    std::vector<std::byte> out;
    for (const u32 value : {header.magic, header.total_size, header.structure, header.strings,
                            header.reservations, header.version, header.last_compatible,
                            header.boot_cpu, header.strings_size, header.structure_size})
      word(out, value);
    for (const auto& [start, size] : reservations_) {
      for (const u64 value : {start, size}) {
        word(out, static_cast<u32>(value >> 32));
        word(out, static_cast<u32>(value));
      }
    }
    out.resize(out.size() + 16);
    out.insert(out.end(), structure_.begin(), structure_.end());
    out.insert(out.end(), strings_.begin(), strings_.end());
    return out;
  }
  std::vector<std::byte> build() {
    return build([](Header&) {});
  }

 private:
  static void word(std::vector<std::byte>& to, u32 value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      to.push_back(static_cast<std::byte>(value >> shift & 0xff));
  }
  static void text(std::vector<std::byte>& to, const std::string& value) {
    for (const char c : value) to.push_back(static_cast<std::byte>(c));
    to.push_back(std::byte{0});
  }
  u32 string_offset(const std::string& name) {
    const auto known = offsets_.find(name);
    if (known != offsets_.end()) return known->second;
    const u32 offset = static_cast<u32>(strings_.size());
    text(strings_, name);
    return offsets_[name] = offset;
  }

  std::vector<std::byte> structure_, strings_;
  std::vector<std::pair<u64, u64>> reservations_;
  std::map<std::string, u32> offsets_;
};

}  // namespace meridian
