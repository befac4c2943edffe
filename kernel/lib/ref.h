// SPDX-License-Identifier: MIT
/// Ref<T>: a share in an object that lives as long as anybody has one. The count is in the object
/// (RefCounted), so a Ref is one pointer, and any pointer to the object can become a Ref again.
#pragma once

#include <atomic>
#include <type_traits>
#include <utility>

#include "kernel/lib/check.h"
#include "kernel/lib/types.h"

namespace meridian {

/// What a T inherits to be held by Ref<T>. It starts with the one reference that Ref::adopt()
/// takes. T has `static void destroy(T*)`, called when the last reference is gone.
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void add_ref() const { references_.fetch_add(1, std::memory_order_relaxed); }
  /// The same for whoever finds the object without a reference of his own: false if the last one is
  /// gone. (Something must keep the object's memory meanwhile.)
  [[nodiscard]] bool try_add_ref() const {
    u64 count = references_.load(std::memory_order_relaxed);
    while (count != 0)
      if (references_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed))
        return true;
    return false;
  }
  /// True if this was the last one: the caller destroys the object.
  [[nodiscard]] bool drop_ref() const {
    const u64 before = references_.fetch_sub(1, std::memory_order_release);
    CHECK(before != 0);
    if (before != 1) return false;
    // Whoever destroys it must see what all the others did to it before they let go.
    std::atomic_thread_fence(std::memory_order_acquire);
    return true;
  }
  /// How many there are at this moment: 1 means that nobody but the caller has one.
  u64 references() const { return references_.load(std::memory_order_acquire); }

 protected:
  RefCounted() = default;
  ~RefCounted() = default;

 private:
  mutable std::atomic<u64> references_{1};
};

template <typename T>
class Ref {
 public:
  constexpr Ref() = default;
  /// Takes over the reference that a new object starts with.
  static Ref adopt(T& object) {
    Ref ref;
    ref.object_ = &object;
    return ref;
  }
  /// One more reference to an object that somebody holds already.
  explicit Ref(T& object) : object_(&object) { object.add_ref(); }

  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->add_ref();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  /// The same share, seen as one in a base class.
  template <typename U>
    requires(std::is_convertible_v<U*, T*> && !std::is_same_v<U, T>)
  Ref(Ref<U> other) noexcept : object_(other.let_go()) {}  // NOLINT: implicit by design
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { reset(); }

  void reset() {
    T* const object = std::exchange(object_, nullptr);
    if (object != nullptr && object->drop_ref()) T::destroy(object);
  }

  /// The share is the caller's now; adopt() takes it back.
  [[nodiscard]] T* let_go() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace meridian
