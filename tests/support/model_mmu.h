// SPDX-License-Identifier: MIT
/// A model MMU with a suspicious TLB: the judge of everything that changes page tables. It shares
/// no code with what it judges; how entries are decoded it learns from a Decoder, written from the
/// manual.
///
/// A real TLB may cache whatever a walk could have read, at any moment, for any address, and keep
/// it until an invalidation completes. This one caches all of it, always: at each point where it
/// looks (every TLB operation, every table freed, every question) it compares all tables it can
/// reach with what it saw last, and takes in every leaf and every link that is new, also through
/// links that are gone from memory but not yet from the TLB. What it holds is thus what a real TLB
/// might hold, and it reports: entries that no TLB may hold together, frames freed too soon, and
/// orders that do not hold.
///
/// Simplifications: it looks only at those points, so an entry written and overwritten in between
/// is not seen; hardware does not set access flags here.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fake_tables.h"
#include "mm/paging/format.h"

namespace meridian::model {

enum class Memory : u8 { write_back, uncached, device, device_strict, unknown };

/// What a leaf grants, as the CPU would see it.
struct Leaf {
  unsigned level = 0;
  u64 pa = 0;  // of its first byte
  Memory memory = Memory::unknown;
  bool el1_write = false, el1_execute = false;  // EL1 can always read
  bool el0_read = false, el0_write = false, el0_execute = false;
  bool global = false, accessed = false, contiguous = false;

  friend bool operator==(const Leaf&, const Leaf&) = default;
};

struct Decoded {
  enum class Is : u8 { invalid, table, leaf, reserved } is = Is::invalid;
  u64 table = 0;
  Leaf leaf{};
  const char* complaint = nullptr;  // of a reserved encoding
};

/// How a space's tables are laid out and what their words mean.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual Decoded decode(unsigned level, u64 raw) const = 0;

  unsigned first_level = 0;
  unsigned index_bits = 9;  // of each table but the root
  unsigned root_bits = 9;   // of the root
  bool high = false;        // the half that ends at 2^64, or the one that starts at 0
  std::array<unsigned, 4> group{1, 1, 1, 1};  // contiguous entries at each level

  u64 span(unsigned level) const { return u64{4096} << index_bits * (3 - level); }
  unsigned entries(unsigned level) const {
    return 1u << (level == first_level ? root_bits : index_bits);
  }
  u64 table_span(unsigned level) const { return span(level) * entries(level); }
  u64 half_size() const { return table_span(first_level); }
  u64 half_start() const { return high ? 0 - half_size() : 0; }
};

/// What can be wrong.
enum class Fault : u8 {
  reserved_encoding,   // an entry that the manual forbids
  conflicting_leaves,  // two translations of one address that differ in more than rights: no BBM
  conflicting_links,   // two tables at one place, so that a walk may take either
  broken_group,        // the contiguous bit on entries that are not a proper group
  table_reachable,     // a table was freed that a TLB may still walk to
  table_shared,        // one table is linked in two places
  invalidated_unpublished,  // a TLBI before the store that it is for was visible to walkers
  never_published,          // an operation ended before its stores were visible
  never_finished,           // an operation ended before its TLBIs were complete
};
const char* name_of(Fault fault);

struct Report {
  Fault fault;
  u64 va;
  std::string text;
};

/// What an access to one address may find.
struct Outcomes {
  struct Hit {
    u64 pa;  // of the byte itself
    Leaf leaf;
  };
  std::vector<Hit> hits;   // each translation that a TLB or a walk may give
  bool may_fault = false;  // a walk now gives none (or the access flag is clear)

  bool is_fault() const { return hits.empty() && may_fault; }
  bool is_just(u64 pa) const { return !may_fault && hits.size() == 1 && hits[0].pa == pa; }
};

class ModelMmu {
 public:
  ModelMmu(TableMemory& memory, const Decoder& decoder);
  ~ModelMmu();
  ModelMmu(const ModelMmu&) = delete;
  ModelMmu& operator=(const ModelMmu&) = delete;

  /// CPUs may use `root` from now on, with this ASID.
  void add_space(u64 root, unsigned asid);
  /// No CPU uses it any more, and its ASID was invalidated.
  void retire_space(unsigned asid);

  // What a Tlb does.
  enum class Reach : u8 { one_asid, all_asids };  // TLBI VAE1 and ASIDE1, or VAAE1 and VMALLE1
  void publish();
  void invalidate(Reach reach, unsigned asid, u64 va, u64 size, u64 stride, TlbScope scope);
  void invalidate_all(Reach reach, unsigned asid);
  void finish();

  /// What an access may find now.
  Outcomes outcomes(unsigned asid, u64 va);

  /// An operation is over: all must be published, finished and well-formed.
  void end_operation();
  /// The same for one that promised less: it leaves stores that somebody will publish later.
  void end_deferred_operation();

  /// How many tables a walk may reach, the roots among them, also through links that are only
  /// cached.
  usize reachable_tables();

  const std::vector<Report>& reports() const { return reports_; }
  bool has(Fault fault) const;
  void clear_reports() { reports_.clear(); }
  /// All reports in one text, for a test's message.
  std::string text() const;

 private:
  struct Space;
  struct Position {
    Space* space;
    unsigned level;
    u64 base;  // the first address that the table covers
    friend bool operator==(const Position&, const Position&) = default;
  };
  /// What the model knows of one table of the arena. Without a position, no walk reaches it.
  struct Table {
    u64 pa = 0;
    std::vector<Position> positions;
    std::vector<u64> seen;  // its words when the model last looked
  };
  struct Invalidation {
    bool all;
    Reach reach;
    unsigned asid;
    u64 va, size, stride;
    TlbScope scope;
  };

  void report(Fault fault, u64 va, const std::string& text);
  Table& table_at(u64 pa) { return tables_[memory_.index(pa)]; }
  void look();
  void look_at(Table& table);
  void place_table(u64 table, const Position& position);
  void cache_entry(const Position& position, u64 table, unsigned index);
  void cache_link(const Position& position, unsigned index, u64 next);
  void cache_leaf(Space& space, u64 base, const Leaf& leaf);
  void check_conflicts(Space& space, u64 base, const Leaf& leaf);
  void check_group(const Position& position, u64 table, unsigned index);
  void before_free(u64 table);
  void apply(const Invalidation& invalidation, Space& space);
  void forget_links(const Invalidation& invalidation, Space& space);
  void forget_leaves(const Invalidation& invalidation, Space& space);
  std::vector<u64> parents(const Space& space, unsigned level, u64 base) const;
  std::vector<Leaf> walkable_leaves(const Space& space, unsigned level, u64 base);
  Leaf leaf_in_group(unsigned level, const Leaf& leaf, unsigned from, unsigned to) const;
  Decoded decode_at(u64 table, unsigned level, unsigned index) const;

  TableMemory& memory_;
  const Decoder& decoder_;
  std::vector<std::unique_ptr<Space>> spaces_;
  std::vector<Table> tables_;  // by TableMemory::index()
  std::vector<Invalidation> pending_;
  std::vector<std::pair<u64, unsigned>> touched_;  // entries changed in this operation
  std::vector<Table*> to_look_at_;
  u64 settled_ = ~u64{0};  // the memory's accesses() when nothing was left to look at
  usize unpublished_removals_ = 0, unpublished_additions_ = 0;
  std::vector<Report> reports_;
};

/// A Tlb that tells the model what it is asked to do.
class ModelTlb {
 public:
  ModelTlb(ModelMmu& mmu, ModelMmu::Reach reach, unsigned asid = 0)
      : mmu_(&mmu), reach_(reach), asid_(asid) {}
  void publish() { mmu_->publish(); }
  void invalidate(VirtAddr va, u64 size, u64 stride, TlbScope scope) {
    mmu_->invalidate(reach_, asid_, va.value(), size, stride, scope);
  }
  void invalidate_all() { mmu_->invalidate_all(reach_, asid_); }
  void finish() { mmu_->finish(); }

 private:
  ModelMmu* mmu_;
  ModelMmu::Reach reach_;
  unsigned asid_;
};
static_assert(Tlb<ModelTlb>);

}  // namespace meridian::model
