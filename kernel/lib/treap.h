// SPDX-License-Identifier: MIT
/// Treap<T>: objects in ascending order of a key, found in logarithmic time; intrusive, so that
/// inserting cannot fail. It is a search tree by key and a heap by priority; priorities are random,
/// so its shape is that of a tree whose objects came in random order, however they did come. It
/// owns nothing; the caller holds a lock.
#pragma once

#include "kernel/lib/check.h"
#include "kernel/lib/types.h"

namespace meridian {

template <typename T>
struct TreapHook {
  T* left = nullptr;
  T* right = nullptr;
  u64 priority = 0;
};

/// `kKey(const T&)` gives an object's key; no two are equal.
template <typename T, TreapHook<T> T::*kHook, auto kKey>
class Treap {
 public:
  constexpr Treap() = default;
  Treap(const Treap&) = delete;
  Treap& operator=(const Treap&) = delete;

  bool is_empty() const { return root_ == nullptr; }

  template <typename Key>
  T* find(const Key& key) const {
    T* const found = at_least(key);
    return found != nullptr && !(key < kKey(*found)) ? found : nullptr;
  }
  /// The object with the smallest key that is not below `key`; nullptr if there is none.
  template <typename Key>
  T* at_least(const Key& key) const {
    T* best = nullptr;
    for (T* at = root_; at != nullptr;) {
      const bool below = kKey(*at) < key;
      if (!below) best = at;
      at = below ? hook(*at).right : hook(*at).left;
    }
    return best;
  }

  void insert(T& object) {
    const auto key = kKey(object);
    hook(object).priority = random();
    T** slot = &root_;
    while (*slot != nullptr && hook(**slot).priority >= hook(object).priority) {
      CHECK(key < kKey(**slot) || kKey(**slot) < key);
      slot = kKey(**slot) < key ? &hook(**slot).right : &hook(**slot).left;
    }
    split(*slot, key, &hook(object).left, &hook(object).right);
    *slot = &object;
  }
  void erase(T& object) {
    const auto key = kKey(object);
    T** slot = &root_;
    while (*slot != &object) {
      CHECK(*slot != nullptr);
      slot = kKey(**slot) < key ? &hook(**slot).right : &hook(**slot).left;
    }
    join(hook(object).left, hook(object).right, slot);
  }

 private:
  static TreapHook<T>& hook(T& object) { return object.*kHook; }

  /// Takes `tree` apart: what is below `key`, and the rest.
  template <typename Key>
  static void split(T* tree, const Key& key, T** below, T** rest) {
    while (tree != nullptr) {
      T** const side = kKey(*tree) < key ? below : rest;
      *side = tree;
      if (side == below)
        tree = *(below = &hook(*tree).right);
      else
        tree = *(rest = &hook(*tree).left);
    }
    *below = *rest = nullptr;
  }
  /// Puts one tree of what both hold into `slot`; all of `below` is below all of `rest`.
  static void join(T* below, T* rest, T** slot) {
    while (below != nullptr && rest != nullptr) {
      if (hook(*below).priority > hook(*rest).priority) {
        *slot = below;
        below = *(slot = &hook(*below).right);
      } else {
        *slot = rest;
        rest = *(slot = &hook(*rest).left);
      }
    }
    *slot = below != nullptr ? below : rest;
  }

  /// A xorshift generator (Marsaglia, "Xorshift RNGs", 2003).
  u64 random() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }

  T* root_ = nullptr;
  u64 state_ = 0x9e37'79b9'7f4a'7c15;
};

}  // namespace meridian
