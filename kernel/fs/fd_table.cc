// SPDX-License-Identifier: MIT
/// Files are closed without the lock: closing one may take long, and may wake somebody.
#include "kernel/fs/fd_table.h"

#include <bit>
#include <cstring>
#include <new>

#include "kernel/lib/bits.h"
#include "kernel/fs/record_locks.h"
#include "mm/slab/kmalloc.h"

namespace meridian {

// Sets of descriptors.

void FdTable::Bits::set(u32 fd, bool on) {
  u64& word = words_[fd / kBits];
  const u64 bit = u64{1} << fd % kBits, word_bit = u64{1} << fd / kBits;
  word = on ? word | bit : word & ~bit;
  full_ = word == ~u64{0} ? full_ | word_bit : full_ & ~word_bit;
  some_ = word != 0 ? some_ | word_bit : some_ & ~word_bit;
}

namespace {

/// The bits of `word` from bit `i` on, and behind it (nothing behind the last).
constexpr u64 bits_from(u64 word, u32 i) { return word & ~low_ones(i); }
constexpr u64 bits_behind(u64 word, u32 i) { return word & ~(low_ones(i) << 1 | 1); }

}  // namespace

u32 FdTable::Bits::next_set(u32 fd) const {
  if (fd >= kMost) return kMost;
  const u64 here = bits_from(words_[fd / kBits], fd % kBits);
  if (here != 0) return fd / kBits * kBits + static_cast<u32>(std::countr_zero(here));
  const u64 words = bits_behind(some_, fd / kBits);
  if (words == 0) return kMost;
  const u32 word = static_cast<u32>(std::countr_zero(words));
  return word * kBits + static_cast<u32>(std::countr_zero(words_[word]));
}

u32 FdTable::Bits::next_clear(u32 fd) const {
  if (fd >= kMost) return kMost;
  const u64 here = bits_from(~words_[fd / kBits], fd % kBits);
  if (here != 0) return fd / kBits * kBits + static_cast<u32>(std::countr_zero(here));
  const u64 words = bits_behind(~full_, fd / kBits);
  if (words == 0) return kMost;
  const u32 word = static_cast<u32>(std::countr_zero(words));
  return word * kBits + static_cast<u32>(std::countr_zero(~words_[word]));
}

// What is done with the lock held.

Ref<File> FdTable::Table::take(u32 fd) {
  if (!is_open(fd)) return {};
  used.set(fd, false);
  return Ref<File>::adopt(*files[fd]);
}

void FdTable::Table::place(u32 fd, Ref<File>& file, CloseOnExec how) {
  files[fd] = file.let_go();
  used.set(fd, true);
  close.set(fd, how == CloseOnExec::yes);
}

// The table.

Result<Ref<FdTable>> FdTable::make() {
  return Ref<FdTable>::adopt(*new (TRY(kmalloc(sizeof(FdTable)))) FdTable);
}

void FdTable::destroy(FdTable* table) {
  table->~FdTable();
  kfree(table);
}

FdTable::~FdTable() {
  close_range(0, kMost - 1);
  table_.with([](Table& table) { kfree(table.files); });
}

/// Room for `fd`, at least twice as much as before.
Result<void> FdTable::make_room(u32 fd) {
  const u32 size = std::bit_ceil(fd < kFirstSize ? kFirstSize : fd + 1);
  if (this->size() >= size) return {};
  auto** fresh = static_cast<File**>(TRY(kmalloc(size * sizeof(File*))));
  File** old = table_.with([&](Table& table) {
    if (table.size >= size) return fresh;  // somebody was faster
    if (table.size != 0) std::memcpy(fresh, table.files, table.size * sizeof(File*));
    table.size = size;
    return std::exchange(table.files, fresh);
  });
  kfree(old);
  return {};
}

Result<Ref<FdTable>> FdTable::copy() {
  Ref<FdTable> copy = TRY(make());
  for (;;) {
    const u32 size = this->size();
    if (size != 0) TRY(copy->make_room(size - 1));
    const bool done = table_.with([&](Table& table) {
      if (table.size > size) return false;  // it has grown meanwhile
      copy->table_.with([&](Table& other) {
        for (u32 fd = table.used.next_set(0); fd < kMost; fd = table.used.next_set(fd + 1)) {
          Ref<File> file(*table.files[fd]);
          other.place(fd, file, table.close.has(fd) ? CloseOnExec::yes : CloseOnExec::no);
        }
      });
      return true;
    });
    if (done) return copy;
  }
}

Result<Ref<File>> FdTable::get(u32 fd) {
  return table_.with([&](const Table& table) -> Result<Ref<File>> {
    if (!table.is_open(fd)) return Error{Errc::bad_descriptor, fd};
    return Ref<File>(*table.files[fd]);
  });
}

Result<u32> FdTable::add(Ref<File> file, CloseOnExec close, u32 limit, u32 least) {
  limit = limit < kMost ? limit : kMost;
  if (least >= limit && least != 0) return Error{Errc::invalid_argument, least};
  for (;;) {
    u32 fd = kMost;
    const bool done = table_.with([&](Table& table) {
      fd = table.used.next_clear(least);
      if (fd >= limit || fd >= table.size) return false;
      table.place(fd, file, close);
      return true;
    });
    if (done) return fd;
    if (fd >= limit) return Error{Errc::too_many_files, limit};
    TRY(make_room(fd));
  }
}

Result<void> FdTable::put(u32 fd, Ref<File> file, CloseOnExec close, u32 limit) {
  if (fd >= limit || fd >= kMost) return Error{Errc::bad_descriptor, fd};
  TRY(make_room(fd));
  const Ref<File> before = table_.with([&](Table& table) {
    Ref<File> old = table.take(fd);
    table.place(fd, file, close);
    return old;
  });
  if (before) record_locks().release(before->inode(), this);
  return {};
}

Result<void> FdTable::close(u32 fd) {
  const Ref<File> file = table_.with([&](Table& table) { return table.take(fd); });
  if (!file) return Error{Errc::bad_descriptor, fd};
  record_locks().release(file->inode(), this);
  return {};
}

void FdTable::close_range(u32 first, u32 last) {
  for (u32 fd = next(first); fd <= last && fd < kMost; fd = next(fd + 1)) (void)close(fd);
}

void FdTable::set_close_on_exec(u32 first, u32 last) {
  table_.with([&](Table& table) {
    for (u32 fd = table.used.next_set(first); fd <= last && fd < kMost;
         fd = table.used.next_set(fd + 1))
      table.close.set(fd, true);
  });
}

void FdTable::close_on_exec() {
  for (u32 fd = next(0); fd < kMost; fd = next(fd + 1)) {
    const Result<CloseOnExec> how = close_on_exec(fd);
    if (how.has_value() && how.value() == CloseOnExec::yes) (void)close(fd);
  }
}

Result<FdTable::CloseOnExec> FdTable::close_on_exec(u32 fd) {
  return table_.with([&](const Table& table) -> Result<CloseOnExec> {
    if (!table.is_open(fd)) return Error{Errc::bad_descriptor, fd};
    return table.close.has(fd) ? CloseOnExec::yes : CloseOnExec::no;
  });
}

Result<void> FdTable::set_close_on_exec(u32 fd, CloseOnExec close) {
  return table_.with([&](Table& table) -> Result<void> {
    if (!table.is_open(fd)) return Error{Errc::bad_descriptor, fd};
    table.close.set(fd, close == CloseOnExec::yes);
    return {};
  });
}

u32 FdTable::next(u32 fd) {
  return table_.with([&](const Table& table) { return table.used.next_set(fd); });
}

u32 FdTable::size() {
  return table_.with([](const Table& table) { return table.size; });
}

}  // namespace meridian
