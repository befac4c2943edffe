// SPDX-License-Identifier: MIT
/// A doubly linked list through its elements: nothing is allocated, and an element can take itself
/// out. It may be a constinit object, which the kernel's globals must be.
#pragma once

#include "kernel/lib/check.h"

namespace meridian {

/// An element's place in a list; an element that can be in two lists has two.
template <typename T>
class ListHook {
 public:
  constexpr ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { CHECK(!is_linked()); }

  bool is_linked() const { return linked_; }

 private:
  template <typename U, ListHook<U> U::*>
  friend class List;
  T* previous_ = nullptr;
  T* next_ = nullptr;
  bool linked_ = false;
};

/// List<Thread, &Thread::ready_hook>
template <typename T, ListHook<T> T::*kHook>
class List {
 public:
  constexpr List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool is_empty() const { return first_ == nullptr; }
  T* front() const { return first_; }
  /// The element behind `item`; nullptr behind the last.
  static T* next(const T& item) { return (item.*kHook).next_; }

  void push_back(T& item) { insert_before(nullptr, item); }
  void push_front(T& item) { insert_before(first_, item); }
  /// `place` is in the list; nullptr is its end.
  void insert_before(T* place, T& item) {
    ListHook<T>& hook = item.*kHook;
    CHECK(!hook.linked_);
    hook.next_ = place;
    hook.previous_ = place == nullptr ? last_ : (place->*kHook).previous_;
    link_from(hook.previous_) = &item;
    link_back_from(place) = &item;
    hook.linked_ = true;
  }
  /// `item` is in this list.
  void erase(T& item) {
    ListHook<T>& hook = item.*kHook;
    CHECK(hook.linked_);
    link_from(hook.previous_) = hook.next_;
    link_back_from(hook.next_) = hook.previous_;
    hook.linked_ = false;
  }
  /// The first element, taken out; nullptr if there is none.
  T* pop_front() {
    T* const item = first_;
    if (item != nullptr) erase(*item);
    return item;
  }

 private:
  T*& link_from(T* item) { return item == nullptr ? first_ : (item->*kHook).next_; }
  T*& link_back_from(T* item) { return item == nullptr ? last_ : (item->*kHook).previous_; }

  T* first_ = nullptr;
  T* last_ = nullptr;
};

}  // namespace meridian
