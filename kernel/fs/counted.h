// SPDX-License-Identifier: MIT
/// Where objects that are held by Ref come from, and go: kmalloc.
#pragma once

#include <new>
#include <utility>

#include "kernel/lib/ref.h"
#include "kernel/lib/result.h"
#include "mm/slab/kmalloc.h"

namespace meridian {

/// A new T. Errc::out_of_frames.
template <typename T, typename... Args>
Result<Ref<T>> make_counted(Args&&... args) {
  void* const memory = TRY(kmalloc(sizeof(T)));
  return Ref<T>::adopt(*new (memory) T(std::forward<Args>(args)...));
}

/// What T::destroy() does.
template <typename T>
void destroy_counted(T* object) {
  object->~T();
  kfree(object);
}

}  // namespace meridian
